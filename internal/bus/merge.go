package bus

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Offsets are positions per topic within one partition number: the next offset to read.
type Offsets map[event.Topic]int64

// Merger handles one partition number of several topics as one ordered feed. Its state and offsets belong together: it
// keeps both, atomically, where it likes.
type Merger interface {
	// Restore gives the offsets kept with the state; nil: begin at the oldest.
	Restore(ctx context.Context) (Offsets, error)
	// Handle takes the next event. An error stops the partition, which is then restored and read again.
	Handle(ctx context.Context, e event.Event) error
	// Keep stores the state with the offsets; called every second or so when something was handled, and at the end.
	Keep(ctx context.Context, next Offsets) error
}

// Merge joins the group and runs a Merger per partition number assigned, until ctx ends (nil). All topics of a partition
// number go to one member. Events of the topics are interleaved by their record timestamps (topics in the order given
// where they are equal), a topic without records at hand holding the others up only until it is known to have none older:
// a replay gives the order that live gave. Restored means opened anew: an error never leaves a half-changed Merger in use.
// A permanent error sends its event to the dead letters, and it is left out when the partition is read again.
//
// Publishers stamp records just before they are sent. An event that takes longer than mergeSlack from there to the broker
// may be handled after a younger one of another topic, and in a replay before it.
func (b *Bus) Merge(ctx context.Context, group string, topics []event.Topic, open func(partition int) Merger) error {
	return b.join(ctx, group, topics, func(ctx context.Context, a assignment) {
		byNumber := map[int][]*reading{}
		for _, r := range a.readings {
			byNumber[r.partition] = append(byNumber[r.partition], r)
		}
		var running sync.WaitGroup
		for number, readings := range byNumber {
			slices.SortFunc(readings, func(x, y *reading) int {
				return slices.Index(topics, x.topic) - slices.Index(topics, y.topic)
			})
			m := &merge{bus: b, assignment: a, number: number, readings: readings, open: open, skip: map[skipped]bool{}}
			running.Go(func() { m.run(ctx) })
		}
		running.Wait()
	})
}

const (
	mergeSlack = 10 * time.Millisecond // an event is held back so long for older ones of other topics
	mergeRoom  = 1024                  // records of one topic at hand
	keepPeriod = time.Second
)

// merge runs one partition number for as long as it is assigned.
type merge struct {
	bus        *Bus
	assignment assignment
	number     int
	readings   []*reading // in the order of the topics
	open       func(partition int) Merger
	skip       map[skipped]bool // buried: not to be handled again
}

type skipped struct {
	topic  event.Topic
	offset int64
}

func (m *merge) run(ctx context.Context) {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(handBack, cancel)
	})()
	pause := m.bus.config.Backoff
	for ctx.Err() == nil {
		started := time.Now()
		err := m.pass(ctx, working)
		if err == nil || ctx.Err() != nil {
			return
		}
		if time.Since(started) > time.Minute {
			pause = m.bus.config.Backoff
		}
		m.bus.log.Warn("partition stopped, to be restored and read again", "group", m.assignment.group,
			"partition", m.number, "again_in", pause, "error", err)
		sleep(ctx, jitter(pause))
		pause = min(3*pause, 10*time.Second)
	}
}

// pass restores a Merger and feeds it until something fails, or ctx ends (nil).
func (m *merge) pass(ctx, working context.Context) error {
	merger := m.open(m.number)
	kept, err := merger.Restore(working)
	if err != nil {
		return err
	}
	q := newQueues(m.readings, kept)
	feeding, stop := context.WithCancel(ctx)
	var fed sync.WaitGroup
	fed.Go(func() {
		f := &feed{bus: m.bus, readings: m.readings, wants: q.hasRoom, wait: q.wait, take: q.take}
		f.run(feeding)
	})
	defer fed.Wait()
	defer stop()

	keeping := time.NewTicker(keepPeriod)
	defer keeping.Stop()
	for ctx.Err() == nil {
		rec, ok, due := q.pop(time.Now())
		if ok {
			if err := m.handle(working, merger, rec); err != nil {
				return err
			}
			q.handled(rec)
		} else if !q.await(ctx, due, keeping.C) {
			break
		}
		select {
		case <-keeping.C:
			q.keepNow = true
		default:
		}
		if q.keepNow {
			q.keepNow = false
			m.keep(working, merger, q)
		}
	}
	m.keep(working, merger, q)
	return nil
}

func (m *merge) handle(working context.Context, merger Merger, rec record) error {
	group, topic := m.assignment.group, string(rec.topic)
	if m.skip[skipped{rec.topic, rec.offset}] {
		return nil
	}
	decoded, err := event.Decode(rec.value)
	if err != nil {
		if !m.bus.bury(working, group, rec, "undecodable", err) {
			return working.Err()
		}
		return nil
	}
	started := time.Now()
	err = guarded(working, merger.Handle, decoded)
	m.bus.metrics.handleSeconds.WithLabelValues(group, topic).Observe(time.Since(started).Seconds())
	if err == nil {
		m.bus.metrics.consumed.WithLabelValues(group, topic).Inc()
		return nil
	}
	m.bus.metrics.failed.WithLabelValues(group, topic).Inc()
	if domain.IsPermanent(err) && m.bus.bury(working, group, rec, "permanent", err) {
		m.skip[skipped{rec.topic, rec.offset}] = true
	}
	return err
}

// keep stores state and offsets together, if anything was handled since. The group's own offsets are committed first:
// they are never read, but the commit fails when the partition is another's by now, whose state must not be overwritten.
func (m *merge) keep(working context.Context, merger Merger, q *queues) {
	next, dirty := q.position()
	if !dirty {
		return
	}
	committed := map[*reading]int64{}
	for _, r := range m.readings {
		if offset, ok := next[r.topic]; ok {
			committed[r] = offset
		}
	}
	if err, _ := m.bus.commit(m.assignment, committed); err != nil {
		m.bus.log.Warn("state not kept: offsets not committed", "group", m.assignment.group, "partition", m.number, "error", err)
		return
	}
	if err := merger.Keep(working, next); err != nil {
		m.bus.log.Warn("state not kept", "group", m.assignment.group, "partition", m.number, "error", err)
		return
	}
	q.kept()
	for topic, behind := range q.lag() {
		m.bus.metrics.lag.WithLabelValues(m.assignment.group, string(topic)).Set(float64(behind))
	}
}

// startAt sets where a reading begins.
func startAt(r *reading, kept Offsets) {
	r.next = kafka.FirstOffset
	if offset, ok := kept[r.topic]; ok {
		r.next = offset
	}
}
