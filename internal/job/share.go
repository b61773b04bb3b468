package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// A queue is first come, first served; a stream with ten thousand jobs on it would have all others wait. So at most a
// few jobs of one share are on the queue at a time. The others are parked: tasks that asynq has scheduled for a day
// that never comes, and an index of them beside it, by share. Whoever ends a job of the share lets the next one go.

const shareWindow = 16 // jobs of one share on a queue, running ones included

// someday is when parked tasks would run if nobody let them go.
var someday = time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)

// shareKeys are the set of a share's jobs on the queue, and the sorted set of those parked. They are the same where no
// share is kept.
func shareKeys(service string, j Job) (share, parked string) {
	share = key(j.queue(service), "share", j.Share)
	if j.Share == "" {
		return share, share
	}
	return share, key(j.queue(service), "parked", j.Share)
}

// parkedShares is the set of shares that have parked jobs on a queue.
func parkedShares(queue string) string { return key(queue, "index", "shares") }

// admit answers 1 when a job may go on its queue, 0 when it is to be parked.
var admit = redis.NewScript(`
if redis.call("SISMEMBER", KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call("ZCARD", KEYS[2]) == 0 and redis.call("SCARD", KEYS[1]) < tonumber(ARGV[2]) then
  redis.call("SADD", KEYS[1], ARGV[1])
  redis.call("PEXPIRE", KEYS[1], ARGV[3])
  return 1
end
redis.call("ZADD", KEYS[2], "NX", redis.call("INCR", KEYS[4]), ARGV[1])
redis.call("SADD", KEYS[3], ARGV[4])
return 0`)

// admitted tells whether a job may go on its queue now; one that may not is in the index of those parked.
func (c *Client) admitted(ctx context.Context, j Job) (bool, error) {
	if j.Share == "" || j.Delay > 0 {
		return true, nil
	}
	share, parked := shareKeys(c.service, j)
	n, err := admit.Run(ctx, c.rdb, []string{share, parked, parkedShares(j.queue(c.service)), key(j.queue(c.service), "index", "count")},
		j.ID, shareWindow, remembered.Milliseconds(), j.Share).Int()
	return n == 1, err
}

// letGo moves a parked task to its queue; one that is not parked, or was cancelled, it leaves.
var letGo = redis.NewScript(`
if redis.call("ZREM", KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call("LPUSH", KEYS[2], ARGV[1])
redis.call("HSET", KEYS[3], "state", "pending", "pending_since", ARGV[2])
return 1`)

// unpark lets a parked task go.
func unpark(ctx context.Context, rdb redis.UniversalClient, queue, id string) error {
	keys := []string{"asynq:{" + queue + "}:scheduled", "asynq:{" + queue + "}:pending", taskKey(queue, id)}
	return letGo.Run(ctx, rdb, keys, id, time.Now().UnixNano()).Err()
}

// refill lets go what a worker that was killed would have let go: shares with parked jobs whose jobs on the queue are gone.
func (s *Server) refill(ctx context.Context) error {
	for lane := range lanes {
		queue := queueName(s.config.Service, lane)
		shares, err := s.rdb.SMembers(ctx, parkedShares(queue)).Result()
		if err != nil {
			return fmt.Errorf("refill shares: %w", err)
		}
		for _, share := range shares {
			if err := s.refillShare(ctx, queue, share); err != nil {
				return fmt.Errorf("refill share %s of %s: %w", share, queue, err)
			}
		}
	}
	return nil
}

func (s *Server) refillShare(ctx context.Context, queue, share string) error {
	onQueue, parked := key(queue, "share", share), key(queue, "parked", share)
	ids, err := s.rdb.SMembers(ctx, onQueue).Result()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.recount(ctx, queue, onQueue, id); err != nil {
			return err
		}
	}
	for {
		id, err := nextOfShare.Run(ctx, s.rdb, []string{onQueue, parked, parkedShares(queue)}, shareWindow, share, remembered.Milliseconds()).Text()
		if err != nil || id == "" {
			return err
		}
		if err := unpark(ctx, s.rdb, queue, id); err != nil {
			return err
		}
	}
}

// recount takes a job off its share's list that is not on the queue any more, and puts one on the queue that is on the list.
func (s *Server) recount(ctx context.Context, queue, onQueue, id string) error {
	state, err := s.rdb.HGet(ctx, taskKey(queue, id), "state").Result()
	switch {
	case errors.Is(err, redis.Nil), err == nil && state == "archived":
		return s.rdb.SRem(ctx, onQueue, id).Err()
	case err != nil || state != "scheduled":
		return err
	}
	at, err := s.rdb.ZScore(ctx, "asynq:{"+queue+"}:scheduled", id).Result()
	switch {
	case errors.Is(err, redis.Nil): // it began meanwhile
		return nil
	case err != nil:
		return err
	case int64(at) < someday.Unix(): // delayed, not parked
		return nil
	}
	return unpark(ctx, s.rdb, queue, id)
}

// nextOfShare answers the next parked job where there is room, or "".
var nextOfShare = redis.NewScript(`
if redis.call("ZCARD", KEYS[2]) == 0 then
  redis.call("SREM", KEYS[3], ARGV[2])
  return ""
end
if redis.call("SCARD", KEYS[1]) >= tonumber(ARGV[1]) then return "" end
local waiting = redis.call("ZPOPMIN", KEYS[2])
redis.call("SADD", KEYS[1], waiting[1])
redis.call("PEXPIRE", KEYS[1], ARGV[3])
return waiting[1]`)

func taskKey(queue, id string) string { return "asynq:{" + queue + "}:t:" + id }
