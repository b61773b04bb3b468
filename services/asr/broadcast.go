package asr

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/recording"
	"liveclip/internal/sound"
	mediav1 "liveclip/proto/media/v1"
)

// publisherOfEvents is what a broadcast needs of the bus.
type publisherOfEvents interface {
	Publish(ctx context.Context, events ...event.Event) error
}

// roomHearing is how a broadcast's room is to be heard, now.
type roomHearing interface {
	heardBy() domain.Hearing
	captioned() bool
	silenced() bool // by nobody, as its operator wants
}

// about is what a broadcast is, for good.
type about struct {
	ref       domain.Ref
	id        domain.BroadcastID
	epoch     int64
	lane      domain.Lane
	live      bool // comes at its own pace
	source    string
	startedAt time.Time
}

// broadcast is one time on air: its recording, what was heard of it, and what the others were told.
type broadcast struct {
	about
	writer  *recording.Writer
	ear     *ear            // nil: nobody listens
	room    roomHearing     // how its room is to be heard
	heardBy domain.Hearing  // as last logged
	beside  *sound.Listener // to what is no speech
	bus     publisherOfEvents
	log     *slog.Logger
	now     func() time.Time

	wake      chan struct{} // capacity 1: there is something to tell
	ending    chan struct{} // closed: tell the rest, then stop
	published chan struct{} // closed: nothing more is told
	stored    chan struct{} // closed: everything lies in the store, or the process ends

	captions *captions // nil: lines are heard

	mu         sync.Mutex
	onAir      bool // a source is connected
	parameters domain.MediaParameters
	run        int // the next one's number
	recordedTo time.Duration
	begunAt    time.Duration // of the newest run
	lastPart   time.Time
	soundTo    time.Duration // of sound that the ear was given
	loudTo     time.Duration
	lastSound  time.Time
	lines      []event.Event          // final, not published yet
	partial    map[string]event.Event // by line: the newest only
	sound      []domain.SoundMeasured // not published yet
	noticed    []domain.SoundEvent    // to be told with the next of sound
	sceneCuts  []time.Duration        // not published yet
	unheard    []domain.Window        // not published yet
	complained time.Time              // of speech that nobody heard
	sequence   map[event.Topic]int64
	mark       domain.StreamProgress // as last published
	marked     time.Time
}

// resumption is how a broadcast that is opened, or continued, differs from a new one.
type resumption struct {
	recordedTo, heardTo time.Duration
	run                 int
}

// openBroadcast starts a broadcast's goroutines. They end after close, or with ctx.
func (r *room) openBroadcast(ctx context.Context, a about, from resumption) (*broadcast, error) {
	s := r.Service
	b := &broadcast{about: a, room: r, bus: s.bus, now: s.now, log: s.log.With("stream_id", a.ref.String(), "broadcast", a.id),
		wake: make(chan struct{}, 1), ending: make(chan struct{}), published: make(chan struct{}), stored: make(chan struct{}),
		run: from.run, recordedTo: from.recordedTo, soundTo: from.recordedTo, loudTo: from.recordedTo,
		partial: map[string]event.Event{}, sequence: map[event.Topic]int64{}, beside: sound.NewListener(),
		mark: domain.StreamProgress{HeardTo: from.heardTo},
	}
	var err error
	b.writer, err = recording.Create(recording.WriterConfig{
		Folder: s.cfg.Spool, Ref: a.ref, Broadcast: a.id, Epoch: a.epoch, StartedAt: a.startedAt,
		Segment: s.cfg.Segment, KeepHot: s.cfg.KeepHot, Stored: b.segment, Now: s.now,
		Spool:  recording.Limits{Age: s.cfg.Retention.Age, Bytes: s.cfg.SpoolBytes},
		Needed: func() []domain.Window { return s.keeper.needed(a.id) }, Dropped: s.keeper.dropped(b.log),
	}, s.store, b.log)
	if err != nil {
		return nil, err
	}
	if r.listens() {
		b.ear = newEar(earConfig{broadcast: a.id, live: a.live, behind: s.cfg.Behind, wish: r.heardWish(), voices: s.voices, line: b.line, now: s.now,
			skip: func(unheard domain.Window) { s.unheard.Add(unheard.Length().Seconds()); b.skip(unheard) }})
		b.ear.writer = s.writer
	} else if r.captioned() {
		b.captions = r.newCaptions(b, from)
	}
	remove := s.hot.Add(b.writer)
	s.hearing.add(b, func() (string, bool) {
		engine := r.heardBy().Engine
		return engine, s.cfg.kind(engine) == kindCaptions
	})
	s.broadcasts.Go(func() {
		defer close(b.stored)
		defer remove()
		if err := b.writer.Run(ctx); err != nil {
			b.log.Error("recording not stored to its end", "error", err)
		}
	})
	s.broadcasts.Go(func() {
		defer close(b.published)
		defer s.hearing.remove(b)
		b.tell(ctx)
	})
	return b, nil
}

