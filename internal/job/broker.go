package job

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// broker is Redis as asynq's server sees it, with fewer round trips for each job. It knows two of asynq's calls by the
// keys that they are about, and lets everything else pass: tasks are taken off a queue several at a time, together with
// their leases; and what asynq does with a task that ended goes out with what others of the same moment want, and with
// the leases given back.
type broker struct {
	redis.UniversalClient
	leases  *leases
	wakes   *wakes
	workers int
	waiting map[string]domain.Lane // by the key of a queue's waiting tasks
	active  map[string]bool        // keys of the running ones
	ends    *gathered[ending, struct{}]

	// Of asynq's one goroutine that takes tasks.
	ready []fetched // taken, for places that are free
	burst int       // how many to take next

	mu       sync.Mutex
	begun    map[string]history   // by task, in a worker's hands
	canceled map[string]time.Time // tasks that were, a moment ago: one that is ready may be among them
}

// fetched is a task that was taken off its queue.
type fetched struct {
	lane    domain.Lane
	id      string
	message string // as asynq encodes it
	history history
}

// ending is the end of a job: a lease that is given back, or what asynq does with its task.
type ending struct {
	lease *giving
	task  *redis.Cmd
}

func newBroker(rdb redis.UniversalClient, workers int, idle time.Duration, l *leases) *broker {
	b := &broker{
		UniversalClient: rdb, leases: l, wakes: newWakes(rdb, idle, l.service), workers: workers,
		waiting: map[string]domain.Lane{}, active: map[string]bool{}, burst: 1, begun: map[string]history{},
		canceled: map[string]time.Time{},
	}
	for lane := range lanes {
		queue := "asynq:{" + queueName(l.service, lane) + "}:"
		b.waiting[queue+"pending"] = lane
		b.active[queue+"active"] = true
	}
	b.ends = gather(b.endAll)
	return b
}

// EvalSha runs a script of asynq's.
func (b *broker) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if lane, takes := b.waiting[keys[0]]; takes && len(keys) == 4 && len(args) == 2 {
		return b.next(ctx, lane)
	}
	if len(keys) > 3 && (b.active[keys[0]] || b.active[keys[1]]) {
		return b.end(ctx, sha, keys, args)
	}
	return b.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

const (
	asynqLease = 30 * time.Second // as asynq has it: beside ours, and renewed by it
	// canceledFor is longer than a task is ready before it begins; from the next renewal of its lease on it would be known anyway.
	canceledFor = 10 * time.Second
	burstShare  = 4 // of the places that are free, this part is filled from one queue: lanes keep their weights
)

// takeOff takes tasks off a queue as asynq does, and their leases. It answers six values for each: its ID and message;
// 0 when its lease is taken now, else for how many ms it is another's; for how many ms it is still remembered since
// when it waits (≤ 0: it does not); how often its workers died; 1 when it is cancelled. An ID without a task is
// dropped.
var takeOff = redis.NewScript(`
local said = {}
if redis.call("EXISTS", KEYS[2]) == 1 then return said end
for i = 1, tonumber(ARGV[3]) do
  local id = redis.call("RPOPLPUSH", KEYS[1], KEYS[3])
  if not id then break end
  local task = ARGV[2] .. id
  local message = redis.call("HGET", task, "msg")
  if message then
    redis.call("HSET", task, "state", "active")
    redis.call("HDEL", task, "pending_since")
    redis.call("ZADD", KEYS[4], ARGV[1], id)
    local lease, waiting, dead, stopped = ARGV[4] .. id, ARGV[5] .. id, ARGV[6] .. id, ARGV[7] .. id
    local held, waits, died, canceled = 0, 0, 0, 0
    if not redis.call("SET", lease, ARGV[8], "NX", "PX", ARGV[9]) then held = math.max(redis.call("PTTL", lease), 1) end
    if redis.call("EXISTS", waiting, dead, stopped) > 0 then
      waits, died, canceled = redis.call("PTTL", waiting), tonumber(redis.call("GET", dead) or "0"), redis.call("EXISTS", stopped)
    end
    local n = #said
    said[n+1], said[n+2], said[n+3], said[n+4], said[n+5], said[n+6] = id, message, held, waits, died, canceled
  else
    redis.call("LREM", KEYS[3], 1, id)
  end
end
return said`)

// next hands out a task. Where every queue is empty it waits for the first that is not.
func (b *broker) next(ctx context.Context, lane domain.Lane) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	err := b.fetch(ctx, lane)
	if err == nil && len(b.ready) == 0 {
		if filled, woken := b.wakes.empty(); woken {
			err = b.fetch(ctx, filled)
		}
	}
	switch {
	case err != nil:
		cmd.SetErr(err)
	case len(b.ready) == 0:
		cmd.SetErr(redis.Nil)
	default:
		b.wakes.found()
		task := b.ready[0]
		b.ready = b.ready[1:]
		b.mu.Lock()
		b.begun[task.id] = task.history
		b.mu.Unlock()
		cmd.SetVal(task.message)
	}
	return cmd
}

