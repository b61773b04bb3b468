package job_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/job"
)

const patience = 2 * time.Minute // for what must come, on a machine however busy

var quiet = slog.New(slog.DiscardHandler)

func TestAJobArrivesAsItWasEnqueued(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	jobs := make(chan job.Job, 1)
	serve(t, rdb, job.Config{}, func(_ context.Context, j job.Job) error { jobs <- j; return nil }, nil)
	enqueue(t, rdb, job.Job{Kind: "clip:finish", ID: "clip:finish/c1/main/1", Lane: domain.LaneManual, Payload: []byte("cut")})
	want := job.Job{Kind: "clip:finish", ID: "clip:finish/c1/main/1", Lane: domain.LaneManual, Payload: []byte("cut"), Attempt: 1}
	if got := next(t, jobs); !reflect.DeepEqual(got, want) {
		t.Errorf("enqueued %+v, got %+v", want, got)
	}
}

func TestAJobEnqueuedTwiceRunsOnce(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	for range 3 {
		enqueue(t, rdb, finish("c1"))
	}
	enqueue(t, rdb, finish("c2"))
	jobs := make(chan job.Job, 8)
	begun, goOn := make(chan struct{}), make(chan struct{})
	stop := serve(t, rdb, job.Config{Workers: 1}, func(_ context.Context, j job.Job) error {
		if j.ID == finish("c1").ID {
			close(begun) // panics when it runs twice
			<-goOn
		}
		jobs <- j
		return nil
	}, nil)
	next(t, begun)
	enqueue(t, rdb, finish("c1")) // running now
	close(goOn)
	next(t, jobs)
	next(t, jobs)
	stop()
	if len(jobs) != 0 {
		t.Errorf("ran again: %v", <-jobs)
	}
}

func TestADelayedJobWaits(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	later := finish("later")
	later.Delay = 300 * time.Millisecond
	due := time.Now().Add(later.Delay)
	enqueue(t, rdb, later)
	jobs := make(chan time.Time, 1)
	serve(t, rdb, job.Config{}, func(context.Context, job.Job) error { jobs <- time.Now(); return nil }, nil)
	if began := next(t, jobs); began.Before(due.Truncate(time.Second)) { // asynq keeps whole seconds
		t.Errorf("began %s early", due.Sub(began))
	}
}

func TestLiveJobsGoBeforeBatchJobsWhenStrict(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	var want []string
	for _, lane := range []domain.Lane{domain.LaneBatch, domain.LaneManual, domain.LaneLive} {
		for i := range 3 {
			enqueue(t, rdb, job.Job{Kind: "clip:finish", ID: fmt.Sprintf("%s%d", lane, i), Lane: lane})
		}
	}
	for _, lane := range []domain.Lane{domain.LaneLive, domain.LaneManual, domain.LaneBatch} {
		for i := range 3 {
			want = append(want, fmt.Sprintf("%s%d", lane, i))
		}
	}
	jobs := make(chan string, 9)
	serve(t, rdb, job.Config{Workers: 1, Strict: true}, func(_ context.Context, j job.Job) error { jobs <- j.ID; return nil }, nil)
	var got []string
	for range want {
		got = append(got, next(t, jobs))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("ran in the order %v", got)
	}
}

func TestAFailedAttemptIsRetriedWithItsNumber(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	attempts := make(chan int, 8)
	serve(t, rdb, job.Config{MaxRetry: 3, Backoff: time.Millisecond}, func(_ context.Context, j job.Job) error {
		attempts <- j.Attempt
		if j.Attempt < 3 {
			return errors.New("the store is away")
		}
		return nil
	}, nil)
	enqueue(t, rdb, finish("c1"))
	for want := 1; want <= 3; want++ {
		if got := next(t, attempts); got != want {
			t.Errorf("attempt %d came as number %d", want, got)
		}
	}
}

func TestAJobThatWaitsComesBackWithoutAWarningOrATry(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	var log bytes.Buffer
	jobs := make(chan job.Job, 8)
	server := job.NewServer(rdb, job.Config{Service: "test", MaxRetry: 1}, map[string]job.Handler{"clip:finish": func(_ context.Context, j job.Job) error {
		jobs <- j
		if len(jobs) < 4 {
			return fmt.Errorf("finish: %w", job.Later{After: time.Millisecond, Why: errors.New("more is to come")})
		}
		return nil
	}}, nil, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})), nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, 10*time.Second) }()
	enqueue(t, rdb, finish("c1"))
	eventually(t, "done", func() bool { return len(jobs) == 4 })
	stop()
	if err := next(t, ended); err != nil || log.Len() > 0 {
		t.Errorf("ended with %v, said %s", err, log.String())
	}
	for i := range 4 {
		if j := <-jobs; j.Attempt != 1 || (j.Waited > 0) != (i > 0) {
			t.Errorf("delivery %d is attempt %d that waited %s", i, j.Attempt, j.Waited)
		}
	}
	if known, err := rdb.Exists(t.Context(), "liveclip:{test:live}:waits:"+finish("c1").ID).Result(); err != nil || known != 0 {
		t.Errorf("remembered when it was done: %d, %v", known, err)
	}
}