// event makes an event of this broadcast. id is the same when the same fact is told again.
func (b *broadcast) event(payload any, at time.Duration, id ...string) event.Event {
	topic, err := event.TopicOf(payload)
	if err != nil {
		panic(err) // a payload of this package
	}
	b.mu.Lock()
	b.sequence[topic]++
	sequence := b.sequence[topic]
	b.mu.Unlock()
	return event.Event{Envelope: event.Envelope{
		ID:     domain.H(append([]string{"event", string(topic), string(b.id)}, id...)...),
		Tenant: b.ref.Tenant, Stream: b.ref.Stream, Broadcast: b.id, Epoch: b.epoch, Sequence: sequence,
		At: at, Wall: b.now(), Lane: b.lane,
	}, Payload: payload}
}

// changed makes a broadcast.changed event; there is one of a kind at one media time.
func (b *broadcast) changed(c domain.BroadcastChanged) event.Event {
	c.StartedAt, c.Source = b.startedAt, b.source
	return b.event(c, c.At, string(c.Change), strconv.FormatInt(int64(c.At), 10), strconv.FormatInt(b.epoch, 10))
}

// begin begins a run.
func (b *broadcast) begin(ctx context.Context, p *mediav1.Parameters, reason string) error {
	at := time.Duration(p.At)
	parameters := domain.MediaParameters{
		VideoCodec: p.VideoCodec, Width: int(p.Width), Height: int(p.Height), FrameRate: p.FrameRate,
		AudioCodec: p.AudioCodec, SampleRate: int(p.SampleRate), Channels: int(p.Channels),
	}
	if err := b.writer.Init(recording.Init{Run: int(p.Run), Parameters: parameters, Data: p.Init}); err != nil {
		return err
	}
	b.mu.Lock()
	first, before, same := b.run == 0, b.recordedTo, b.parameters == parameters
	b.parameters, b.run, b.begunAt, b.onAir = parameters, int(p.Run)+1, at, true
	b.lastPart, b.lastSound = b.now(), b.now()
	if b.soundTo < at {
		b.soundTo, b.loudTo = at, at
	}
	b.mu.Unlock()
	if first {
		return b.publish(ctx, b.changed(domain.BroadcastChanged{Change: domain.BroadcastOpened, At: at, Parameters: parameters}))
	}
	var events []event.Event
	if at > before {
		events = append(events, b.changed(domain.BroadcastChanged{Change: domain.BroadcastGap, At: before, Gap: domain.Window{Start: before, End: at}, Reason: reason}))
	}
	if !same {
		events = append(events, b.changed(domain.BroadcastChanged{Change: domain.BroadcastParameters, At: at, Parameters: parameters}))
	}
	return b.publish(ctx, events...)
}

// gapLeast is the least silence of a source, within a connection, that is told as a gap.
const gapLeast = time.Second

