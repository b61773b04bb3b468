package job

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
)

// The broker stands in for one script of asynq's: what it leaves in Redis must be what asynq leaves.
func TestATaskIsTakenOffItsQueueAsAsynqDoes(t *testing.T) {
	held := func(serve func(rdb redis.UniversalClient, begun chan<- struct{}, goOn <-chan struct{})) map[string]any {
		rdb := embeddedtest.Redis(t)
		if err := NewClient(rdb, "test").Enqueue(t.Context(), Job{Kind: "work", ID: "a", Lane: domain.LaneManual}); err != nil {
			t.Fatal(err)
		}
		begun, goOn := make(chan struct{}), make(chan struct{})
		defer close(goOn)
		serve(rdb, begun, goOn)
		<-begun
		return leftIn(t, rdb, "asynq:{test:manual}:")
	}
	want := held(func(rdb redis.UniversalClient, begun chan<- struct{}, goOn <-chan struct{}) {
		bare := asynq.NewServerFromRedisClient(rdb, asynq.Config{Queues: map[string]int{"test:manual": 1}, LogLevel: asynq.FatalLevel, TaskCheckInterval: time.Millisecond})
		if err := bare.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { begun <- struct{}{}; <-goOn; return nil })); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(bare.Shutdown)
	})
	got := held(func(rdb redis.UniversalClient, begun chan<- struct{}, goOn <-chan struct{}) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		server := NewServer(rdb, Config{Service: "test"}, map[string]Handler{"work": func(context.Context, Job) error {
			begun <- struct{}{}
			<-goOn
			return nil
		}}, nil, slog.New(slog.DiscardHandler), nil)
		go func() { ended <- server.Run(ctx, 10*time.Second) }()
		t.Cleanup(func() { stop(); <-ended })
	})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("left %v, asynq leaves %v", got, want)
	}
}

// leftIn is what lies in Redis under a prefix; of times and of the task itself only that they are there.
func leftIn(t *testing.T, rdb redis.UniversalClient, prefix string) map[string]any {
	t.Helper()
	left := map[string]any{}
	keys, err := rdb.Keys(t.Context(), prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		switch name := strings.TrimPrefix(k, prefix); rdb.Type(t.Context(), k).Val() {
		case "hash":
			fields := rdb.HGetAll(t.Context(), k).Val()
			fields["msg"] = fmt.Sprint(len(fields["msg"]) > 0)
			left[name] = fields
		case "list":
			left[name] = rdb.LRange(t.Context(), k, 0, -1).Val()
		case "zset":
			of := rdb.ZRangeWithScores(t.Context(), k, 0, -1).Val()
			for i, z := range of {
				of[i].Score = float64(int(z.Score-float64(time.Now().Unix())) / 60) // seconds to run; asynq's lease is half a minute
			}
			left[name] = of
		default:
			left[name] = "there"
		}
	}
	return left
}

