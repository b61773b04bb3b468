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
)

// Enqueue returns after Redis took the job. A job whose ID is queued or running already is not an error: one whose worker died runs
// again by itself, and one that was archived is queued again.
func (c *Client) Enqueue(ctx context.Context, j Job) error {
	if j.Kind == "" || j.ID == "" {
		return domain.Permanent(fmt.Errorf("enqueue job %q of kind %q: both must be given", j.ID, j.Kind))
	}
	lane, err := laneOf(j)
	if err != nil {
		return fmt.Errorf("enqueue job %s: %w", j.ID, err)
	}
	j.Lane = lane
	now, err := c.admitted(ctx, j)
	if err != nil {
		return fmt.Errorf("enqueue job %s: %w", j.ID, err)
	}
	for {
		err := c.put(ctx, j, now)
		if err == nil && !now {
			return c.parked(ctx, j)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, asynq.ErrTaskIDConflict) {
			return fmt.Errorf("enqueue job %s: %w", j.ID, err)
		}
		if gone, err := c.again(ctx, j, now); err != nil || !gone {
			return err
		}
	}
}

// put queues a task, or parks it.
func (c *Client) put(ctx context.Context, j Job, now bool) error {
	headers := map[string]string{
		headerLane: string(j.Lane), headerEnqueued: strconv.FormatInt(time.Now().Add(j.Delay).UnixNano(), 10),
	}
	if j.Share != "" {
		headers[headerShare] = j.Share
	}
	when := asynq.ProcessIn(j.Delay)
	if !now {
		when = asynq.ProcessAt(someday)
	}
	_, err := c.asynq.EnqueueContext(ctx, asynq.NewTaskWithHeaders(j.Kind, j.Payload, headers), asynq.Queue(queueName(c.service, j.Lane)),
		asynq.TaskID(j.ID), when, asynq.MaxRetry(asynqRetries), asynq.Timeout(asynqTimeout))
	return err
}

// parked lets a job go whose turn came before it was there.
func (c *Client) parked(ctx context.Context, j Job) error {
	_, index := shareKeys(c.service, j)
	err := c.rdb.ZScore(ctx, index, j.ID).Err()
	if errors.Is(err, redis.Nil) {
		err = unpark(ctx, c.rdb, j.queue(c.service), j.ID)
	}
	if err != nil {
		return fmt.Errorf("enqueue job %s: %w", j.ID, err)
	}
	return nil
}

// again is for a job whose ID is taken: gone tells that it ended meanwhile.
func (c *Client) again(ctx context.Context, j Job, now bool) (gone bool, err error) {
	queue := queueName(c.service, j.Lane)
	// asynq's inspector would not know a queue whose name was lost when Redis was flushed.
	state, err := c.rdb.HGet(ctx, taskKey(queue, j.ID), "state").Result()
	if errors.Is(err, redis.Nil) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("enqueue job %s: look it up: %w", j.ID, err)
	}
	if state == "scheduled" && now && j.Share != "" && j.Delay == 0 { // parked, and its turn came
		return false, unpark(ctx, c.rdb, queue, j.ID)
	}
	if state != "archived" { // it waits, or runs, or will run again
		return false, nil
	}
	if err := c.rdb.SAdd(ctx, "asynq:queues", queue).Err(); err != nil {
		return false, fmt.Errorf("enqueue job %s again: %w", j.ID, err)
	}
	err = c.inspector.RunTask(queue, j.ID)
	if errors.Is(err, asynq.ErrTaskNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("enqueue job %s again: %w", j.ID, err)
	}
	return false, nil
}

// Cancel ends a job wherever it is: one that runs has its context ended with ErrCanceled, within milliseconds and in
// whatever process, one that waits is taken off its queue. For a day it is not run again, also when it is enqueued
// again. Any lane may be meant.
func (c *Client) Cancel(ctx context.Context, id string) error {
	for lane := range lanes {
		if err := c.rdb.Set(ctx, key(queueName(c.service, lane), "canceled", id), "", remembered).Err(); err != nil {
			return fmt.Errorf("cancel job %s: %w", id, err)
		}
	}
	if err := c.rdb.Publish(ctx, cancels(c.service), id).Err(); err != nil {
		return fmt.Errorf("cancel job %s: %w", id, err)
	}
	for lane := range lanes {
		// One that runs can't be deleted, and needs not be.
		_ = c.inspector.DeleteTask(queueName(c.service, lane), id)
	}
	return nil
}

// Allow takes a cancellation back: the job may be enqueued and run again.
func (c *Client) Allow(ctx context.Context, id string) error {
	for lane := range lanes {
		if err := c.rdb.Del(ctx, key(queueName(c.service, lane), "canceled", id)).Err(); err != nil {
			return fmt.Errorf("allow job %s: %w", id, err)
		}
	}
	return nil
}

// cancels is the channel on which the servers of a service hear of jobs that are cancelled.
func cancels(service string) string { return "liveclip:{" + service + "}:cancels" }
