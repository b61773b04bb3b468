package job_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/job"
)

func of(share string, n int) job.Job {
	return job.Job{Kind: "clip:finish", ID: fmt.Sprintf("%s/%d", share, n), Lane: domain.LaneLive, Share: share}
}

func TestAFloodOfOneShareKeepsNoOtherWaiting(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	const flood = 300
	for i := range flood {
		enqueue(t, rdb, of("default/loud", i))
	}
	enqueue(t, rdb, of("default/loud", 7)) // again
	for i := range 3 {
		enqueue(t, rdb, of("default/quiet", i))
	}
	jobs := make(chan string, flood+10)
	serve(t, rdb, job.Config{Workers: 2}, func(_ context.Context, j job.Job) error { jobs <- j.ID; return nil }, nil)
	var order []string
	for range flood + 3 {
		order = append(order, next(t, jobs))
	}
	if last := slices.Index(order, "default/quiet/2"); last < 0 || last > 40 {
		t.Errorf("the quiet share's third job came as number %d", last)
	}
	slices.Sort(order)
	if n := len(slices.Compact(order)); n != flood+3 || len(jobs) != 0 {
		t.Errorf("%d different jobs ran, and %d more", n, len(jobs))
	}
}

func TestParkedJobsOfAKilledWorkersShareGo(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	const all = 40
	for i := range all {
		enqueue(t, rdb, of("default/room", i))
	}
	// A worker was killed after it ended jobs, before it let the next ones go: they are on the share's list, and gone or parked.
	if err := rdb.Del(t.Context(), "asynq:{test:live}:pending").Err(); err != nil {
		t.Fatal(err)
	}
	for i := range 16 {
		if err := rdb.Del(t.Context(), "asynq:{test:live}:t:"+of("default/room", i).ID).Err(); err != nil {
			t.Fatal(err)
		}
	}
	popped, err := rdb.ZPopMin(t.Context(), "liveclip:{test:live}:parked:default/room").Result()
	if err != nil || len(popped) != 1 {
		t.Fatalf("%v, %v", popped, err)
	}
	if err := rdb.SAdd(t.Context(), "liveclip:{test:live}:share:default/room", popped[0].Member).Err(); err != nil {
		t.Fatal(err)
	}
	jobs := make(chan string, all)
	serve(t, rdb, job.Config{Workers: 4}, func(_ context.Context, j job.Job) error { jobs <- j.ID; return nil }, nil)
	got := map[string]bool{}
	for range all - 16 {
		got[next(t, jobs)] = true
	}
	if len(got) != all-16 {
		t.Errorf("%d of %d ran", len(got), all-16)
	}
}

