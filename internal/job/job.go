// Package job carries long work inside one service over asynq: three lanes by priority, IDs that make a repeat harmless,
// and a lease of its own per running job, so that a killed worker's job is taken up within seconds by the sweeper of its
// service. Only this package imports asynq.
package job

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// Job is a piece of long work. Its handler checks the store for an outcome before it works.
type Job struct {
	Kind    string // "clip:finish"
	ID      string // kind/clip/part/revision: enqueued twice is enqueued once
	Lane    domain.Lane
	Payload []byte
	Delay   time.Duration // not before so long from now; 0: at once
	Attempt int           // set on delivery, from 1
}

// Client puts jobs on the queues of one service ("t2v", "review", "publish"). Safe for concurrent use.
type Client struct{}

// NewClient does not dial.
func NewClient(rdb redis.UniversalClient, service string) *Client { panic("unwritten") }

// Enqueue returns after Redis took the job. A job whose ID is queued or running already is not an error. One whose worker
// died (no lease for it, though asynq holds it as active) is queued again.
func (c *Client) Enqueue(ctx context.Context, j Job) error { panic("unwritten") }

// Config is how a service runs its jobs.
type Config struct {
	Service  string
	Workers  int           // jobs at once
	MaxRetry int           // ≥ 1
	Timeout  time.Duration // of one attempt
	Lease    time.Duration // default 10 s: a job whose worker gave no sign for so long may be taken up by another
}

// Handler does one job. A permanent error (domain.Permanent) archives it at once; another is retried with backoff.
type Handler func(ctx context.Context, j Job) error

// Server runs the jobs of one service.
type Server struct{}

// NewServer does not dial. failed, if not nil, is told when a job ends for good without success.
func NewServer(rdb redis.UniversalClient, cfg Config, handlers map[string]Handler, failed func(ctx context.Context, j Job, err error), log *slog.Logger, reg prometheus.Registerer) *Server {
	panic("unwritten")
}

// Run takes jobs until ctx ends, then waits for those in hand, at most drain; what is left goes back on its queue.
func (s *Server) Run(ctx context.Context, drain time.Duration) error { panic("unwritten") }
