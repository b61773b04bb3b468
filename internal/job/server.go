package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"sync"
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
	Lease    time.Duration // default 6 s: a job whose worker gave no sign for one and a half of it runs again
	Idle     time.Duration // the longest that an idle worker takes to find a job where Redis can't tell it, default 30 ms; it can from 6.2 on
	Strict   bool          // no manual job while a live one waits, no batch job while any other does; else 6 : 3 : 1
	Backoff  time.Duration // before the first retry, default 500 ms; doubles up to a minute, jittered
}

func (c Config) filled() Config {
	c.Workers, c.MaxRetry = max(c.Workers, 1), max(c.MaxRetry, 1)
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Minute
	}
	if c.Lease <= 0 {
		c.Lease = 6 * time.Second
	}
	if c.Idle <= 0 {
		c.Idle = 30 * time.Millisecond
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
	leases   *leases
	broker   *broker
	log      *slog.Logger
	metrics  *metrics
}

// NewServer does not dial. failed, if not nil, is told when a job ends for good without success; it may be told again
// when the worker dies right after. A nil reg registers nothing.
func NewServer(rdb redis.UniversalClient, cfg Config, handlers map[string]Handler, failed func(ctx context.Context, j Job, err error), log *slog.Logger, reg prometheus.Registerer) *Server {
	cfg = cfg.filled()
	held := newLeases(rdb, cfg.Service, cfg.Lease)
	return &Server{
		rdb: rdb, config: cfg, handlers: handlers, failed: failed, leases: held, broker: newBroker(rdb, cfg.Workers, cfg.Idle, held),
		log: log, metrics: newMetrics(cfg.Service, reg),
	}
}

// Run takes jobs until ctx ends, then waits for those in hand, at most drain; what is left goes back on its queue.
func (s *Server) Run(ctx context.Context, drain time.Duration) error {
	queues := map[string]int{}
	for lane, weight := range lanes {
		queues[queueName(s.config.Service, lane)] = weight
	}
	server := asynq.NewServerFromRedisClient(s.broker, asynq.Config{
		Concurrency:              s.config.Workers,
		Queues:                   queues,
		StrictPriority:           s.config.Strict,
		TaskCheckInterval:        time.Millisecond, // the broker waits, and hears of a job meanwhile
		DelayedTaskCheckInterval: 250 * time.Millisecond,
		ShutdownTimeout:          max(drain, time.Millisecond),
		IsFailure:                func(err error) bool { return !errors.As(err, &Later{}) },
		RetryDelayFunc:           s.delay,
		Logger:                   libraryLog{s.log},
		LogLevel:                 asynq.WarnLevel,
	})
	// What the server needs while jobs end outlives ctx.
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() { s.broker.wakes.run(ctx) })
	all.Go(func() { s.broker.ends.run(beside) })
	all.Go(func() { s.leases.keep(beside) })
	all.Go(func() { s.hearCancels(beside) })
	all.Go(func() { (&recovery{Server: s}).watch(ctx) })
	if err := server.Start(asynq.HandlerFunc(s.process)); err != nil {
		return fmt.Errorf("run jobs of %s: %w", s.config.Service, err)
	}
	s.metrics.watch(ctx, s.rdb, s.config.Service, s.log)
	server.Stop()
	if err := s.broker.putBack(beside); err != nil {
		s.log.Warn("jobs taken and not begun stay until their leases end", "service", s.config.Service, "error", err)
	}
	server.Shutdown()
	s.leases.letGo(context.WithoutCancel(ctx)) // asynq has put back what did not end in time
	return nil
}

// hearCancels ends the contexts of jobs that are cancelled. What it misses while Redis is away, the leases' renewal finds.
func (s *Server) hearCancels(ctx context.Context) {
	heard := s.rdb.Subscribe(ctx, cancels(s.config.Service))
	defer func() { _ = heard.Close() }()
	messages := heard.Channel()
	for {
		select {
		case <-ctx.Done():
			return
		case m, ok := <-messages:
			if !ok {
				return
			}
			s.broker.cancel(m.Payload)
			s.leases.lose(m.Payload, ErrCanceled)
		}
	}
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
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	known, ok, ended := s.broker.begin(j.ID)
	defer ended()
	switch {
	case !ok:
		s.log.Error("job came without its lease", "job_id", j.ID)
		return Later{time.Second, errHeld}
	case known.leasedFor > 0:
		s.metrics.ended.WithLabelValues(j.Kind, "held").Inc()
		return Later{known.leasedFor, errHeld}
	}
	s.leases.hold(j, lose)
	if known.canceled || s.broker.justCanceled(j.ID) && s.stillCanceled(ctx, j) { // what is heard from here on ends it by its lease
		lose(ErrCanceled)
	}
	j.Waited, j.Attempt = known.waited, j.Attempt+known.died
	s.metrics.waited(t, j)
	err := s.end(ctx, j, s.attempt(ctx, j))
	s.leases.drop(j)
	s.broker.ends.leave(ending{lease: &giving{j, how(err)}})
	return err
}

// stillCanceled tells whether nobody has taken a job's cancellation back.
func (s *Server) stillCanceled(ctx context.Context, j Job) bool {
	n, err := s.rdb.Exists(ctx, key(j.queue(s.config.Service), "canceled", j.ID)).Result()
	return n > 0 || err != nil
}

// attempt runs the job's handler once.
func (s *Server) attempt(ctx context.Context, j Job) error {
	handler, ok := s.handlers[j.Kind]
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !ok:
		return domain.Permanent(fmt.Errorf("job %s: no handler of kind %q", j.ID, j.Kind))
	case j.Attempt > s.config.MaxRetry+1:
		return domain.Permanent(fmt.Errorf("job %s: its workers died over it, %d attempts", j.ID, j.Attempt-1))
	}
	within, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, fmt.Errorf("took longer than %s", s.config.Timeout))
	defer cancel()
	started := time.Now()
	err := guarded(within, handler, j)
	s.metrics.seconds.WithLabelValues(j.Kind).Observe(time.Since(started).Seconds())
	if lost := context.Cause(ctx); err != nil && lost != nil && !errors.Is(err, lost) {
		err = fmt.Errorf("%w (%w)", err, lost)
	}
	return err
}

// how a job's lease ends.
func how(err error) string {
	switch {
	case err == nil, errors.Is(err, asynq.SkipRetry), errors.Is(err, asynq.RevokeTask):
		return "over"
	case errors.As(err, &Later{}):
		return "later"
	}
	return ""
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
	case errors.Is(context.Cause(ctx), ErrCanceled):
		s.metrics.ended.WithLabelValues(j.Kind, "canceled").Inc()
		s.log.Info("job canceled", "job_id", j.ID)
		return fmt.Errorf("%w: %w", ErrCanceled, asynq.RevokeTask)
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
