package job

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// Client puts jobs on the queues of one service ("t2v", "review", "publish"). Safe for concurrent use.
type Client struct {
	rdb       redis.UniversalClient
	service   string
	asynq     *asynq.Client
	inspector *asynq.Inspector
}

// NewClient does not dial.
func NewClient(rdb redis.UniversalClient, service string) *Client {
	return &Client{
		rdb: rdb, service: service,
		asynq: asynq.NewClientFromRedisClient(rdb), inspector: asynq.NewInspectorFromRedisClient(rdb),
	}
}

const (
	// The server bounds tries and time by its own configuration; asynq's bounds, fixed when a job is queued, only must not
	// come first.
	asynqRetries = 1000
	asynqTimeout = 7 * 24 * time.Hour

	maxRevivals = 8 // task IDs tried for one job whose workers died
)

// Enqueue returns after Redis took the job. A job whose ID is queued or running already is not an error. One whose worker
// died (no lease for it, though asynq holds it as active) is queued again, and so is one that was archived.
func (c *Client) Enqueue(ctx context.Context, j Job) error {
	if j.Kind == "" || j.ID == "" {
		return domain.Permanent(fmt.Errorf("enqueue job %q of kind %q: both must be given", j.ID, j.Kind))
	}
	lane, err := laneOf(j)
	if err != nil {
		return fmt.Errorf("enqueue job %s: %w", j.ID, err)
	}
	j.Lane = lane
	queue := queueName(c.service, lane)
	taskID := j.ID
	for revival := 1; revival <= maxRevivals; {
		err := c.put(ctx, queue, taskID, j)
		if err == nil {
			return nil
		}
		if !errors.Is(err, asynq.ErrTaskIDConflict) {
			return fmt.Errorf("enqueue job %s: %w", j.ID, err)
		}
		stands, err := c.stands(ctx, queue, taskID, j.ID)
		if err != nil {
			return fmt.Errorf("enqueue job %s: look it up: %w", j.ID, err)
		}
		switch stands {
		case standsWell:
			return nil
		case standsDead:
			revival++
			taskID = j.ID + "~" + strconv.Itoa(revival)
		}
	}
	return fmt.Errorf("enqueue job %s: %d workers died over it", j.ID, maxRevivals)
}

func (c *Client) put(ctx context.Context, queue, taskID string, j Job) error {
	task := asynq.NewTaskWithHeaders(j.Kind, j.Payload, map[string]string{
		headerID: j.ID, headerLane: string(j.Lane), headerEnqueued: strconv.FormatInt(time.Now().Add(j.Delay).UnixNano(), 10),
	})
	_, err := c.asynq.EnqueueContext(ctx, task, asynq.Queue(queue), asynq.TaskID(taskID), asynq.ProcessIn(j.Delay),
		asynq.MaxRetry(asynqRetries), asynq.Timeout(asynqTimeout))
	return err
}

// standing of a task whose ID is taken.
type standing int

const (
	standsWell standing = iota // it waits, or its worker lives
	standsDead                 // its worker died
	standsGone                 // it ended meanwhile
)

func (c *Client) stands(ctx context.Context, queue, taskID, jobID string) (standing, error) {
	// asynq's inspector would not know a queue whose name was lost when Redis was flushed.
	state, err := c.rdb.HGet(ctx, "asynq:{"+queue+"}:t:"+taskID, "state").Result()
	if errors.Is(err, redis.Nil) {
		return standsGone, nil
	}
	if err != nil {
		return 0, err
	}
	switch state {
	case "active":
		alive, err := c.rdb.Exists(ctx, leaseKey(jobID)).Result()
		if err == nil && alive == 0 {
			return standsDead, nil
		}
		return standsWell, err
	case "archived":
		if err := c.rdb.SAdd(ctx, "asynq:queues", queue).Err(); err != nil {
			return 0, err
		}
		err := c.inspector.RunTask(queue, taskID)
		if errors.Is(err, asynq.ErrTaskNotFound) {
			return standsGone, nil
		}
		return standsWell, err
	default: // pending, scheduled, retry
		return standsWell, nil
	}
}