func TestACancelledJobEndsWhereverItIs(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	client := job.NewClient(rdb, "test")
	begun, causes := make(chan string, 8), make(chan error, 8)
	failed := func(_ context.Context, j job.Job, err error) { t.Errorf("job %s failed: %v", j.ID, err) }
	handler := func(ctx context.Context, j job.Job) error {
		begun <- j.ID
		if j.ID == "after" {
			return nil
		}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	}
	serve(t, rdb, job.Config{Workers: 1}, handler, failed)
	for _, id := range []string{"running", "waiting"} {
		enqueue(t, rdb, job.Job{Kind: "clip:finish", ID: id})
	}
	next(t, begun)
	for _, id := range []string{"waiting", "running", "unknown"} {
		if err := client.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if cause := next(t, causes); !errors.Is(cause, job.ErrCanceled) {
		t.Errorf("ended because of %v", cause)
	}
	enqueue(t, rdb, job.Job{Kind: "clip:finish", ID: "running"}) // as a sweeper does that has not heard
	enqueue(t, rdb, job.Job{Kind: "clip:finish", ID: "after"})
	if id := next(t, begun); id != "after" {
		t.Errorf("%s ran though it was cancelled", id)
	}
}

func TestACanceledJobThatIsAllowedAgainRuns(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	client := job.NewClient(rdb, "test")
	begun, causes, wanted := make(chan struct{}, 1), make(chan error, 1), make(chan struct{}, 100)
	var allowed atomic.Bool
	serve(t, rdb, job.Config{}, func(ctx context.Context, _ job.Job) error {
		if allowed.Load() {
			wanted <- struct{}{}
			return nil
		}
		begun <- struct{}{}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	}, nil)
	enqueue(t, rdb, finish("c1"))
	next(t, begun)
	if err := client.Cancel(t.Context(), finish("c1").ID); err != nil {
		t.Fatal(err)
	}
	if cause := next(t, causes); !errors.Is(cause, job.ErrCanceled) {
		t.Errorf("ended because of %v", cause)
	}
	allowed.Store(true)
	if err := client.Allow(t.Context(), finish("c1").ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "done after all", func() bool { // asked for again and again, as a sweeper does
		enqueue(t, rdb, finish("c1"))
		return len(wanted) > 0
	})
}

func TestACancelThatWasMissedIsFoundWhenTheLeaseIsRenewed(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	begun, causes := make(chan struct{}), make(chan error, 1)
	serve(t, rdb, job.Config{Lease: 4 * time.Second}, func(ctx context.Context, _ job.Job) error {
		close(begun)
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil
	}, nil)
	enqueue(t, rdb, finish("c1"))
	next(t, begun)
	if err := rdb.Set(t.Context(), "liveclip:{test:live}:canceled:"+finish("c1").ID, "", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if cause := next(t, causes); !errors.Is(cause, job.ErrCanceled) {
		t.Errorf("ended because of %v", cause)
	}
}

func TestAClockAnHourOffLosesNoJobAndRunsNoneTwice(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		rdb := embeddedtest.Redis(t)
		begun, goOn := make(chan struct{}, 8), make(chan struct{})
		var atOnce, most atomic.Int32
		handler := func(context.Context, job.Job) error {
			most.Store(max(most.Load(), atOnce.Add(1)))
			defer atOnce.Add(-1)
			begun <- struct{}{}
			<-goOn
			return nil
		}
		serve(t, rdb, job.Config{Workers: 4, Lease: 3 * time.Second}, handler, nil)
		enqueue(t, rdb, finish("c1"))
		next(t, begun)
		// asynq's lease is by the clock of the worker that took the job.
		if err := rdb.ZAdd(t.Context(), "asynq:{test:live}:lease", zAt(time.Now().Add(off), finish("c1").ID)).Err(); err != nil {
			t.Fatal(err)
		}
		serve(t, rdb, job.Config{Workers: 4, Lease: 3 * time.Second}, handler, nil) // asynq looks for lost jobs when it starts
		late := finish("late")
		late.Delay = time.Second
		enqueue(t, rdb, late)
		next(t, begun)
		if n := most.Load(); n > 2 { // c1 once, late once
			t.Errorf("clock off by %s: %d ran at once", off, n)
		}
		close(goOn)
		eventually(t, "nothing left", func() bool {
			n, err := rdb.Exists(t.Context(), "asynq:{test:live}:t:"+finish("c1").ID, "asynq:{test:live}:t:"+late.ID).Result()
			return err == nil && n == 0
		})
	}
}

func TestAnOperatorPausesDrainsAndResumes(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	control := job.NewControl(rdb)
	if err := control.Pause(t.Context(), "test", ""); !domain.IsPermanent(err) || !strings.Contains(err.Error(), "test") {
		t.Errorf("a service without queues: %v", err)
	}
	begun, goOn := make(chan string, 8), make(chan struct{})
	serve(t, rdb, job.Config{Workers: 1}, func(_ context.Context, j job.Job) error {
		begun <- j.ID
		<-goOn
		return nil
	}, nil)
	enqueue(t, rdb, finish("c1"))
	next(t, begun)
	enqueue(t, rdb, finish("c2"))
	drained := make(chan error, 1)
	go func() { drained <- control.Drain(t.Context(), "test", "") }()
	eventually(t, "paused", func() bool {
		queues, err := control.Queues(t.Context())
		return err == nil && len(queues) == 1 && queues[0].Paused
	})
	queues, err := control.Queues(t.Context())
	want := job.Queue{Service: "test", Lane: domain.LaneLive, Paused: true, Waiting: 1, Running: 1}
	if err == nil {
		queues[0].Oldest = 0
	}
	if err != nil || queues[0] != want {
		t.Errorf("queues %+v, %v, want %+v", queues, err, want)
	}
	goOn <- struct{}{}
	if err := next(t, drained); err != nil || len(begun) != 0 {
		t.Errorf("drained: %v; %d began meanwhile", err, len(begun))
	}
	for range 2 { // the second changes nothing
		if err := control.Resume(t.Context(), "test", domain.LaneLive); err != nil {
			t.Fatal(err)
		}
	}
	if id := next(t, begun); id != finish("c2").ID {
		t.Errorf("%s ran", id)
	}
	close(goOn)
}

func TestTheDeadAreKeptWithTheirReasonAndTriedAgainWhenAsked(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	control := job.NewControl(rdb)
	var tries atomic.Int32
	serve(t, rdb, job.Config{}, func(context.Context, job.Job) error {
		if tries.Add(1) == 1 {
			return domain.Permanent(errors.New("no such segment"))
		}
		return nil
	}, nil)
	enqueue(t, rdb, finish("c1"))
	var dead []job.Dead
	eventually(t, "dead", func() bool {
		var err error
		dead, err = control.Dead(t.Context(), "test")
		return err == nil && len(dead) == 1
	})
	if d := dead[0]; d.ID != finish("c1").ID || !strings.Contains(d.Why, "no such segment") || d.Lane != domain.LaneLive || d.At.IsZero() {
		t.Errorf("dead %+v", d)
	}
	if _, err := control.Retry(t.Context(), "test", "another"); !domain.IsPermanent(err) {
		t.Errorf("an unknown one: %v", err)
	}
	if n, err := control.Retry(t.Context(), "test", finish("c1").ID); n != 1 || err != nil {
		t.Errorf("retried %d, %v", n, err)
	}
	eventually(t, "done", func() bool {
		left, err := control.Dead(t.Context(), "test")
		return err == nil && len(left) == 0 && tries.Load() == 2
	})
}
