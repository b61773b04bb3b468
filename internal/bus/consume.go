package bus

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Consume handles the topics' events as a member of the group until ctx ends, then finishes what is in hand, commits and
// returns nil. Events of one stream and topic are handled in order, one at a time; those of different streams in parallel.
// Only the contiguous mark of what is done is committed.
func (b *Bus) Consume(ctx context.Context, group string, topics []event.Topic, h Handler) error {
	return b.join(ctx, group, topics, func(ctx context.Context, a assignment) {
		c := &consumption{
			bus: b, assignment: a, handle: h,
			slots: make(chan struct{}, b.config.Concurrency),
			lanes: map[laneKey]*lane{}, windows: map[*reading]*window{},
		}
		for _, r := range a.readings {
			c.windows[r] = &window{mark: r.next, committed: r.next}
		}
		c.run(ctx)
	})
}

// consumption is one generation of one Consume.
type consumption struct {
	bus        *Bus
	assignment assignment
	handle     Handler
	slots      chan struct{} // taken while a handler runs

	stopping context.Context // ends when nothing new may be begun
	working  context.Context // the handlers'; ends when what is in hand may take no longer
	running  sync.WaitGroup  // lanes

	mu      sync.Mutex
	lanes   map[laneKey]*lane
	windows map[*reading]*window
}

// laneKey names what is handled in order: one stream on one topic.
type laneKey struct {
	reading *reading
	stream  string
}

type lane struct{ queue []*entry }

type entry struct {
	record
	window *window
	done   bool
}

// windowSize bounds the records of one partition that are in memory: when a stream's retries hold the mark back, the other
// streams go on within it.
const windowSize = 2048

// window is what lies between a partition's commit mark and the newest record read.
type window struct {
	entries   []*entry // the first is the oldest not done
	read      int64    // next offset after the newest record read, and after what can't be read
	mark      int64    // next offset to commit
	committed int64
	high      int64
}

func (c *consumption) run(ctx context.Context) {
	c.stopping = ctx
	var cancel context.CancelFunc
	c.working, cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()

	var fed sync.WaitGroup
	fed.Go(func() {
		f := &feed{bus: c.bus, readings: c.assignment.readings, wants: c.hasRoom, take: c.take}
		f.run(ctx)
	})
	for sleep(ctx, commitPeriod) {
		if !c.commit() {
			break
		}
	}
	<-ctx.Done()
	fed.Wait()
	late := time.AfterFunc(handBack, cancel)
	c.running.Wait()
	late.Stop()
	c.commit()
}

func (c *consumption) hasRoom(r *reading) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.windows[r].entries) < windowSize
}

// take puts records on their lanes, and starts the lanes that were idle.
func (c *consumption) take(r *reading, got fetched) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.windows[r]
	w.read, w.high = got.next, got.high
	defer w.advance()
	for _, rec := range got.records {
		e := &entry{record: rec, window: w}
		w.entries = append(w.entries, e)
		key := laneKey{r, rec.stream()}
		l := c.lanes[key]
		if l == nil {
			l = &lane{}
			c.lanes[key] = l
			c.running.Go(func() { c.runLane(key, l) })
		}
		l.queue = append(l.queue, e)
	}
}

// runLane handles a lane's events one after the other until it is empty, or the partition is given up.
func (c *consumption) runLane(key laneKey, l *lane) {
	for {
		c.mu.Lock()
		if len(l.queue) == 0 || c.stopping.Err() != nil {
			delete(c.lanes, key)
			c.mu.Unlock()
			return
		}
		e := l.queue[0]
		l.queue = l.queue[1:]
		c.mu.Unlock()

		if !c.finish(e) {
			c.mu.Lock()
			delete(c.lanes, key)
			c.mu.Unlock()
			return
		}
		c.mu.Lock()
		e.done = true
		e.window.advance()
		c.mu.Unlock()
	}
}

// advance moves the mark over what is done without a gap.
func (w *window) advance() {
	for len(w.entries) > 0 && w.entries[0].done {
		w.mark = w.entries[0].offset + 1
		w.entries[0] = nil
		w.entries = w.entries[1:]
	}
	if len(w.entries) == 0 {
		w.mark = w.read
	}
}

// finish handles the event, with retries, or buries it. It reports false when the partition is given up first: then
// another member, or the next generation, gets the event again.
func (c *consumption) finish(e *entry) bool {
	decoded, err := event.Decode(e.value)
	if err != nil {
		return c.bury(e, "undecodable", err)
	}
	pause := c.bus.config.Backoff
	for try := 1; ; try++ {
		select {
		case c.slots <- struct{}{}:
		case <-c.stopping.Done():
			return false
		}
		err := c.try(e, decoded)
		<-c.slots
		switch {
		case err == nil:
			return true
		case c.working.Err() != nil:
			return false
		case domain.IsPermanent(err):
			return c.bury(e, "permanent", err)
		case try >= c.bus.config.Tries:
			return c.bury(e, "tries", err)
		}
		c.bus.log.Warn("event not handled, trying again", "group", c.assignment.group, "topic", e.topic,
			"stream_id", decoded.Ref(), "event_id", decoded.ID, "try", try, "error", err)
		if !sleep(c.stopping, jitter(pause)) {
			return false
		}
		pause = min(3*pause, 30*time.Second)
	}
}

func (c *consumption) try(e *entry, decoded event.Event) error {
	group, topic := c.assignment.group, string(e.topic)
	started := time.Now()
	err := guarded(c.working, c.handle, decoded)
	c.bus.metrics.handleSeconds.WithLabelValues(group, topic).Observe(time.Since(started).Seconds())
	if err != nil {
		c.bus.metrics.failed.WithLabelValues(group, topic).Inc()
		return err
	}
	c.bus.metrics.consumed.WithLabelValues(group, topic).Inc()
	return nil
}

// guarded turns a handler's panic into a permanent error: one event must not take the process down again and again.
func guarded(ctx context.Context, h Handler, e event.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = domain.Permanent(fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack()))
		}
	}()
	return h(ctx, e)
}

// commit stores the marks that moved. It reports false when the partitions were lost.
func (c *consumption) commit() bool {
	next := map[*reading]int64{}
	lag := map[event.Topic]int64{}
	c.mu.Lock()
	for r, w := range c.windows {
		if w.mark != w.committed { // smaller, where a topic was made anew
			next[r] = w.mark
		}
		behind := int64(len(w.entries))
		if len(w.entries) > 0 {
			behind = max(behind, w.high-w.entries[0].offset)
		}
		lag[r.topic] += behind
	}
	c.mu.Unlock()
	for topic, behind := range lag {
		c.bus.metrics.lag.WithLabelValues(c.assignment.group, string(topic)).Set(float64(behind))
	}
	if len(next) == 0 {
		return true
	}
	err, lost := c.bus.commit(c.assignment, next)
	if err != nil {
		c.bus.log.Warn("offsets not committed", "group", c.assignment.group, "error", err)
		return !lost
	}
	c.mu.Lock()
	for r, offset := range next {
		c.windows[r].committed = offset
	}
	c.mu.Unlock()
	return true
}
