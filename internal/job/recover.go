package job

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// putBack moves a task that asynq holds as active to the head of its queue, unless somebody did already, and counts
// that its worker died, where it did. It is one step: a task that is back may begin at once, and knows then how often
// its workers died. It answers 1 when it did so.
var putBack = redis.NewScript(`
if redis.call("LREM", KEYS[1], 0, ARGV[1]) == 0 then return 0 end
redis.call("ZREM", KEYS[2], ARGV[1])
redis.call("RPUSH", KEYS[3], ARGV[1])
redis.call("HSET", KEYS[4], "state", "pending", "pending_since", ARGV[2])
if ARGV[3] == "1" then
  redis.call("INCR", KEYS[5])
  redis.call("PEXPIRE", KEYS[5], ARGV[4])
end
return 1`)

func putBackTask(ctx context.Context, rdb redis.UniversalClient, queue, id string, died bool) (done bool, err error) {
	prefix := "asynq:{" + queue + "}:"
	keys := []string{prefix + "active", prefix + "lease", prefix + "pending", taskKey(queue, id), key(queue, "died", id)}
	n, err := putBack.Run(ctx, rdb, keys, id, time.Now().UnixNano(), died, remembered.Milliseconds()).Int()
	return n == 1, err
}

const refillEvery = 5 * time.Second

// recovery puts back on their queues what was running when its worker died.
type recovery struct {
	*Server
	bare map[string]time.Time // active tasks without a lease, and since when they are seen so; by queue and ID
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
			r.bare = map[string]time.Time{} // how long they are bare is not known now
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
	bare := map[string]time.Time{}
	for lane := range lanes {
		queue := queueName(r.config.Service, lane)
		ids, err := r.rdb.LRange(ctx, "asynq:{"+queue+"}:active", 0, -1).Result()
		if err != nil {
			return err
		}
		held, err := r.leased(ctx, queue, ids)
		if err != nil {
			return err
		}
		for i, id := range ids {
			if held[i] {
				continue
			}
			since, known := r.bare[queue+"\x00"+id]
			switch {
			case !known:
				bare[queue+"\x00"+id] = time.Now()
			case time.Since(since) < r.config.Lease/2:
				bare[queue+"\x00"+id] = since
			default:
				if err := r.putBack(ctx, queue, id); err != nil {
					return err
				}
			}
		}
	}
	r.bare = bare
	return nil
}

func (r *recovery) leased(ctx context.Context, queue string, ids []string) ([]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	asked := make([]*redis.IntCmd, len(ids))
	_, err := r.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, id := range ids {
			asked[i] = pipe.Exists(ctx, key(queue, "lease", id))
		}
		return nil
	})
	held := make([]bool, len(ids))
	for i, a := range asked {
		held[i] = a.Val() == 1
	}
	return held, err
}

func (r *recovery) putBack(ctx context.Context, queue, id string) error {
	done, err := putBackTask(ctx, r.rdb, queue, id, true)
	if err != nil || !done {
		return err
	}
	r.metrics.recovered.Inc()
	r.log.Warn("worker died, its job runs again", "job_id", id)
	return nil
}
