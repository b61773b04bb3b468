package job

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// putBack moves a task that asynq holds as active to the head of its queue, unless somebody did already, and counts
// that its worker died, where it did. It is one step: a task that is back may begin at once, and knows then how often
// its workers died. A task that was taken up again after its worker died stays: whoever took it may have ended it, given
// its lease back, and be about to tell asynq. It answers 1 when it put the task back.
var putBack = redis.NewScript(`
local died = ARGV[3] ~= ""
if died and tonumber(redis.call("ZSCORE", KEYS[2], ARGV[1]) or "0") ~= tonumber(ARGV[3]) then return 0 end
if redis.call("LREM", KEYS[1], 0, ARGV[1]) == 0 then return 0 end
redis.call("ZREM", KEYS[2], ARGV[1])
redis.call("RPUSH", KEYS[3], ARGV[1])
redis.call("HSET", KEYS[4], "state", "pending", "pending_since", ARGV[2])
if died then
  redis.call("INCR", KEYS[5])
  redis.call("PEXPIRE", KEYS[5], ARGV[4])
end
return 1`)

// putBackTask is told by takenUntil that the task's worker died: the end of asynq's lease for it as the dead worker left
// it, in Unix seconds. It is "" for a task of a worker that lives.
func putBackTask(ctx context.Context, rdb redis.UniversalClient, queue, id, takenUntil string) (done bool, err error) {
	prefix := "asynq:{" + queue + "}:"
	keys := []string{prefix + "active", prefix + "lease", prefix + "pending", taskKey(queue, id), key(queue, "died", id)}
	n, err := putBack.Run(ctx, rdb, keys, id, time.Now().UnixNano(), takenUntil, remembered.Milliseconds()).Int()
	return n == 1, err
}

const refillEvery = 5 * time.Second

// recovery puts back on their queues what was running when its worker died.
type recovery struct {
	*Server
	bare map[string]bareTask // by queue and ID
}

// bareTask is active and without a lease of ours.
type bareTask struct {
	takenUntil string    // the end of asynq's lease, which the next worker that takes the task moves
	since      time.Time // seen so
}

// watch looks until ctx ends.
func (r *recovery) watch(ctx context.Context) {
	ticks := time.NewTicker(r.config.Lease / 12)
	defer ticks.Stop()
	refilled := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			r.log.Debug("jobs not looked after", "service", r.config.Service, "error", err)
			r.bare = map[string]bareTask{} // how long they are bare is not known now
		}
		if time.Since(refilled) > refillEvery {
			refilled = time.Now()
			if err := r.refill(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("shares not refilled", "service", r.config.Service, "error", err)
			}
		}
	}
}

// look puts back what has been bare for so long that its worker must be dead: one that lives takes the lease when it
// begins, and keeps it until asynq knows that the job ended.
func (r *recovery) look(ctx context.Context) error {
	bare := map[string]bareTask{}
	for lane := range lanes {
		queue := queueName(r.config.Service, lane)
		seen, err := r.bareIn(ctx, queue)
		if err != nil {
			return err
		}
		for id, task := range seen {
			was, known := r.bare[queue+"\x00"+id]
			switch {
			case !known || was.takenUntil != task.takenUntil:
				bare[queue+"\x00"+id] = task
			case time.Since(was.since) < r.config.Lease/2:
				bare[queue+"\x00"+id] = was
			default:
				if err := r.putBack(ctx, queue, id, was.takenUntil); err != nil {
					return err
				}
			}
		}
	}
	r.bare = bare
	return nil
}

// bareIn are the bare tasks of a queue, by ID.
func (r *recovery) bareIn(ctx context.Context, queue string) (map[string]bareTask, error) {
	prefix := "asynq:{" + queue + "}:"
	ids, err := r.rdb.LRange(ctx, prefix+"active", 0, -1).Result()
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	leased, taken := make([]*redis.IntCmd, len(ids)), make([]*redis.FloatCmd, len(ids))
	_, err = r.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, id := range ids {
			leased[i], taken[i] = pipe.Exists(ctx, key(queue, "lease", id)), pipe.ZScore(ctx, prefix+"lease", id)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) { // a task may end meanwhile
		return nil, err
	}
	bare := map[string]bareTask{}
	for i, id := range ids {
		if leased[i].Err() != nil {
			return nil, leased[i].Err()
		}
		if leased[i].Val() == 0 {
			bare[id] = bareTask{takenUntil: strconv.FormatFloat(taken[i].Val(), 'f', -1, 64), since: time.Now()}
		}
	}
	return bare, nil
}

func (r *recovery) putBack(ctx context.Context, queue, id, takenUntil string) error {
	done, err := putBackTask(ctx, r.rdb, queue, id, takenUntil)
	if err != nil || !done {
		return err
	}
	r.metrics.recovered.Inc()
	r.log.Warn("worker died, its job runs again", "job_id", id)
	return nil
}