func TestAJobOutOfTriesFails(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	failures, attempts := make(chan string, 2), make(chan int, 8)
	serve(t, rdb, job.Config{MaxRetry: 1, Backoff: time.Millisecond}, func(_ context.Context, j job.Job) error {
		attempts <- j.Attempt
		return errors.New("the store is away")
	}, func(_ context.Context, j job.Job, err error) { failures <- j.ID + ": " + err.Error() })
	enqueue(t, rdb, finish("c1"))
	if got, want := next(t, failures), finish("c1").ID+": the store is away"; got != want {
		t.Errorf("told %q", got)
	}
	if len(attempts) != 2 {
		t.Errorf("took %d attempts", len(attempts))
	}
}

func TestAPermanentErrorFailsAtOnceAndItsReasonIsKept(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	failures, attempts := make(chan error, 2), make(chan int, 8)
	serve(t, rdb, job.Config{MaxRetry: 5}, func(_ context.Context, j job.Job) error {
		attempts <- j.Attempt
		return domain.Permanent(errors.New("no such segment"))
	}, func(_ context.Context, j job.Job, err error) { failures <- err })
	enqueue(t, rdb, finish("c1"))
	if err := next(t, failures); !domain.IsPermanent(err) {
		t.Errorf("told %v", err)
	}
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	eventually(t, "archived with its reason", func() bool {
		info, err := inspector.GetTaskInfo("test:live", finish("c1").ID)
		return err == nil && info.State == asynq.TaskStateArchived && strings.Contains(info.LastErr, "no such segment")
	})
	if len(attempts) != 1 {
		t.Errorf("took %d attempts", len(attempts))
	}
	// Asked for again, it is tried again: whoever asks has not heard that it failed.
	enqueue(t, rdb, finish("c1"))
	next(t, failures)
}

func TestAPanicIsAFailedAttempt(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	done := make(chan struct{})
	serve(t, rdb, job.Config{Backoff: time.Millisecond}, func(_ context.Context, j job.Job) error {
		if j.Attempt == 1 {
			panic("index out of range")
		}
		close(done)
		return nil
	}, nil)
	enqueue(t, rdb, finish("c1"))
	next(t, done)
}

func TestAnAttemptThatTakesTooLongIsRetried(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	done := make(chan struct{}, 100)
	serve(t, rdb, job.Config{Timeout: 50 * time.Millisecond, Backoff: time.Millisecond, MaxRetry: 100}, func(ctx context.Context, j job.Job) error {
		if j.Attempt == 1 {
			<-ctx.Done()
			return ctx.Err()
		}
		done <- struct{}{}
		return nil
	}, nil)
	enqueue(t, rdb, finish("c1"))
	next(t, done)
}

func TestAKindWithoutHandlerFails(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	failures := make(chan error, 1)
	serve(t, rdb, job.Config{}, nil, func(_ context.Context, _ job.Job, err error) { failures <- err })
	enqueue(t, rdb, job.Job{Kind: "clip:unheard", ID: "x"})
	if err := next(t, failures); !strings.Contains(err.Error(), "clip:unheard") {
		t.Errorf("told %v", err)
	}
}

