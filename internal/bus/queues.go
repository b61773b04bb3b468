package bus

import (
	"context"
	"maps"
	"sync"
	"time"

	"liveclip/internal/event"
)

// queues hold what was read of one partition number, a queue per topic, and know in which order it is to be handled. The
// feed fills them, one goroutine of merge empties them.
type queues struct {
	keepNow bool // merge's own

	mu     sync.Mutex
	order  []*queue
	of     map[*reading]*queue
	newest time.Time // when the last of all records at hand may be released at the earliest
	wake   chan struct{}
	next   Offsets // of what was handled
	dirty  bool
}

type queue struct {
	records []record
	read    int64 // next offset after records, and after what can't be read
	high    int64
	// proven is the last moment at which everything the partition held had been read.
	proven time.Time
}

func newQueues(readings []*reading, kept Offsets) *queues {
	q := &queues{of: map[*reading]*queue{}, wake: make(chan struct{}, 1), next: Offsets{}}
	for _, r := range readings {
		startAt(r, kept)
		if r.next >= 0 {
			q.next[r.topic] = r.next
		}
		q.of[r] = &queue{read: r.next}
		q.order = append(q.order, q.of[r])
	}
	return q
}

// release is when a record may be handled at the earliest: by then, every older one of another topic has arrived.
func release(r record) time.Time {
	stamped := r.time
	if r.received.Before(stamped) {
		stamped = r.received // the publisher's clock is ahead
	}
	return stamped.Add(mergeSlack)
}

func (q *queues) hasRoom(r *reading) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.of[r].records) < mergeRoom
}

// wait is short while records at hand wait for a proof that no older one will come.
func (q *queues) wait() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, one := range q.order {
		if len(one.records) < mergeRoom && one.proven.Before(q.newest) {
			const step = time.Millisecond // the brokers' unit
			left := time.Until(q.newest).Truncate(step) + step
			return min(max(left, 0), mergeSlack+step)
		}
	}
	return longPoll
}

func (q *queues) take(r *reading, got fetched) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of[r]
	one.records = append(one.records, got.records...)
	one.read, one.high = got.next, got.high
	q.dirty = q.dirty || got.skipped
	if got.next >= got.high {
		one.proven = got.asOf
	}
	for _, rec := range got.records {
		if at := release(rec); at.After(q.newest) {
			q.newest = at
		}
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop takes the oldest record, if it is known to be the oldest; else due says when to look again, when no record has
// come until then (0: only then).
func (q *queues) pop(now time.Time) (rec record, ok bool, due time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var oldest *queue
	for _, one := range q.order {
		if len(one.records) > 0 && (oldest == nil || one.records[0].time.Before(oldest.records[0].time)) {
			oldest = one
		}
	}
	if oldest == nil {
		return record{}, false, 0
	}
	at := release(oldest.records[0])
	if now.Before(at) {
		return record{}, false, at.Sub(now)
	}
	for _, one := range q.order {
		if len(one.records) == 0 && one.proven.Before(at) {
			return record{}, false, 0
		}
	}
	rec = oldest.records[0]
	oldest.records[0] = record{}
	oldest.records = oldest.records[1:]
	return rec, true, 0
}

// await waits until there may be something to do; false: ctx ended.
func (q *queues) await(ctx context.Context, due time.Duration, keeping <-chan time.Time) bool {
	var timer <-chan time.Time
	if due > 0 {
		timer = time.After(due)
	}
	select {
	case <-ctx.Done():
		return false
	case <-keeping:
		q.keepNow = true
	case <-q.wake:
	case <-timer:
	}
	return true
}

func (q *queues) handled(rec record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next[rec.topic] = rec.offset + 1
	q.dirty = true
}

// position is what to keep, and whether it changed since it was kept. Nothing may be in hand: popped and not handled.
func (q *queues) position() (Offsets, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.reached(), q.dirty
}

// reached is up to where everything was handled, or can't be read.
func (q *queues) reached() Offsets {
	next := maps.Clone(q.next)
	for r, one := range q.of {
		if len(one.records) == 0 && one.read >= 0 {
			next[r.topic] = one.read
		}
	}
	return next
}

func (q *queues) kept() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dirty = false
}

func (q *queues) lag() map[event.Topic]int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	lag := map[event.Topic]int64{}
	next := q.reached()
	for r, one := range q.of {
		if at, ok := next[r.topic]; ok {
			lag[r.topic] = max(0, one.high-at)
		}
	}
	return lag
}
