package detect

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

const (
	mostRooms    = 3                // of one stream: a broadcast that ends beside the one that begins
	mostEnded    = 8                // broadcasts of one stream that are remembered to have ended
	healthEvery  = 5 * time.Second  // of media time, while the health of the comment feed stays the same
	idleAttached = 24 * time.Hour   // then a room whose broadcast never ended is let go
	idleDetached = 10 * time.Minute // the same, of a stream that was detached

	forgottenAfter = 7 * 24 * time.Hour // a stream with no room
)

const ( // reasons of liveclip_detect_ignored_total
	ignoredStale = "stale"
	ignoredEnded = "ended"
	ignoredLost  = "lost"
)

// publisher is what a partition needs of the bus.
type publisher interface {
	Publish(ctx context.Context, events ...event.Event) error
}

// partition follows the rooms of one partition number. It is a bus.Merger.
type partition struct {
	number    int
	rules     func(category string) *Rules // in force now
	publisher publisher
	now       func() time.Time
	log       *slog.Logger
	store     blob.Store
	metrics   *metrics
	keeper    keeper
	streams   map[string]*stream // by domain.Ref
	newest    time.Time          // wall clock of the newest event
}

// stream is what is known of one stream over its broadcasts.
type stream struct {
	Last     time.Time
	Category string // of its context
	Detached bool
	Ended    []domain.BroadcastID // oldest first
	Rooms    []*occupied          // oldest first
	leaving  []*occupied          // ended, with a log still to be written
}

// occupied is a room and when something last happened in it.
type occupied struct {
	Broadcast domain.BroadcastID
	Epoch     int64 // highest seen; events of a lower one are of an owner since replaced
	Last      time.Time
	Memory    memory
	Log       logged
}

func newPartition(number int, group string, rules func(category string) *Rules, to publisher, deps Deps, m *metrics) *partition {
	return &partition{
		number:    number,
		rules:     rules,
		publisher: to,
		now:       deps.Now,
		log:       deps.Log.With("partition", number),
		store:     deps.Store,
		metrics:   m,
		keeper:    keeper{store: deps.Store, key: fmt.Sprintf("system/detect/%s/%d.json", group, number), owner: rand.Text()},
		streams:   map[string]*stream{},
	}
}

// Restore reads what the partition's last owner kept.
func (p *partition) Restore(ctx context.Context) (bus.Offsets, error) {
	kept, err := p.keeper.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("restore partition %d: %w", p.number, err)
	}
	p.streams, p.newest = kept.Streams, kept.Newest
	if p.streams == nil {
		p.streams = map[string]*stream{}
	}
	return kept.Offsets, nil
}

// Keep stores the rooms with the offsets. It fails when another owner did so since.
func (p *partition) Keep(ctx context.Context, next bus.Offsets) error {
	p.sweep()
	p.writeLogs(ctx)
	size, err := p.keeper.write(ctx, savedState{Offsets: next, Newest: p.newest, Streams: p.streams})
	if err != nil {
		return fmt.Errorf("keep partition %d: %w", p.number, err)
	}
	p.metrics.stored.Observe(float64(size))
	return nil
}

// Handle takes one event in. Highlights it brings out are published before it returns.
func (p *partition) Handle(ctx context.Context, e event.Event) error {
	if e.Wall.After(p.newest) {
		p.newest = e.Wall
	}
	if own, ok := e.Payload.(domain.StreamProgress); ok && own.By == "detect" {
		return nil
	}
	s := p.stream(e.Ref())
	s.Last = p.newest
	if state, ok := e.Payload.(domain.StreamState); ok {
		s.Detached, s.Category = !state.Attached, state.Context.Category
		return nil
	}
	if signal, ok := e.Payload.(domain.AudienceSignal); ok {
		p.signal(s, e.Envelope, signal)
		return nil
	}
	return p.recorded(ctx, s, e)
}

func (p *partition) stream(ref domain.Ref) *stream {
	s := p.streams[ref.String()]
	if s == nil {
		s = &stream{}
		p.streams[ref.String()] = s
	}
	return s
}

func (p *partition) ignore(e event.Envelope, reason string) {
	p.metrics.ignored.WithLabelValues(reason).Inc()
	p.log.Debug("event ignored", "reason", reason, "event_id", e.ID, "stream_id", e.Stream, "broadcast_id", e.Broadcast)
}

// signal goes to the broadcast it names, or to the newest. The comments of an archived recording come before anything else
// of its broadcast.
func (p *partition) signal(s *stream, e event.Envelope, signal domain.AudienceSignal) {
	if e.Broadcast != "" && !slices.Contains(s.Ended, e.Broadcast) {
		p.enter(s, e.Broadcast)
	}
	for _, o := range slices.Backward(s.Rooms) {
		if e.Broadcast != "" && o.Broadcast != e.Broadcast {
			continue
		}
		p.takeDown(o, e, signal)
		r := room{memory: o.Memory, rules: p.rules(s.Category)}
		if !r.signal(e, signal) {
			p.ignore(e, ignoredLost)
		}
		o.Memory = r.memory
		return
	}
	p.ignore(e, ignoredEnded)
}

