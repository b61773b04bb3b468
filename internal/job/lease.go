package job

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// A running job's lease says that its worker lives. It is no lock on the outcome: that is the store's conditional write.

func leaseKey(jobID string) string { return "liveclip:lease:job:" + jobID }

var errHeld = errors.New("another worker runs this job")

// renewal answers 1 when the lease is ours for another ttl: also when it had vanished.
var renewal = redis.NewScript(`
local holder = redis.call("GET", KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1`)

var release = redis.NewScript(`
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0`)

type leases struct {
	rdb redis.UniversalClient
	ttl time.Duration
}

// with runs work while it holds the job's lease. work's context ends when the lease is lost. When another holds it, the
// error is a Later with errHeld.
func (l leases) with(ctx context.Context, jobID string, work func(ctx context.Context) error) error {
	key, token := leaseKey(jobID), rand.Text()
	taken, err := l.rdb.SetNX(ctx, key, token, l.ttl).Result()
	if err != nil {
		return fmt.Errorf("take lease of job %s: %w", jobID, err)
	}
	if !taken {
		left, err := l.rdb.PTTL(ctx, key).Result()
		if err != nil || left <= 0 {
			left = l.ttl
		}
		return Later{left, errHeld}
	}
	ctx, lose := context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		if err := l.renew(renewing, key, token); err != nil {
			lose(fmt.Errorf("lease of job %s: %w", jobID, err))
		}
	}()
	err = work(ctx)
	stop()
	<-renewed
	lost := context.Cause(ctx)
	lose(nil)
	// The job is over for this worker, whatever became of the context.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = release.Run(ending, l.rdb, []string{key}, token).Err() // else it runs out
	if err != nil && lost != nil && !errors.Is(err, lost) {
		err = fmt.Errorf("%w (%w)", err, lost)
	}
	return err
}

// renew returns nil when ctx ends, an error when the lease is, or may be, another's.
func (l leases) renew(ctx context.Context, key, token string) error {
	good := time.Now()
	ticks := time.NewTicker(l.ttl / 4)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		asked := time.Now()
		within, cancel := context.WithTimeout(ctx, l.ttl/4)
		ours, err := renewal.Run(within, l.rdb, []string{key}, token, l.ttl.Milliseconds()).Int()
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && ours == 1:
			good = asked
		case err == nil:
			return errors.New("taken over by another worker")
		case time.Since(good) >= l.ttl:
			return fmt.Errorf("not renewed for %s: %w", l.ttl, err)
		}
	}
}