func TestOfManyWaitingJobsAQueueFillsAPartOfTheFreePlaces(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	b := brokerWith(t, rdb, 32, 100)
	b.burst = 1000
	if err := b.fetch(t.Context(), domain.LaneLive); err != nil || len(b.ready) != 8 {
		t.Fatalf("%d of 32 places filled at once: %v", len(b.ready), err)
	}
	for range 8 {
		if err := b.next(t.Context(), domain.LaneLive).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.fetch(t.Context(), domain.LaneLive); err != nil || len(b.ready) != 6 {
		t.Errorf("%d of 24 places filled at once: %v", len(b.ready), err)
	}
}

func TestWhatWasTakenAndHasNotBegunGoesBackAsItWas(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	b := brokerWith(t, rdb, 32, 8)
	before := rdb.LRange(t.Context(), "asynq:{test:live}:pending", 0, -1).Val()
	b.burst = 8
	if err := b.next(t.Context(), domain.LaneLive).Err(); err != nil || len(b.ready) != 7 {
		t.Fatalf("%d ready: %v", len(b.ready), err)
	}
	if err := b.putBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := rdb.LRange(t.Context(), "asynq:{test:live}:pending", 0, -1).Val()
	if want := before[:7]; !reflect.DeepEqual(after, want) {
		t.Errorf("queue %v, want %v", after, want)
	}
	leases := rdb.Keys(t.Context(), "liveclip:*lease*").Val()
	if want := []string{"liveclip:{test:live}:lease:0"}; !reflect.DeepEqual(leases, want) {
		t.Errorf("leases %v, want %v", leases, want)
	}
}

func TestAnIDWithoutATaskHoldsNothingUp(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	if err := rdb.LPush(t.Context(), "asynq:{test:live}:pending", "lost").Err(); err != nil {
		t.Fatal(err)
	}
	b := brokerWith(t, rdb, 32, 1)
	b.burst = 8
	if err := b.fetch(t.Context(), domain.LaneLive); err != nil || len(b.ready) != 1 || b.ready[0].id != "0" {
		t.Errorf("ready %v, %v", b.ready, err)
	}
	if active := rdb.LRange(t.Context(), "asynq:{test:live}:active", 0, -1).Val(); !reflect.DeepEqual(active, []string{"0"}) {
		t.Errorf("active %v", active)
	}
}

func TestATaskThatIsCancelledBetweenItsQueueAndItsWorkerIsKnownToBe(t *testing.T) {
	b := brokerWith(t, embeddedtest.Redis(t), 32, 1)
	if err := b.fetch(t.Context(), domain.LaneLive); err != nil {
		t.Fatal(err)
	}
	b.cancel("0")
	if err := b.next(t.Context(), domain.LaneLive).Err(); err != nil {
		t.Fatal(err)
	}
	if known, ok, _ := b.begin("0"); !ok || known != (history{}) || !b.justCanceled("0") || b.justCanceled("1") {
		t.Errorf("known %+v, %t, just cancelled %t", known, ok, b.justCanceled("0"))
	}
}

func TestADeadWorkerIsCountedOnceHoweverManyServersLook(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	b := brokerWith(t, rdb, 32, 1)
	if err := b.fetch(t.Context(), domain.LaneLive); err != nil || rdb.Del(t.Context(), "liveclip:{test:live}:lease:0").Err() != nil {
		t.Fatal(err)
	}
	seen := bareTaskIn(t, rdb, "0")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := recoveryOf(rdb).putBack(t.Context(), "test:live", "0", seen.takenUntil); err != nil {
				t.Error(err)
			}
			if died := rdb.Get(t.Context(), "liveclip:{test:live}:died:0").Val(); died != "1" {
				t.Errorf("%s workers died", died)
			}
		})
	}
	all.Wait()
}

func TestATaskThatWasTakenUpAgainIsNotPutBackByWhoSawItBareBefore(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	b := brokerWith(t, rdb, 32, 1)
	unlease := func() {
		if err := rdb.Del(t.Context(), "liveclip:{test:live}:lease:0").Err(); err != nil {
			t.Fatal(err)
		}
	}
	take := func() {
		b.ready = nil
		if err := b.fetch(t.Context(), domain.LaneLive); err != nil || len(b.ready) != 1 {
			t.Fatalf("%d tasks, %v", len(b.ready), err)
		}
	}
	take()
	unlease() // its worker died
	seen := bareTaskIn(t, rdb, "0")
	for range 2 { // one server puts it back, and it is taken up; another still goes by what it saw
		if err := recoveryOf(rdb).putBack(t.Context(), "test:live", "0", seen.takenUntil); err != nil {
			t.Fatal(err)
		}
		if rdb.LLen(t.Context(), "asynq:{test:live}:active").Val() == 0 {
			take()
		}
		unlease() // it ended, and asynq has yet to hear so
	}
	if active, died := rdb.LLen(t.Context(), "asynq:{test:live}:active").Val(), rdb.Get(t.Context(), "liveclip:{test:live}:died:0").Val(); active != 1 || died != "1" {
		t.Errorf("%d active, %s workers died, want the task left with who took it", active, died)
	}
}

func recoveryOf(rdb redis.UniversalClient) *recovery {
	return &recovery{Server: NewServer(rdb, Config{Service: "test"}, nil, nil, slog.New(slog.DiscardHandler), nil)}
}

func bareTaskIn(t *testing.T, rdb redis.UniversalClient, id string) bareTask {
	t.Helper()
	bare, err := recoveryOf(rdb).bareIn(t.Context(), "test:live")
	if _, there := bare[id]; err != nil || !there {
		t.Fatalf("task %s is not bare: %v, %v", id, bare, err)
	}
	return bare[id]
}

func brokerWith(t *testing.T, rdb redis.UniversalClient, workers, jobs int) *broker {
	t.Helper()
	for i := range jobs {
		if err := NewClient(rdb, "test").Enqueue(t.Context(), Job{Kind: "work", ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	return newBroker(rdb, workers, time.Millisecond, newLeases(rdb, "test", time.Minute))
}
