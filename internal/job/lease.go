package job

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A running job's lease says that its worker lives. It is no lock on the outcome: that is the store's conditional write.

const (
	remembered = 24 * time.Hour // what is kept of a job beside asynq: since when it waits, how often its workers died, that it is cancelled
	mostAtOnce = 128            // leases taken, given back or renewed in one call
)

var errHeld = errors.New("another worker runs this job")

// giveBack ends leases that are ours, and for each job notes that it waits ("later"), or forgets it ("over") and lets
// the next of its share go.
var giveBack = redis.NewScript(`
local function go_on(share, parked, id)
  if share == parked or redis.call("SREM", share, id) == 0 then return end
  local waiting = redis.call("ZPOPMIN", parked)[1]
  if not waiting then return end
  redis.call("SADD", share, waiting)
  if redis.call("ZREM", KEYS[1], waiting) == 0 then return end
  redis.call("LPUSH", KEYS[2], waiting)
  redis.call("HSET", ARGV[3] .. waiting, "state", "pending", "pending_since", ARGV[4])
end
local a = 5
for i = 3, #KEYS, 5 do
  local how, id = ARGV[a], ARGV[a+1]
  a = a + 2
  if redis.call("GET", KEYS[i]) == ARGV[1] then redis.call("DEL", KEYS[i]) end
  if how == "later" then
    redis.call("SET", KEYS[i+1], "", "NX", "PX", ARGV[2])
  elseif how == "over" then
    redis.call("DEL", KEYS[i+1], KEYS[i+2])
    go_on(KEYS[i+3], KEYS[i+4], id)
  end
end
return 0`)

// renew answers 1 for each lease that is ours for another while, also when it had vanished, 0 for one that is another's, 2 for one
// whose job is cancelled.
var renew = redis.NewScript(`
local said = {}
for i = 1, #KEYS, 2 do
  local holder = redis.call("GET", KEYS[i])
  if holder and holder ~= ARGV[1] then said[#said+1] = 0
  else
    redis.call("SET", KEYS[i], ARGV[1], "PX", ARGV[2])
    said[#said+1] = 1 + redis.call("EXISTS", KEYS[i+1])
  end
end
return said`)

// leases of the jobs that one server runs.
type leases struct {
	rdb     redis.UniversalClient
	service string
	ttl     time.Duration
	token   string // of this server
	mu      sync.Mutex
	held    map[string]lease // by job
}

// lease is one of ours; lose ends its job's context.
type lease struct {
	job  Job
	lose context.CancelCauseFunc
}

// history is what is known of a job when it begins.
type history struct {
	leasedFor time.Duration // it is another's for so long; 0: it is ours
	waited    time.Duration // since it first waited; 0: it has not
	died      int           // workers
	canceled  bool
}

// giving ends a lease.
type giving struct {
	job Job
	how string // later, over, or "" for a job that is tried again
}

func newLeases(rdb redis.UniversalClient, service string, ttl time.Duration) *leases {
	return &leases{rdb: rdb, service: service, ttl: ttl, token: rand.Text(), held: map[string]lease{}}
}

func (l *leases) key(j Job, what string) string { return key(j.queue(l.service), what, j.ID) }

// hold keeps a job's lease until drop; its context ends through lose when it is lost or the job is cancelled.
func (l *leases) hold(j Job, lose context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[j.ID] = lease{j, lose}
}

func (l *leases) drop(j Job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, j.ID)
}

// byQueue sorts what is asked into queues: a call to Redis is about one.
func byQueue[Q any](service string, all []Q, job func(Q) Job) map[string][]int {
	queues := map[string][]int{}
	for i, q := range all {
		queue := job(q).queue(service)
		queues[queue] = append(queues[queue], i)
	}
	return queues
}

// call is one of a script.
type call struct {
	keys []string
	args []any
}

// givings are the calls of giveBack that end leases: one for each queue.
func (l *leases) givings(all []giving) []call {
	var calls []call
	for queue, of := range byQueue(l.service, all, func(g giving) Job { return g.job }) {
		c := call{
			[]string{"asynq:{" + queue + "}:scheduled", "asynq:{" + queue + "}:pending"},
			[]any{l.token, remembered.Milliseconds(), taskKey(queue, ""), time.Now().UnixNano()},
		}
		for _, i := range of {
			g := all[i]
			share, parked := shareKeys(l.service, g.job)
			c.keys = append(c.keys, l.key(g.job, "lease"), l.key(g.job, "waits"), l.key(g.job, "died"), share, parked)
			c.args = append(c.args, g.how, g.job.ID)
		}
		calls = append(calls, c)
	}
	return calls
}

func (l *leases) giveAll(ctx context.Context, all []giving) error {
	for _, c := range l.givings(all) {
		if err := giveBack.Run(ctx, l.rdb, c.keys, c.args...).Err(); err != nil {
			return err
		}
	}
	return nil
}

// keep renews the leases held until ctx ends. A Redis that does not answer ends no job: nobody else can take it up meanwhile, and
// asynq gives an attempt up by itself after half a minute.
func (l *leases) keep(ctx context.Context) {
	ticks := time.NewTicker(l.ttl / 4)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		for some := range slices.Chunk(l.jobs(), mostAtOnce) {
			l.renewAll(ctx, some)
		}
	}
}

// jobs are those whose leases are held.
func (l *leases) jobs() []Job {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Job, 0, len(l.held))
	for _, h := range l.held {
		all = append(all, h.job)
	}
	return all
}

func (l *leases) renewAll(ctx context.Context, jobs []Job) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl/4)
	defer cancel()
	for _, of := range byQueue(l.service, jobs, func(j Job) Job { return j }) {
		var keys []string
		for _, i := range of {
			keys = append(keys, l.key(jobs[i], "lease"), l.key(jobs[i], "canceled"))
		}
		said, err := renew.Run(ctx, l.rdb, keys, l.token, l.ttl.Milliseconds()).Int64Slice()
		if err != nil {
			return
		}
		for n, i := range of {
			switch said[n] {
			case 0:
				l.lose(jobs[i].ID, fmt.Errorf("lease of job %s: taken over by another worker", jobs[i].ID))
			case 2:
				l.lose(jobs[i].ID, ErrCanceled)
			}
		}
	}
}

// letGo gives back the leases of what still runs.
func (l *leases) letGo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for some := range slices.Chunk(l.jobs(), mostAtOnce) {
		var all []giving
		for _, j := range some {
			all = append(all, giving{job: j})
		}
		_ = l.giveAll(ctx, all) // else they run out
	}
}

// lose ends the context of a job, if this server runs it.
func (l *leases) lose(id string, why error) {
	l.mu.Lock()
	h, held := l.held[id]
	l.mu.Unlock()
	if held {
		h.lose(why)
	}
}