// recorded takes what the broadcast's owner says.
func (p *partition) recorded(ctx context.Context, s *stream, e event.Event) error {
	if slices.Contains(s.Ended, e.Broadcast) {
		p.ignore(e.Envelope, ignoredEnded)
		return nil
	}
	o := p.enter(s, e.Broadcast)
	if e.Epoch < o.Epoch {
		p.ignore(e.Envelope, ignoredStale)
		return nil
	}
	o.Epoch, o.Last = e.Epoch, e.Wall
	p.takeDown(o, e.Envelope, e.Payload)
	r := room{memory: o.Memory, rules: p.rules(s.Category)}
	decisions, lost := r.put(e.Envelope, e.Payload)
	if lost {
		p.ignore(e.Envelope, ignoredLost)
	}
	out := p.fired(decisions)
	mark, isMark := e.Payload.(domain.StreamProgress)
	if isMark {
		out = append(out, p.health(&r, e.Envelope, mark)...)
	}
	err := p.publish(ctx, e.Envelope, out)
	if err == nil && isMark && mark.Closed {
		p.end(s, o)
	}
	o.Memory = r.memory
	return err
}

// enter gives the room of a broadcast. A stream whose broadcasts keep beginning lets the oldest go.
func (p *partition) enter(s *stream, broadcast domain.BroadcastID) *occupied {
	for _, o := range s.Rooms {
		if o.Broadcast == broadcast {
			return o
		}
	}
	if len(s.Rooms) == mostRooms {
		p.end(s, s.Rooms[0])
	}
	o := &occupied{Broadcast: broadcast, Last: p.newest}
	s.Rooms = append(s.Rooms, o)
	if s.Category != "" {
		o.Log.note(event.Envelope{}, domain.Context{Category: s.Category}, 0, p.newest)
	}
	return o
}

func (p *partition) end(s *stream, ended *occupied) {
	s.Rooms = slices.DeleteFunc(s.Rooms, func(o *occupied) bool { return o == ended })
	s.Ended = newest(append(s.Ended, ended.Broadcast), mostEnded)
	s.leaving = append(s.leaving, ended)
}

// health is published when it changes, every so often, and at the end.
func (p *partition) health(r *room, e event.Envelope, mark domain.StreamProgress) []event.Event {
	health := r.tellHealth(mark.Closed)
	if health == nil {
		return nil
	}
	mark.By, mark.Health, mark.SceneCuts = "detect", health, nil
	return []event.Event{e.Follow(mark, p.now(), "detect")}
}

// takeDown puts what a room is about to take into its log.
func (p *partition) takeDown(o *occupied, e event.Envelope, payload any) {
	p.metrics.unlogged.Add(float64(o.Log.note(e, payload, o.Memory.Mark, p.newest)))
}

// writeLogs writes what is due of the rooms' logs. What cannot be written now is kept for later.
func (p *partition) writeLogs(ctx context.Context) {
	write := func(ref string, o *occupied) bool {
		err := o.Log.flush(ctx, p.store, ref+"/"+string(o.Broadcast)+logFolder)
		if err != nil {
			p.log.Warn("room log not written", "broadcast_id", o.Broadcast, "error", err)
		}
		return err == nil
	}
	for ref, s := range p.streams {
		for _, o := range s.Rooms {
			if o.Log.due(p.newest) {
				write(ref, o)
			}
		}
		s.leaving = slices.DeleteFunc(s.leaving, func(o *occupied) bool { return write(ref, o) })
		s.leaving = newest(s.leaving, mostRooms)
	}
}

// fired notes what was decided and gives the highlights among it.
func (p *partition) fired(decisions []decision) []event.Event {
	var out []event.Event
	for _, d := range decisions {
		d.Highlight.TriggeredAt = p.now()
		p.note(d)
		if d.Outcome == outcomeFired {
			out = append(out, d.Anchor.Follow(d.Highlight, d.Highlight.TriggeredAt, string(d.Highlight.ID)))
		}
	}
	return out
}

func (p *partition) publish(ctx context.Context, e event.Envelope, out []event.Event) error {
	if len(out) == 0 {
		return nil
	}
	if err := p.publisher.Publish(ctx, out...); err != nil {
		return fmt.Errorf("publish what was found in broadcast %s: %w", e.Broadcast, err)
	}
	return nil
}

func (p *partition) note(d decision) {
	p.metrics.decisions.WithLabelValues(string(d.Outcome)).Inc()
	level := slog.LevelInfo
	if d.Outcome == outcomeWeak {
		level = slog.LevelDebug
	}
	h := d.Highlight
	reasons := make([]string, len(h.Reasons))
	for i, r := range h.Reasons {
		reasons[i] = fmt.Sprintf("%.2f %s: %s", r.Weight, r.Signal, r.Detail)
	}
	p.log.Log(context.Background(), level, "moment considered", "outcome", d.Outcome, "highlight_id", h.ID, "kind", h.Kind,
		"score", h.Score, "bar", d.Bar, "why", d.Why, "start", h.Window.Start, "end", h.Window.End, "reasons", reasons,
		"stream_id", d.Anchor.Stream, "broadcast_id", d.Anchor.Broadcast, "event_id", d.Anchor.ID)
}

// sweep lets go of rooms, and then streams, of which nothing was heard for long.
func (p *partition) sweep() {
	for _, s := range p.streams {
		longest := idleAttached
		if s.Detached {
			longest = idleDetached
		}
		for _, o := range slices.Clone(s.Rooms) {
			if p.newest.Sub(o.Last) > longest {
				p.end(s, o)
			}
		}
	}
	maps.DeleteFunc(p.streams, func(_ string, s *stream) bool {
		return len(s.Rooms) == 0 && p.newest.Sub(s.Last) > forgottenAfter
	})
}