// fetch makes tasks of a lane ready, unless some are.
func (b *broker) fetch(ctx context.Context, lane domain.Lane) error {
	if len(b.ready) > 0 {
		return nil
	}
	b.mu.Lock()
	free := b.workers - len(b.begun)
	b.mu.Unlock()
	n := max(1, min(b.burst, free/burstShare))
	queue := queueName(b.leases.service, lane)
	prefix := "asynq:{" + queue + "}:"
	said, err := takeOff.Run(ctx, b.UniversalClient, []string{prefix + "pending", prefix + "paused", prefix + "active", prefix + "lease"},
		float64(time.Now().Add(asynqLease).UnixMicro())/1e6, taskKey(queue, ""), n,
		key(queue, "lease", ""), key(queue, "waits", ""), key(queue, "died", ""), key(queue, "canceled", ""),
		b.leases.token, b.leases.ttl.Milliseconds()).Slice()
	if err != nil {
		return fmt.Errorf("take jobs of %s: %w", queue, err)
	}
	b.ready = nil
	for ; len(said) >= 6; said = said[6:] {
		b.ready = append(b.ready, fetchedFrom(lane, said))
	}
	b.burst = 1
	if len(b.ready) == n { // there may be more
		b.burst = min(2*n, mostAtOnce)
	}
	return nil
}

// fetchedFrom is one task's part of what takeOff answers.
func fetchedFrom(lane domain.Lane, said []any) fetched {
	f := fetched{lane: lane}
	f.id, _ = said[0].(string)
	f.message, _ = said[1].(string)
	number := func(i int) int64 { n, _ := said[i].(int64); return n }
	f.history = history{leasedFor: time.Duration(number(2)) * time.Millisecond, died: int(number(4)), canceled: number(5) == 1}
	if left := time.Duration(number(3)) * time.Millisecond; left > 0 {
		f.history.waited = max(remembered-left, 1)
	}
	return f
}

// begin tells what is known of a task that was handed out, which ended frees the place of.
func (b *broker) begin(id string) (known history, ok bool, ended func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, ok = b.begun[id]
	return known, ok, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.begun, id)
	}
}

// cancel notes that a task was cancelled, for when it begins.
func (b *broker) cancel(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.canceled, func(_ string, at time.Time) bool { return time.Since(at) > canceledFor })
	b.canceled[id] = time.Now()
}

func (b *broker) justCanceled(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, just := b.canceled[id]
	return just
}

// end has asynq's call about a task that ended go out with others.
func (b *broker) end(ctx context.Context, sha string, keys []string, args []any) *redis.Cmd {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, "evalsha", sha, strconv.Itoa(len(keys)))
	for _, k := range keys {
		words = append(words, k)
	}
	cmd := redis.NewCmd(ctx, append(words, args...)...)
	cmd.SetFirstKeyPos(3)
	if _, err := b.ends.ask(ctx, ending{task: cmd}); err != nil {
		cmd.SetErr(err)
	}
	return cmd
}

// endAll sends what ended. What becomes of a task its own call tells; a lease that is not given back runs out.
func (b *broker) endAll(ctx context.Context, all []ending) ([]struct{}, error) {
	var leases []giving
	pipe := b.Pipeline()
	for _, e := range all {
		if e.lease != nil {
			leases = append(leases, *e.lease)
		}
	}
	givings := b.leases.givings(leases)
	given := make([]*redis.Cmd, len(givings))
	for i, g := range givings {
		given[i] = giveBack.EvalSha(ctx, pipe, g.keys, g.args...)
	}
	for _, e := range all {
		if e.task != nil {
			_ = pipe.Process(ctx, e.task)
		}
	}
	_, _ = pipe.Exec(ctx)
	for i, cmd := range given {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			_ = giveBack.Eval(ctx, b.UniversalClient, givings[i].keys, givings[i].args...).Err()
		}
	}
	return make([]struct{}, len(all)), nil
}

// putBack puts on their queues again what was taken and has not begun; asynq must have stopped.
func (b *broker) putBack(ctx context.Context) error {
	var all []error
	for _, f := range slices.Backward(b.ready) { // each to the head of its queue
		queue := queueName(b.leases.service, f.lane)
		err := b.leases.giveAll(ctx, []giving{{job: Job{ID: f.id, Lane: f.lane}}})
		if err == nil {
			_, err = putBackTask(ctx, b.UniversalClient, queue, f.id, "")
		}
		all = append(all, err)
	}
	b.ready = nil
	return errors.Join(all...)
}
