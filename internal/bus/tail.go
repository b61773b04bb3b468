package bus

import (
	"context"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"liveclip/internal/event"
)

// From says where a Tail begins.
type From int

const (
	FromStart From = iota // the oldest event kept
	FromNow
)

// Tail gives every event of the topics, of all partitions, to h, without a group, until ctx ends (nil) or h fails (its
// error). Calls of h do not overlap. caughtUp, if not nil, is called once, when everything that was there at the start
// has been handled. A record that cannot be read as an event is left out: the topic's consumer groups bury it.
func (b *Bus) Tail(ctx context.Context, topics []event.Topic, from From, h Handler, caughtUp func()) error {
	if err := b.configured(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := &tail{bus: b, ctx: ctx, cancel: cancel, handle: h, caughtUp: caughtUp}
	readings, ok := t.begin(topics, from)
	if !ok {
		return nil
	}
	f := &feed{bus: b, readings: readings, take: t.take}
	f.run(ctx)
	return t.failed
}

type tail struct {
	bus    *Bus
	ctx    context.Context
	cancel context.CancelCauseFunc
	handle Handler

	mu       sync.Mutex
	failed   error
	goals    map[*reading]int64 // the ends at the start, of partitions not read so far yet
	caughtUp func()             // nil once called
}

// begin finds all partitions and where they end now; false: ctx ended first.
func (t *tail) begin(topics []event.Topic, from From) ([]*reading, bool) {
	var readings []*reading
	for _, topic := range topics {
		count, err := t.bus.partitions(t.ctx, t.bus.topicName(topic))
		if err != nil {
			return nil, false
		}
		for p := range count {
			readings = append(readings, &reading{topic: topic, partition: p, next: kafka.FirstOffset})
		}
	}
	for {
		ends, err := t.bus.ends(t.ctx, readings)
		if err == nil {
			t.aim(ends, from)
			return readings, true
		}
		t.bus.log.Warn("offsets not known yet", "topics", topics, "error", err)
		if !sleep(t.ctx, 200*time.Millisecond) {
			return nil, false
		}
	}
}

func (t *tail) aim(ends map[*reading]extent, from From) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.goals = map[*reading]int64{}
	for r, e := range ends {
		r.next = e.first
		if from == FromNow {
			r.next = e.last
		}
		if r.next < e.last {
			t.goals[r] = e.last
		}
	}
	t.tellCaughtUp()
}

func (t *tail) take(r *reading, got fetched) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, rec := range got.records {
		if t.ctx.Err() != nil {
			return
		}
		e, err := event.Decode(rec.value)
		if err != nil {
			t.bus.metrics.failed.WithLabelValues("", string(rec.topic)).Inc()
			t.bus.log.Warn("record left out", "topic", rec.topic, "partition", rec.partition, "offset", rec.offset, "error", err)
			continue
		}
		if err := t.handle(t.ctx, e); err != nil {
			if t.ctx.Err() == nil {
				t.failed = err
			}
			t.cancel(err)
			return
		}
	}
	// A partition that was made anew may end before its goal.
	if goal, ok := t.goals[r]; ok && got.next >= min(goal, got.high) {
		delete(t.goals, r)
		t.tellCaughtUp()
	}
}

func (t *tail) tellCaughtUp() {
	if len(t.goals) == 0 && t.caughtUp != nil {
		t.caughtUp()
		t.caughtUp = nil
	}
}
