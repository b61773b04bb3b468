package lease

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/embedded"
)

var room = domain.Ref{Tenant: "default", Stream: "room"}

// patience is for what must come, on a machine however busy.
const patience = 2 * time.Minute

func startRedis(t *testing.T) redis.UniversalClient {
	t.Helper()
	server, err := embedded.StartRedis(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: server.Address()})
	t.Cleanup(func() { _, _ = rdb.Close(), server.Close() })
	return rdb
}

func TestAStreamHasOneOwner(t *testing.T) {
	leases := New(startRedis(t), time.Minute)
	first, err := leases.Take(t.Context(), room, "one", "one:1")
	if err != nil {
		t.Fatal(err)
	}
	var taken ErrTaken
	if _, err := leases.Take(t.Context(), room, "two", "two:1"); !errors.As(err, &taken) || taken.Owner != first.Owner {
		t.Errorf("second taker got %v, want ErrTaken by %+v", err, first.Owner)
	}
	if owner, ok, err := leases.Find(t.Context(), room); owner != first.Owner || !ok || err != nil {
		t.Errorf("found %+v, %v, %v", owner, ok, err)
	}
	if address, ok, err := leases.FindAddress(t.Context(), room); address != "one:1" || !ok || err != nil {
		t.Errorf("found address %q, %v, %v", address, ok, err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := leases.Find(t.Context(), room); ok || err != nil {
		t.Errorf("a released lease is still found: %v, %v", ok, err)
	}
}

func TestAProcessStartedAgainUnderItsNameNeedNotWaitForItsOwnLease(t *testing.T) {
	leases := New(startRedis(t), time.Minute)
	killed, err := leases.Take(t.Context(), room, "one", "one:1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := leases.Take(t.Context(), room, "one", "one:2")
	if err != nil || again.Owner.Epoch <= killed.Owner.Epoch || again.Owner.Address != "one:2" {
		t.Fatalf("got %+v, %v after %+v", again, err, killed)
	}
	if err := killed.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if owner, ok, err := leases.Find(t.Context(), room); owner != again.Owner || !ok || err != nil {
		t.Errorf("found %+v, %v, %v", owner, ok, err)
	}
}

func TestALaterOwnerHasAGreaterEpochAlsoAfterRedisLostEverything(t *testing.T) {
	rdb := startRedis(t)
	leases := New(rdb, time.Minute)
	last := int64(0)
	for range 5 {
		l, err := leases.Take(t.Context(), room, "p", "")
		if err != nil {
			t.Fatal(err)
		}
		if l.Owner.Epoch <= last {
			t.Fatalf("epoch %d after %d", l.Owner.Epoch, last)
		}
		last = l.Owner.Epoch
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for { // the clock passes the few epochs that ran ahead of it
		l, err := leases.Take(t.Context(), room, "p", "")
		if err != nil {
			t.Fatal(err)
		}
		if l.Owner.Epoch > last {
			break
		}
		if err := errors.Join(l.Release(t.Context()), rdb.FlushAll(t.Context()).Err()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherProcessCannotReleaseALease(t *testing.T) {
	leases := New(startRedis(t), time.Minute)
	held, err := leases.Take(t.Context(), room, "one", "")
	if err != nil {
		t.Fatal(err)
	}
	late := *held
	late.Owner.Epoch--
	if err := late.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if owner, ok, _ := leases.Find(t.Context(), room); !ok || owner != held.Owner {
		t.Errorf("lease went to %+v, %v", owner, ok)
	}
}

func TestAHeldLeaseComesBackAfterAFlushAndIsLostToALaterOwner(t *testing.T) {
	rdb := startRedis(t)
	leases := New(rdb, 8*time.Second) // renewed every two
	held, err := leases.Take(t.Context(), room, "one", "")
	if err != nil {
		t.Fatal(err)
	}
	lost := make(chan error, 1)
	go func() { lost <- held.Hold(t.Context()) }()

	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { owner, ok, _ := leases.Find(t.Context(), room); return ok && owner == held.Owner })

	later := `{"Process":"two","Address":"","Epoch":9999999999999}`
	if err := rdb.Set(t.Context(), ownerKey(room), later, time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-lost:
		if !errors.Is(err, ErrLost) {
			t.Errorf("got %v, want ErrLost", err)
		}
	case <-time.After(patience):
		t.Error("the holder never noticed")
	}
}

func TestHoldGivesUpWhenRedisIsGone(t *testing.T) {
	server, err := embedded.StartRedis(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: server.Address()})
	defer func() { _ = rdb.Close() }()
	held, err := New(rdb, 400*time.Millisecond).Take(t.Context(), room, "one", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := held.Hold(ctx); !errors.Is(err, ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
}

func TestProcessesAreListedLeastLoadedFirstUntilTheyEnd(t *testing.T) {
	leases := New(startRedis(t), time.Second)
	busy := Process{ID: "busy", Address: "a:1", RTMP: "rtmp://a:2", Streams: 3, Max: 4}
	idle := Process{ID: "idle", Address: "b:1"}
	one, endOne := context.WithCancel(t.Context())
	two, endTwo := context.WithCancel(t.Context())
	defer endTwo()
	ended := make(chan error, 1)
	go func() { ended <- leases.Announce(one, func() Process { return busy }) }()
	go func() { _ = leases.Announce(two, func() Process { return idle }) }()

	listed := func(want ...Process) func() bool {
		return func() bool {
			got, err := leases.Processes(t.Context())
			return err == nil && reflect.DeepEqual(got, want)
		}
	}
	waitFor(t, listed(idle, busy))
	endOne()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	waitFor(t, listed(idle))
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !what() {
		if time.Now().After(deadline) {
			t.Fatal("never came true")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