func TestASecondDeliveryStepsAsideWhileTheFirstLives(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	// Another worker holds the lease for a while, then is gone.
	if err := rdb.Set(t.Context(), "liveclip:{test:live}:lease:"+finish("c1").ID, "another", 500*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	attempts := make(chan int, 2)
	serve(t, rdb, job.Config{}, func(ctx context.Context, j job.Job) error {
		if held, _ := rdb.Get(ctx, "liveclip:{test:live}:lease:"+j.ID).Result(); held == "another" {
			t.Error("ran while another held the lease")
		}
		attempts <- j.Attempt
		return nil
	}, nil)
	enqueue(t, rdb, finish("c1"))
	if got := next(t, attempts); got != 1 {
		t.Errorf("stepping aside counted: attempt %d", got)
	}
}

func TestAWorkerStopsWhenItsLeaseIsAnothers(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	begun, causes := make(chan struct{}, 2), make(chan error, 2)
	serve(t, rdb, job.Config{Lease: 4 * time.Second}, func(ctx context.Context, j job.Job) error {
		begun <- struct{}{}
		if len(causes) == 0 {
			<-ctx.Done()
			causes <- context.Cause(ctx)
		}
		return nil
	}, nil)
	enqueue(t, rdb, finish("c1"))
	next(t, begun)
	if err := rdb.Set(t.Context(), "liveclip:{test:live}:lease:"+finish("c1").ID, "another", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if cause := next(t, causes); cause == nil || !strings.Contains(cause.Error(), "taken over") {
		t.Errorf("stopped because of %v", cause)
	}
}

func TestAJobOfAKilledWorkerRunsAgainByItself(t *testing.T) {
	const variable = "LIVECLIP_JOBTEST_REDIS"
	config := job.Config{Service: "test", Workers: 2, Lease: 3 * time.Second}
	if address := os.Getenv(variable); address != "" { // the worker that will be killed
		rdb := redis.NewClient(&redis.Options{Addr: address})
		_ = job.NewServer(rdb, config, map[string]job.Handler{"clip:finish": func(context.Context, job.Job) error {
			fmt.Println("began")
			select {}
		}}, nil, quiet, nil).Run(context.Background(), 0)
		return
	}
	rdb := embeddedtest.Redis(t)
	worker := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	worker.Env = append(os.Environ(), variable+"="+rdb.(*redis.Client).Options().Addr)
	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Process.Kill(); _ = worker.Wait() })
	enqueue(t, rdb, finish("c1"))
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "began\n" {
		t.Fatalf("the worker said %q, %v", line, err)
	}
	_ = worker.Process.Kill()

	jobs := make(chan job.Job, 8)
	stop := serve(t, rdb, config, func(_ context.Context, j job.Job) error { jobs <- j; return nil }, nil)
	serve(t, rdb, config, func(_ context.Context, j job.Job) error { jobs <- j; return nil }, nil) // both look after it
	enqueue(t, rdb, finish("c1"))                                                                  // as a sweeper does
	if j := next(t, jobs); j.ID != finish("c1").ID || j.Attempt != 2 {
		t.Errorf("ran again as %+v, want the second attempt", j)
	}
	enqueue(t, rdb, finish("c2"))
	next(t, jobs)
	stop()
	if len(jobs) != 0 {
		t.Errorf("ran once more: %+v", <-jobs)
	}
}

func TestAJobLostWithRedisRunsWhenAskedForAgain(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	client := job.NewClient(rdb, "test")
	if err := client.Enqueue(t.Context(), finish("c1")); err != nil {
		t.Fatal(err)
	}
	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	serve(t, rdb, job.Config{}, func(context.Context, job.Job) error { close(done); return nil }, nil)
	for range 2 {
		if err := client.Enqueue(t.Context(), finish("c1")); err != nil {
			t.Fatal(err)
		}
	}
	next(t, done)
}

func TestWhatIsInHandIsDoneBeforeRunReturns(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	begun, goOn, done := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	stop := serve(t, rdb, job.Config{}, func(ctx context.Context, _ job.Job) error {
		close(begun)
		<-goOn
		done <- struct{}{}
		return ctx.Err()
	}, nil)
	enqueue(t, rdb, finish("c1"))
	next(t, begun)
	time.AfterFunc(50*time.Millisecond, func() { close(goOn) })
	stop()
	if len(done) != 1 {
		t.Error("Run returned before its job was done")
	}
}

func TestWhatIsNotDoneInTimeGoesBackOnItsQueue(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	begun := make(chan struct{}, 1)
	server := newServer(rdb, job.Config{}, func(ctx context.Context, _ job.Job) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, 50*time.Millisecond) }()
	enqueue(t, rdb, finish("c1"))
	next(t, begun)
	cancel()
	if err := next(t, ended); err != nil {
		t.Error(err)
	}
	done := make(chan int, 1)
	serve(t, rdb, job.Config{}, func(_ context.Context, j job.Job) error { done <- j.Attempt; return nil }, nil)
	if got := next(t, done); got != 1 {
		t.Errorf("going back on the queue counted: attempt %d", got)
	}
}

func TestEnqueueRefusesWhatCannotRun(t *testing.T) {
	client := job.NewClient(redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}), "test")
	for _, j := range []job.Job{{Kind: "k"}, {ID: "i"}, {Kind: "k", ID: "i", Lane: "express"}} {
		if err := client.Enqueue(t.Context(), j); !domain.IsPermanent(err) {
			t.Errorf("enqueue %+v: %v", j, err)
		}
	}
}

func finish(clip string) job.Job {
	return job.Job{Kind: "clip:finish", ID: "clip:finish/" + clip + "/main/1", Lane: domain.LaneLive}
}

func enqueue(t *testing.T, rdb redis.UniversalClient, j job.Job) {
	t.Helper()
	if err := job.NewClient(rdb, "test").Enqueue(t.Context(), j); err != nil {
		t.Fatal(err)
	}
}

func newServer(rdb redis.UniversalClient, config job.Config, h job.Handler, failed func(context.Context, job.Job, error)) *job.Server {
	config.Service = "test"
	return job.NewServer(rdb, config, map[string]job.Handler{"clip:finish": h}, failed, quiet, nil)
}

func serve(t *testing.T, rdb redis.UniversalClient, config job.Config, h job.Handler, failed func(context.Context, job.Job, error)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- newServer(rdb, config, h, failed).Run(ctx, 10*time.Second) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := next(t, ended); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: never", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func zAt(at time.Time, member string) redis.Z {
	return redis.Z{Score: float64(at.Unix()), Member: member}
}
