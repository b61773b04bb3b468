package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// Control is what an operator sees of all services' queues, and does to them. Safe for concurrent use.
type Control struct {
	rdb       redis.UniversalClient
	inspector *asynq.Inspector
}

// NewControl does not dial.
func NewControl(rdb redis.UniversalClient) *Control {
	return &Control{rdb: rdb, inspector: asynq.NewInspectorFromRedisClient(rdb)}
}

// Queue is one lane of a service.
type Queue struct {
	Service string
	Lane    domain.Lane
	Paused  bool
	Waiting int           // may begin now
	Parked  int           // wait until fewer of their share are on the queue
	Running int           //
	Later   int           // wait for their time, or for another try
	Dead    int           // failed for good; kept for 90 days, at most 10,000
	Oldest  time.Duration // how long the first of those waiting has waited
}

// Dead is a job that failed for good.
type Dead struct {
	Service string
	Lane    domain.Lane
	ID      string
	Why     string
	At      time.Time
}

// Queues lists all there are.
func (c *Control) Queues(ctx context.Context) ([]Queue, error) {
	names, err := c.inspector.Queues()
	if err != nil {
		return nil, fmt.Errorf("list queues: %w", err)
	}
	var all []Queue
	for _, name := range names {
		service, lane, found := strings.Cut(name, ":")
		if _, known := lanes[domain.Lane(lane)]; !found || !known {
			continue // somebody else's
		}
		info, err := c.inspector.GetQueueInfo(name)
		if err != nil {
			return nil, fmt.Errorf("look at queue %s: %w", name, err)
		}
		parked, err := c.rdb.ZCount(ctx, "asynq:{"+name+"}:scheduled", fmt.Sprint(someday.Unix()), "+inf").Result()
		if err != nil {
			return nil, fmt.Errorf("look at queue %s: %w", name, err)
		}
		all = append(all, Queue{
			Service: service, Lane: domain.Lane(lane), Paused: info.Paused, Waiting: info.Pending, Parked: int(parked), Running: info.Active,
			Later: info.Scheduled + info.Retry - int(parked), Dead: info.Archived, Oldest: info.Latency.Round(time.Millisecond),
		})
	}
	slices.SortFunc(all, func(a, b Queue) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), -cmp.Compare(lanes[a.Lane], lanes[b.Lane]))
	})
	return all, nil
}

// Pause lets running jobs end and begins no other of a service, in one lane or, for "", in all.
func (c *Control) Pause(ctx context.Context, service string, lane domain.Lane) error {
	return c.each(ctx, service, lane, func(queue string) error {
		if paused, err := c.rdb.Exists(ctx, "asynq:{"+queue+"}:paused").Result(); err != nil || paused == 1 {
			return err
		}
		return c.inspector.PauseQueue(queue)
	})
}

// Resume ends a pause.
func (c *Control) Resume(ctx context.Context, service string, lane domain.Lane) error {
	return c.each(ctx, service, lane, func(queue string) error {
		if paused, err := c.rdb.Exists(ctx, "asynq:{"+queue+"}:paused").Result(); err != nil || paused == 0 {
			return err
		}
		return c.inspector.UnpauseQueue(queue)
	})
}

// Drain pauses a service and returns when nothing of it runs.
func (c *Control) Drain(ctx context.Context, service string, lane domain.Lane) error {
	if err := c.Pause(ctx, service, lane); err != nil {
		return err
	}
	for {
		running := int64(0)
		err := c.each(ctx, service, lane, func(queue string) error {
			n, err := c.rdb.LLen(ctx, "asynq:{"+queue+"}:active").Result()
			running += n
			return err
		})
		if err != nil || running == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("drain %s: %d jobs still run: %w", service, running, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// each does something to a service's queues that exist.
func (c *Control) each(ctx context.Context, service string, lane domain.Lane, do func(queue string) error) error {
	if _, known := lanes[lane]; lane != "" && !known {
		return domain.Permanent(fmt.Errorf("lane %.40q: must be live, manual or batch", lane))
	}
	found := false
	for _, of := range []domain.Lane{domain.LaneLive, domain.LaneManual, domain.LaneBatch} {
		queue := queueName(service, of)
		there, err := c.rdb.SIsMember(ctx, "asynq:queues", queue).Result()
		if err != nil {
			return fmt.Errorf("queue %s: %w", queue, err)
		}
		if !there || lane != "" && lane != of {
			continue
		}
		found = true
		if err := do(queue); err != nil {
			return fmt.Errorf("queue %s: %w", queue, err)
		}
	}
	if !found {
		return domain.Permanent(fmt.Errorf("no queue of service %.40q has had a job yet", service))
	}
	return nil
}

const pageOfDead = 200

// Dead lists jobs that failed for good, the latest first, at most 200 of each lane.
func (c *Control) Dead(ctx context.Context, service string) ([]Dead, error) {
	var all []Dead
	err := c.each(ctx, service, "", func(queue string) error {
		tasks, err := c.inspector.ListArchivedTasks(queue, asynq.PageSize(pageOfDead))
		if err != nil && !errors.Is(err, asynq.ErrQueueNotFound) {
			return err
		}
		for _, t := range tasks {
			_, lane, _ := strings.Cut(queue, ":")
			all = append(all, Dead{Service: service, Lane: domain.Lane(lane), ID: t.ID, Why: t.LastErr, At: t.LastFailedAt})
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Dead) int { return b.At.Compare(a.At) })
	return all, err
}

// Retry queues a dead job again, or, for "", all of a service. It gives how many.
func (c *Control) Retry(ctx context.Context, service, id string) (int, error) {
	n := 0
	err := c.each(ctx, service, "", func(queue string) error {
		if id == "" {
			ran, err := c.inspector.RunAllArchivedTasks(queue)
			n += ran
			return err
		}
		state, err := c.rdb.HGet(ctx, taskKey(queue, id), "state").Result()
		if errors.Is(err, redis.Nil) || err == nil && state != "archived" {
			return nil
		}
		if err != nil {
			return err
		}
		n++
		return c.inspector.RunTask(queue, id)
	})
	if err == nil && id != "" && n == 0 {
		err = domain.Permanent(fmt.Errorf("no dead job %.120q of service %s", id, service))
	}
	return n, err
}