func (b *broadcast) part(ctx context.Context, p *mediav1.Part) error {
	window := domain.Window{Start: time.Duration(p.Start), End: time.Duration(p.End)}
	if err := b.writer.Part(recording.Part{Run: int(p.Run), Window: window, Keyframe: p.Keyframe, Data: p.Data}); err != nil {
		return err
	}
	b.mu.Lock()
	before := max(b.recordedTo, b.begunAt)
	b.recordedTo, b.lastPart = window.End, b.now()
	for _, at := range p.SceneCuts {
		b.sceneCuts = append(b.sceneCuts, time.Duration(at))
	}
	due := !b.live && b.recordedTo-b.mark.RecordedTo >= time.Second
	b.mu.Unlock()
	if by := b.awaited(); due || by > 0 && window.End >= by {
		b.nudge()
	}
	if window.Start-before >= gapLeast {
		return b.publish(ctx, b.changed(domain.BroadcastChanged{Change: domain.BroadcastGap, At: before,
			Gap: domain.Window{Start: before, End: window.Start}, Reason: "the source gave nothing"}))
	}
	return nil
}

func (b *broadcast) pcm(ctx context.Context, p *mediav1.Pcm) error {
	at := time.Duration(p.At)
	by := b.awaited()
	if b.ear != nil {
		if err := b.ear.hear(ctx, at, p.Samples, by); err != nil {
			return err
		}
	}
	noticed := b.beside.Hear(at, p.Samples)
	b.mu.Lock()
	b.soundTo, b.lastSound = at+soundLength(len(p.Samples)), b.now()
	b.noticed = append(b.noticed, noticed...)
	b.mu.Unlock()
	if by > 0 && b.earMark() >= by {
		b.nudge()
	}
	return nil
}

// awaited is the media time that a clip waits to be heard to: the nearest one; 0: none does. A recording that comes as fast
// as it can is not waited for: its lines end where its speaker pauses.
func (b *broadcast) awaited() time.Duration {
	if !b.live {
		return 0
	}
	return b.writer.Awaited()
}

func (b *broadcast) loudness(l *mediav1.Loudness) {
	s := domain.SoundMeasured{Start: time.Duration(l.Start), Step: time.Duration(l.Step), Momentary: l.Momentary}
	if err := b.writer.Sound(s); err != nil {
		b.log.Error("loudness not kept", "error", err)
	}
	b.mu.Lock()
	s.Events, b.noticed = b.noticed, nil
	b.sound = append(b.sound, s)
	b.loudTo = s.Start + time.Duration(len(s.Momentary))*s.Step
	b.lastSound = b.now()
	b.mu.Unlock()
}

// line takes a line from the ear. A final one is on disk before anybody is told.
func (b *broadcast) line(l domain.TranscriptLine) {
	e := b.event(l, l.Start, l.ID, strconv.Itoa(l.Revision))
	if l.Final {
		e.ID = lineEventID(b.id, l.ID)
		if l.Text != "" {
			if err := b.writer.Line(l); err != nil {
				b.log.Error("line not kept", "error", err)
			}
		}
	}
	b.mu.Lock()
	if l.Final {
		delete(b.partial, l.ID)
		b.lines = append(b.lines, e)
	} else {
		b.partial[l.ID] = e
	}
	b.mu.Unlock()
	b.nudge()
}

// untold is how many final lines wait to be published.
func (b *broadcast) untold() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

// complainEvery bounds how often the log has it that speech is not heard: a deaf engine hears no utterance.
const complainEvery = time.Minute

// skip takes speech that nobody heard.
func (b *broadcast) skip(unheard domain.Window) {
	b.mu.Lock()
	b.unheard = append(b.unheard, unheard)
	due := b.now().Sub(b.complained) >= complainEvery
	if due {
		b.complained = b.now()
	}
	b.mu.Unlock()
	if err := b.writer.Unheard(domain.Unheard{Window: unheard, Chosen: b.room.silenced()}); err != nil {
		b.log.Error("speech unheard is not kept", "error", err)
	}
	if due {
		b.log.Warn("speech was not heard", "from", unheard.Start, "to", unheard.End)
	}
	b.nudge()
}

