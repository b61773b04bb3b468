package lease

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Process is an asr process that can own streams.
type Process struct {
	ID      string
	Address string // of its Recording service
	RTMP    string // rtmp://host:port that publishers reach it by
	Streams int    // owned now
	Max     int    // 0: no bound
}

const (
	processesKey = "liveclip:{asr}:processes" // hash: process ID → Process
	seenKey      = "liveclip:{asr}:seen"      // sorted set: process ID by the Redis clock's ms at which its word runs out
)

var announce = redis.NewScript(`
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[3], ARGV[1])
return 1`)

// list drops those whose word ran out, and gives the rest.
var list = redis.NewScript(`
local now = redis.call('TIME')
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now[1] * 1000 + math.floor(now[2] / 1000))) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
return redis.call('HVALS', KEYS[1])`)

// Announce keeps the process listed until ctx ends; state is asked each time. A Redis that is away for a while is no error:
// the process is listed again when it is back.
func (l *Leases) Announce(ctx context.Context, state func() Process) error {
	tick := time.NewTicker(l.ttl / 4)
	defer tick.Stop()
	for {
		p := state()
		value, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("announce process %s: %w", p.ID, err)
		}
		_ = announce.Run(ctx, l.rdb, []string{processesKey, seenKey}, p.ID, value, l.ttl.Milliseconds()).Err()
		select {
		case <-ctx.Done():
			return l.retire(context.WithoutCancel(ctx), p.ID)
		case <-tick.C:
		}
	}
}

func (l *Leases) retire(ctx context.Context, process string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = l.rdb.HDel(ctx, processesKey, process).Err() // else it runs out by itself
	_ = l.rdb.ZRem(ctx, seenKey, process).Err()
	return nil
}

// Processes lists the asr processes alive, least loaded first.
func (l *Leases) Processes(ctx context.Context) ([]Process, error) {
	values, err := list.Run(ctx, l.rdb, []string{processesKey, seenKey}).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("list asr processes: %w", err)
	}
	processes := make([]Process, 0, len(values))
	for _, value := range values {
		var p Process
		if err := json.Unmarshal([]byte(value), &p); err != nil {
			return nil, fmt.Errorf("list asr processes: %w", err)
		}
		processes = append(processes, p)
	}
	slices.SortFunc(processes, func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.Streams, b.Streams), cmp.Compare(a.ID, b.ID))
	})
	return processes, nil
}
