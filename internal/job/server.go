package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// Config is how a service runs its jobs.
type Config struct {
	Service  string
	Workers  int           // jobs at once
	MaxRetry int           // ≥ 1
	Timeout  time.Duration // of one attempt
	Lease    time.Duration // default 10 s: a job whose worker gave no sign for so long may be taken up by another
	Strict   bool          // no manual job while a live one waits, no batch job while any other does; else 6 : 3 : 1
	Backoff  time.Duration // before the first retry, default 500 ms; doubles up to a minute, jittered
}

func (c Config) filled() Config {
	c.Workers, c.MaxRetry = max(c.Workers, 1), max(c.MaxRetry, 1)
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Minute
	}
	if c.Lease <= 0 {
		c.Lease = 10 * time.Second
	}
	if c.Backoff <= 0 {
		c.Backoff = 500 * time.Millisecond
	}
	return c
}

// Server runs the jobs of one service.
type Server struct {
	rdb      redis.UniversalClient
	config   Config
	handlers map[string]Handler
	failed   func(ctx context.Context, j Job, err error)
	leases   leases
	waiting  waiting
	log      *slog.Logger
	metrics  *metrics
}

// NewServer does not dial. failed, if not nil, is told when a job ends for good without success; it may be told again
// when the worker dies right after. A nil reg registers nothing.
func NewServer(rdb redis.UniversalClient, cfg Config, handlers map[string]Handler, failed func(ctx context.Context, j Job, err error), log *slog.Logger, reg prometheus.Registerer) *Server {
	cfg = cfg.filled()
	return &Server{
		rdb: rdb, config: cfg, handlers: handlers, failed: failed,
		leases: leases{rdb, cfg.Lease}, waiting: waiting{rdb}, log: log, metrics: newMetrics(cfg.Service, reg),
	}
}

// Run takes jobs until ctx ends, then waits for those in hand, at most drain; what is left goes back on its queue.
func (s *Server) Run(ctx context.Context, drain time.Duration) error {
	queues := map[string]int{}
	for lane, weight := range lanes {
		queues[queueName(s.config.Service, lane)] = weight
	}
	server := asynq.NewServerFromRedisClient(s.rdb, asynq.Config{
		Concurrency:              s.config.Workers,
		Queues:                   queues,
		StrictPriority:           s.config.Strict,
		TaskCheckInterval:        20 * time.Millisecond, // an idle worker finds a job after 10 ms, not half a second
		DelayedTaskCheckInterval: 250 * time.Millisecond,
		ShutdownTimeout:          max(drain, time.Millisecond),
		IsFailure:                func(err error) bool { return !errors.As(err, &Later{}) },
		RetryDelayFunc:           s.delay,
		Logger:                   libraryLog{s.log},
		LogLevel:                 asynq.WarnLevel,
	})
	if err := server.Start(asynq.HandlerFunc(s.process)); err != nil {
		return fmt.Errorf("run jobs of %s: %w", s.config.Service, err)
	}
	s.metrics.watch(ctx, s.rdb, s.config.Service, s.log)
	server.Shutdown()
	return nil
}

// delay before the next delivery, after n failures.
func (s *Server) delay(n int, err error, _ *asynq.Task) time.Duration {
	var later Later
	if errors.As(err, &later) {
		return later.After + rand.N(100*time.Millisecond)
	}
	d := min(s.config.Backoff<<min(n, 16), time.Minute)
	return d/2 + rand.N(d/2+1)
}

func (s *Server) process(ctx context.Context, t *asynq.Task) error {
	j := received(ctx, t)
	handler, ok := s.handlers[j.Kind]
	if !ok {
		return s.end(ctx, j, domain.Permanent(fmt.Errorf("job %s: no handler of kind %q", j.ID, j.Kind)))
	}
	if j.Attempt > s.config.MaxRetry+1 {
		return s.end(ctx, j, domain.Permanent(fmt.Errorf("job %s: its workers died over it, %d attempts", j.ID, j.Attempt-1)))
	}
	s.metrics.waited(t, j)
	started := time.Now()
	err := s.leases.with(ctx, j.ID, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, fmt.Errorf("took longer than %s", s.config.Timeout))
		defer cancel()
		return s.waiting.with(ctx, j, func(j Job) error { return guarded(ctx, handler, j) })
	})
	if errors.Is(err, errHeld) {
		s.metrics.ended.WithLabelValues(j.Kind, "held").Inc()
		return err
	}
	s.metrics.seconds.WithLabelValues(j.Kind).Observe(time.Since(started).Seconds())
	return s.end(ctx, j, err)
}

// guarded turns a handler's panic into an error, so that its lease is given back.
func guarded(ctx context.Context, h Handler, j Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return h(ctx, j)
}

// end sorts how an attempt ended: done, to be retried, or over.
func (s *Server) end(ctx context.Context, j Job, err error) error {
	switch {
	case err == nil:
		s.metrics.ended.WithLabelValues(j.Kind, "done").Inc()
		return nil
	case errors.As(err, &Later{}):
		s.metrics.ended.WithLabelValues(j.Kind, "later").Inc()
		s.log.Debug("job waits", "job_id", j.ID, "waited", j.Waited, "for", err)
		return err
	case !domain.IsPermanent(err) && j.Attempt <= s.config.MaxRetry:
		s.metrics.ended.WithLabelValues(j.Kind, "retry").Inc()
		s.log.Warn("job not done, trying again", "job_id", j.ID, "attempt", j.Attempt, "error", err)
		return err
	}
	s.metrics.ended.WithLabelValues(j.Kind, "failed").Inc()
	s.log.Error("job failed", "job_id", j.ID, "attempt", j.Attempt, "error", err)
	if s.failed != nil {
		telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		s.failed(telling, j, err)
	}
	return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
}

// libraryLog gives what asynq says to slog.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Debug(args ...any) { l.log.Debug("asynq", "message", fmt.Sprint(args...)) }
func (l libraryLog) Info(args ...any)  { l.log.Info("asynq", "message", fmt.Sprint(args...)) }
func (l libraryLog) Warn(args ...any)  { l.log.Warn("asynq", "message", fmt.Sprint(args...)) }
func (l libraryLog) Error(args ...any) { l.log.Error("asynq", "message", fmt.Sprint(args...)) }
func (l libraryLog) Fatal(args ...any) { l.log.Error("asynq", "message", fmt.Sprint(args...)) }

func enqueuedAt(t *asynq.Task) (time.Time, bool) {
	n, err := strconv.ParseInt(t.Headers()[headerEnqueued], 10, 64)
	return time.Unix(0, n), err == nil
}