// keepHeard keeps how far the broadcast was heard; of what nobody was there to hear, that.
func (b *broadcast) keepHeard(to time.Duration) error {
	if b.ear == nil && (b.captions == nil || b.captions.nobody()) {
		unheard := domain.Window{Start: b.writer.HeardTo(), End: to}
		if err := b.writer.Unheard(domain.Unheard{Window: unheard, Chosen: b.room.silenced()}); err != nil {
			return err
		}
	}
	return b.writer.Heard(to)
}

// segment is told by the writer.
func (b *broadcast) segment(ctx context.Context, s domain.SegmentRecorded) error {
	return b.bus.Publish(ctx, b.event(s, s.Window.Start, s.Key))
}

// rejoin gives the number of the next run and the media time that it is now.
func (b *broadcast) rejoin(now time.Time) (run, startAt int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(b.run), int64(max(b.recordedTo, now.Sub(b.startedAt)))
}

// recorded is how far the recording is, and how long nothing was added to it.
func (b *broadcast) recorded() (to, since time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.recordedTo, b.now().Sub(b.lastPart)
}

func (b *broadcast) connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.onAir
}

// pauseHere says that the source is gone for now.
func (b *broadcast) pauseHere(ctx context.Context) {
	if b.ear != nil {
		if err := b.ear.pauseHere(ctx); err != nil {
			b.log.Warn("last words not heard", "error", err)
		}
	}
	if b.captions != nil {
		b.captions.pauseHere()
	}
	b.mu.Lock()
	b.onAir = false
	b.mu.Unlock()
	b.nudge()
}

// close ends the broadcast: what is still being recognised may take until patience ends.
func (b *broadcast) close(ctx context.Context, reason string, patience time.Duration) {
	b.pauseHere(ctx)
	b.awaitWords(ctx, patience)
	if b.ear != nil {
		b.ear.giveUp()
		b.ear.leave()
	}
	if b.captions != nil {
		b.captions.close()
	}
	close(b.ending)
	select {
	case <-b.published:
	case <-ctx.Done():
		return // what is left is recovered at the next start
	}
	end := b.writer.RecordedTo()
	if err := b.keepHeard(end); err != nil {
		b.log.Error("end of hearing not kept", "error", err)
	}
	if err := b.writer.Close(end, reason); err != nil {
		b.log.Error("broadcast not closed", "error", err)
	}
	closed := b.changed(domain.BroadcastChanged{Change: domain.BroadcastClosed, At: end, Reason: reason})
	if b.publish(ctx, closed) != nil {
		return
	}
	mark := domain.StreamProgress{RecordedTo: end, HeardTo: end, Health: b.health(b.now()), Closed: true, By: "asr"}
	if b.publish(ctx, b.event(mark, end, "closed")) == nil {
		b.log.Info("broadcast closed", "reason", reason, "length", end)
	}
}

func (b *broadcast) awaitWords(ctx context.Context, patience time.Duration) {
	drained := func() bool { return true }
	switch {
	case b.captions != nil:
		drained = b.captions.drained
	case b.ear != nil:
		drained = b.ear.drained
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !drained() {
		select {
		case <-ctx.Done():
			return
		case <-deadline.C:
			b.log.Warn("last words not heard", "error", fmt.Errorf("not recognised within %v", patience))
			return
		case <-look.C:
		}
	}
}

func (b *broadcast) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

const (
	publishRetryLeast = 200 * time.Millisecond
	publishRetryMost  = 5 * time.Second
)

// publish tries until the brokers acknowledged or ctx ends.
func (b *broadcast) publish(ctx context.Context, events ...event.Event) error {
	if len(events) == 0 {
		return nil
	}
	for wait := publishRetryLeast; ; wait = min(2*wait, publishRetryMost) {
		err := b.bus.Publish(ctx, events...)
		if err == nil || ctx.Err() != nil || domain.IsPermanent(err) {
			return err
		}
		b.log.Warn("events not published, trying again", "error", err, "in", wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
