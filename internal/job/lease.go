package job

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
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

// take answers four numbers for each job: 0 when its lease is taken now, else for how many ms it is another's; for how many ms it is
// still remembered since when it waits (≤ 0: it does not); how often its workers died; 1 when it is cancelled.
var take = redis.NewScript(`
local said = {}
for i = 1, #KEYS, 4 do
  local held = 0
  if not redis.call("SET", KEYS[i], ARGV[1], "NX", "PX", ARGV[2]) then held = math.max(redis.call("PTTL", KEYS[i]), 1) end
  said[#said+1] = held
  said[#said+1] = redis.call("PTTL", KEYS[i+1])
  said[#said+1] = tonumber(redis.call("GET", KEYS[i+2]) or "0")
  said[#said+1] = redis.call("EXISTS", KEYS[i+3])
end
return said`)

// giveBack ends leases that are ours, and for each job notes that it waits ("later"), or forgets it ("over") and lets the next of its
// share go: it answers that job's ID, or "".
var giveBack = redis.NewScript(`
local next = {}
for i = 1, #KEYS, 5 do
  local how, id = ARGV[3 + (i-1)/5*2], ARGV[4 + (i-1)/5*2]
  if redis.call("GET", KEYS[i]) == ARGV[1] then redis.call("DEL", KEYS[i]) end
  next[#next+1] = ""
  if how == "later" then
    redis.call("SET", KEYS[i+1], "", "NX", "PX", ARGV[2])
  elseif how == "over" then
    redis.call("DEL", KEYS[i+1], KEYS[i+2])
    if KEYS[i+3] ~= KEYS[i+4] and redis.call("SREM", KEYS[i+3], id) == 1 then
      local waiting = redis.call("ZPOPMIN", KEYS[i+4])
      if waiting[1] then
        redis.call("SADD", KEYS[i+3], waiting[1])
        next[#next] = waiting[1]
      end
    end
  end
end
return next`)

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
	takes   *gathered[string, taken]
	givings *gathered[giving, struct{}]
	mu      sync.Mutex
	held    map[string]context.CancelCauseFunc // by job
}

// taken is what is known of a job when it begins.
type taken struct {
	held     time.Duration // it is another's for so long; 0: it is ours
	waited   time.Duration // since it first waited; 0: it has not
	died     int           // workers
	canceled bool
}

// giving ends a lease.
type giving struct {
	job Job
	how string // later, over, or "" for a job that is tried again
}

func newLeases(rdb redis.UniversalClient, service string, ttl time.Duration) *leases {
	l := &leases{rdb: rdb, service: service, ttl: ttl, token: rand.Text(), held: map[string]context.CancelCauseFunc{}}
	l.takes, l.givings = gather(l.takeAll), gather(l.giveAll)
	return l
}

func (l *leases) key(what, id string) string { return key(l.service, what, id) }

// take begins a job, whose context ends through lose when its lease is lost or it is cancelled.
func (l *leases) take(ctx context.Context, id string, lose context.CancelCauseFunc) (taken, error) {
	t, err := l.takes.ask(ctx, id)
	if err != nil {
		return t, fmt.Errorf("take lease of job %s: %w", id, err)
	}
	if t.held == 0 {
		l.mu.Lock()
		l.held[id] = lose
		l.mu.Unlock()
	}
	return t, nil
}

// give ends a job, and lets the next of its share go.
func (l *leases) give(ctx context.Context, j Job, how string) {
	l.mu.Lock()
	delete(l.held, j.ID)
	l.mu.Unlock()
	_, _ = l.givings.ask(ctx, giving{j, how}) // else it runs out
}

func (l *leases) takeAll(ctx context.Context, ids []string) ([]taken, error) {
	keys := make([]string, 0, 4*len(ids))
	for _, id := range ids {
		keys = append(keys, l.key("lease", id), l.key("waits", id), l.key("died", id), l.key("canceled", id))
	}
	said, err := take.Run(ctx, l.rdb, keys, l.token, l.ttl.Milliseconds()).Int64Slice()
	if err != nil {
		return nil, err
	}
	all := make([]taken, len(ids))
	for i := range all {
		n := said[4*i:]
		all[i] = taken{held: time.Duration(n[0]) * time.Millisecond, died: int(n[2]), canceled: n[3] == 1}
		if left := time.Duration(n[1]) * time.Millisecond; left > 0 {
			all[i].waited = max(remembered-left, 1)
		}
	}
	return all, nil
}

