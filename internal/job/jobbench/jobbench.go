// Package jobbench measures the queue on a Redis of its own, and bare asynq beside it.
package jobbench

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/job"
)

const workers = 64

// Rate is jobs per second, put on a queue and run.
type Rate struct{ Put, Run float64 }

// Queue measures n jobs that do nothing, of so many shares, through package job.
func Queue(ctx context.Context, rdb redis.UniversalClient, n, shares int) (Rate, error) {
	client := job.NewClient(rdb, "bench")
	began := time.Now()
	err := putAll(n, func(i int) error {
		return client.Enqueue(ctx, job.Job{Kind: "noop", ID: "noop/" + strconv.Itoa(i), Share: "default/room" + strconv.Itoa(i%shares), Payload: []byte("{}")})
	})
	if err != nil {
		return Rate{}, err
	}
	put := time.Since(began)
	var done atomic.Int64
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := make(chan struct{})
	server := job.NewServer(rdb, job.Config{Service: "bench", Workers: workers}, map[string]job.Handler{"noop": func(context.Context, job.Job) error {
		if done.Add(1) == int64(n) {
			close(all)
		}
		return nil
	}}, nil, slog.New(slog.DiscardHandler), nil)
	ended := make(chan error, 1)
	began = time.Now()
	go func() { ended <- server.Run(ctx, time.Second) }()
	if err := wait(ctx, all, ended); err != nil {
		return Rate{}, err
	}
	run := time.Since(began)
	cancel()
	return Rate{float64(n) / put.Seconds(), float64(n) / run.Seconds()}, <-ended
}

// Bare measures the same through asynq alone: three queues, the same number of workers.
func Bare(ctx context.Context, rdb redis.UniversalClient, n int) (Rate, error) {
	client := asynq.NewClientFromRedisClient(rdb)
	began := time.Now()
	err := putAll(n, func(i int) error {
		_, err := client.EnqueueContext(ctx, asynq.NewTask("noop", []byte("{}")), asynq.TaskID("noop/"+strconv.Itoa(i)), asynq.Queue("bare:live"))
		return err
	})
	if err != nil {
		return Rate{}, err
	}
	put := time.Since(began)
	var done atomic.Int64
	all := make(chan struct{})
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: workers, Queues: map[string]int{"bare:live": 6, "bare:manual": 3, "bare:batch": 1}, LogLevel: asynq.FatalLevel,
		TaskCheckInterval: 20 * time.Millisecond,
	})
	began = time.Now()
	err = server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		if done.Add(1) == int64(n) {
			close(all)
		}
		return nil
	}))
	if err != nil {
		return Rate{}, err
	}
	if err := wait(ctx, all, nil); err != nil {
		return Rate{}, err
	}
	run := time.Since(began)
	server.Shutdown()
	return Rate{float64(n) / put.Seconds(), float64(n) / run.Seconds()}, nil
}

func putAll(n int, put func(i int) error) error {
	var at atomic.Int64
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for range 16 {
		all.Go(func() {
			for i := int(at.Add(1)) - 1; i < n; i = int(at.Add(1)) - 1 {
				if err := put(i); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

func wait(ctx context.Context, all <-chan struct{}, ended <-chan error) error {
	select {
	case <-all:
		return nil
	case err := <-ended:
		return fmt.Errorf("the server ended: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Minute):
		return fmt.Errorf("not done after two minutes")
	}
}

// Times are sorted.
type Times []time.Duration

// At gives a percentile, 0 to 1.
func (t Times) At(q float64) time.Duration { return t[min(len(t)-1, int(q*float64(len(t))))] }

// PickUp measures how long an idle worker takes to find a job, n times, as t2v is configured.
func PickUp(ctx context.Context, rdb redis.UniversalClient, n int, idle time.Duration) (Times, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begun := make(chan time.Time, 1)
	server := job.NewServer(rdb, job.Config{Service: "idle", Workers: 4, Idle: idle}, map[string]job.Handler{"noop": func(context.Context, job.Job) error {
		begun <- time.Now()
		return nil
	}}, nil, slog.New(slog.DiscardHandler), nil)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, time.Second) }()
	client := job.NewClient(rdb, "idle")
	var times Times
	for i := range n {
		time.Sleep(time.Duration(7+i%23) * time.Millisecond) // the server sleeps again
		put := time.Now()
		if err := client.Enqueue(ctx, job.Job{Kind: "noop", ID: "idle/" + strconv.Itoa(i), Lane: []domain.Lane{domain.LaneLive, domain.LaneManual, domain.LaneBatch}[i%3]}); err != nil {
			return nil, err
		}
		times = append(times, (<-begun).Sub(put))
	}
	cancel()
	slices.Sort(times)
	return times, <-ended
}
