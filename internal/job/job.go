package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"liveclip/internal/domain"
)

// Job is a piece of long work. Its handler checks the store for an outcome before it works.
type Job struct {
	Kind    string // "clip:finish"
	ID      string // kind/clip/part/revision: enqueued twice is enqueued once
	Lane    domain.Lane
	Payload []byte
	Delay   time.Duration // not before so long from now; 0: at once
	Share   string        // whose part of the queue it takes, such as tenant/stream; empty: none is kept
	Attempt int           // set on delivery, from 1
	Waited  time.Duration // set on delivery: since its handler first answered Later; 0: it has not
}

// ErrCanceled is the cause of a handler's context when its job was cancelled; what the handler answers then is the end of it.
var ErrCanceled = errors.New("canceled")

// Handler does one job. A permanent error (domain.Permanent) archives it at once; a Later brings it back after a while; another
// is retried with backoff.
type Handler func(ctx context.Context, j Job) error

// Later is a handler's answer when it has to wait for what others do: no failure, and no try. How long it does is for the
// handler to bound, by Job.Waited.
type Later struct {
	After time.Duration
	Why   error
}

func (l Later) Error() string { return l.Why.Error() }
func (l Later) Unwrap() error { return l.Why }

// Names of the headers that carry a job through asynq.
const (
	headerLane     = "lane"
	headerEnqueued = "enqueued" // Unix nanoseconds
	headerShare    = "share"
)

// lanes are weighed, so that none starves.
var lanes = map[domain.Lane]int{domain.LaneLive: 6, domain.LaneManual: 3, domain.LaneBatch: 1}

// key of what this package keeps of a queue beside asynq: under asynq's hash tag, so that a Redis Cluster keeps both on one node.
func key(queue, what, id string) string { return "liveclip:{" + queue + "}:" + what + ":" + id }

func (j Job) queue(service string) string { return queueName(service, j.Lane) }

func queueName(service string, lane domain.Lane) string { return service + ":" + string(lane) }

// laneOf is live for a job that names none.
func laneOf(j Job) (domain.Lane, error) {
	if j.Lane == "" {
		return domain.LaneLive, nil
	}
	if _, ok := lanes[j.Lane]; !ok {
		return "", domain.Permanent(fmt.Errorf("lane %q: must be live, manual or batch", j.Lane))
	}
	return j.Lane, nil
}

func received(ctx context.Context, t *asynq.Task) Job {
	retried, _ := asynq.GetRetryCount(ctx)
	id, _ := asynq.GetTaskID(ctx)
	return Job{
		Kind: t.Type(), ID: id, Lane: domain.Lane(t.Headers()[headerLane]),
		Payload: t.Payload(), Attempt: retried + 1, Share: t.Headers()[headerShare],
	}
}