func (l *leases) giveAll(ctx context.Context, all []giving) ([]struct{}, error) {
	var keys []string
	args := []any{l.token, remembered.Milliseconds()}
	for _, g := range all {
		share, parked := shareKeys(l.service, g.job)
		keys = append(keys, l.key("lease", g.job.ID), l.key("waits", g.job.ID), l.key("died", g.job.ID), share, parked)
		args = append(args, g.how, g.job.ID)
	}
	next, err := giveBack.Run(ctx, l.rdb, keys, args...).StringSlice()
	if err != nil {
		return nil, err
	}
	_, err = l.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, id := range next {
			if id != "" {
				unpark(ctx, pipe, queueName(l.service, all[i].job.Lane), id)
			}
		}
		return nil
	})
	return make([]struct{}, len(all)), err
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
		l.mu.Lock()
		ids := slices.Collect(maps.Keys(l.held))
		l.mu.Unlock()
		for some := range slices.Chunk(ids, mostAtOnce) {
			l.renewAll(ctx, some)
		}
	}
}

func (l *leases) renewAll(ctx context.Context, ids []string) {
	var keys []string
	for _, id := range ids {
		keys = append(keys, l.key("lease", id), l.key("canceled", id))
	}
	ctx, cancel := context.WithTimeout(ctx, l.ttl/4)
	defer cancel()
	said, err := renew.Run(ctx, l.rdb, keys, l.token, l.ttl.Milliseconds()).Int64Slice()
	if err != nil {
		return
	}
	for i, id := range ids {
		switch said[i] {
		case 0:
			l.lose(id, fmt.Errorf("lease of job %s: taken over by another worker", id))
		case 2:
			l.lose(id, ErrCanceled)
		}
	}
}

// letGo gives back the leases of what still runs.
func (l *leases) letGo(ctx context.Context) {
	l.mu.Lock()
	ids := slices.Collect(maps.Keys(l.held))
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for some := range slices.Chunk(ids, mostAtOnce) {
		var all []giving
		for _, id := range some {
			all = append(all, giving{job: Job{ID: id}})
		}
		_, _ = l.giveAll(ctx, all) // else they run out
	}
}

// lose ends the context of a job, if this server runs it.
func (l *leases) lose(id string, why error) {
	l.mu.Lock()
	lose := l.held[id]
	l.mu.Unlock()
	if lose != nil {
		lose(why)
	}
}

// linger is how long a call waits for more questions where another was made just before: at thousands of jobs a second their number
// is what Redis' time goes into. The first after a pause does not wait.
const linger = time.Millisecond

// gathered answers questions that come at about the same time with one call.
type gathered[Q, A any] struct {
	questions chan question[Q, A]
	answer    func(ctx context.Context, all []Q) ([]A, error)
	ended     chan struct{}
}

type question[Q, A any] struct {
	asked Q
	told  chan<- told[A]
}

type told[A any] struct {
	answer A
	err    error
}

func gather[Q, A any](answer func(context.Context, []Q) ([]A, error)) *gathered[Q, A] {
	return &gathered[Q, A]{questions: make(chan question[Q, A], mostAtOnce), answer: answer, ended: make(chan struct{})}
}

var errEnded = errors.New("the server has ended")

func (g *gathered[Q, A]) ask(ctx context.Context, q Q) (A, error) {
	told := make(chan told[A], 1)
	var none A
	select {
	case g.questions <- question[Q, A]{q, told}:
	case <-ctx.Done():
		return none, ctx.Err()
	case <-g.ended:
		return none, errEnded
	}
	select {
	case t := <-told:
		return t.answer, t.err
	case <-g.ended:
		return none, errEnded
	}
}

// run answers until ctx ends.
func (g *gathered[Q, A]) run(ctx context.Context) {
	defer close(g.ended)
	var last time.Time
	for {
		var all []question[Q, A]
		select {
		case <-ctx.Done():
			return
		case q := <-g.questions:
			all = append(all, q)
		}
		wait := time.Duration(0)
		if time.Since(last) < 2*linger {
			wait = linger
		}
		all = g.more(all, wait)
		g.tell(ctx, all)
		last = time.Now()
	}
}

// more adds what comes within a while, and what is there already.
func (g *gathered[Q, A]) more(all []question[Q, A], wait time.Duration) []question[Q, A] {
	enough := time.NewTimer(wait)
	defer enough.Stop()
	for wait > 0 && len(all) < mostAtOnce {
		select {
		case q := <-g.questions:
			all = append(all, q)
		case <-enough.C:
			wait = 0
		}
	}
	for len(all) < mostAtOnce {
		select {
		case q := <-g.questions:
			all = append(all, q)
		default:
			return all
		}
	}
	return all
}

func (g *gathered[Q, A]) tell(ctx context.Context, all []question[Q, A]) {
	asked := make([]Q, len(all))
	for i, q := range all {
		asked[i] = q.asked
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answers, err := g.answer(ctx, asked)
	for i, q := range all {
		t := told[A]{err: err}
		if err == nil {
			t.answer = answers[i]
		}
		q.told <- t
	}
}
