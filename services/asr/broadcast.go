package asr

// A broadcast from its opening to its end, and its events.

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

// eventPublisher is what a broadcast needs of the bus.
type eventPublisher interface {
	Publish(ctx context.Context, events ...event.Event) error
}

// roomSettings is how the broadcast's room is to be heard now, as its context says.
type roomSettings interface {
	chosenHearing() domain.Hearing
	usesCaptions() bool
	hearingOff() bool // its operator wants no engine
}

// broadcastIdentity is what never changes of a broadcast.
type broadcastIdentity struct {
	ref       domain.Ref
	id        domain.BroadcastID
	epoch     int64
	lane      domain.Lane
	live      bool // comes at its own pace
	source    string
	startedAt time.Time
}

// broadcast is one time on air: its recording, its transcript, and what was published of them.
type broadcast struct {
	broadcastIdentity
	writer        *recording.Writer
	transcriber   *transcriber // nil: no engine hears it
	room          roomSettings
	loggedHearing domain.Hearing  // as last logged
	soundListener *sound.Listener // finds what is not speech: music, applause
	bus           eventPublisher
	log           *slog.Logger
	now           func() time.Time

	wake      chan struct{} // capacity 1: there is something to publish
	ending    chan struct{} // closed: publish the rest, then stop
	published chan struct{} // closed: everything is published
	stored    chan struct{} // closed: everything lies in the store, or the process ends

	captions *captions // nil: lines come from the transcriber

	mu              sync.Mutex
	onAir           bool // a source is connected
	parameters      domain.MediaParameters
	run             int // the next one's number
	recordedTo      time.Duration
	begunAt         time.Duration // of the newest run
	lastPart        time.Time
	soundTo         time.Duration // of sound that the transcriber was given
	loudTo          time.Duration
	lastSound       time.Time
	lines           []event.Event          // final, not published yet
	partial         map[string]event.Event // by line: the newest only
	sound           []domain.SoundMeasured // not published yet
	soundEvents     []domain.SoundEvent    // published with the next of sound
	sceneCuts       []time.Duration        // not published yet
	unheard         []domain.Window        // not published yet
	unheardLoggedAt time.Time              // when unheard speech was last logged
	sequence        map[event.Topic]int64
	lastMark        domain.StreamProgress // as last published
	lastMarkAt      time.Time
}

// resumption is where a broadcast that a killed process left goes on; zero for a new one.
type resumption struct {
	recordedTo, heardTo time.Duration
	run                 int
}

// openBroadcast starts a broadcast's goroutines. They end after close, or with ctx.
func (r *room) openBroadcast(ctx context.Context, a broadcastIdentity, from resumption) (*broadcast, error) {
	s := r.Service
	b := &broadcast{broadcastIdentity: a, room: r, bus: s.bus, now: s.now, log: s.log.With("stream_id", a.ref.String(), "broadcast", a.id),
		wake: make(chan struct{}, 1), ending: make(chan struct{}), published: make(chan struct{}), stored: make(chan struct{}),
		run: from.run, recordedTo: from.recordedTo, soundTo: from.recordedTo, loudTo: from.recordedTo,
		partial: map[string]event.Event{}, sequence: map[event.Topic]int64{}, soundListener: sound.NewListener(),
		lastMark: domain.StreamProgress{HeardTo: from.heardTo},
	}
	var err error
	b.writer, err = recording.Create(recording.WriterConfig{
		Folder: s.cfg.Spool, Ref: a.ref, Broadcast: a.id, Epoch: a.epoch, StartedAt: a.startedAt,
		Segment: s.cfg.Segment, KeepHot: s.cfg.KeepHot, Stored: b.segmentStored, Now: s.now,
		Spool:  recording.Limits{Age: s.cfg.Retention.Age, Bytes: s.cfg.SpoolBytes},
		Needed: func() []domain.Window { return s.retention.needed(a.id) }, Dropped: s.retention.onSpoolDrop(b.log),
	}, s.store, b.log)
	if err != nil {
		return nil, err
	}
	if r.needsSound() {
		b.transcriber = newTranscriber(transcriberConfig{broadcast: a.id, live: a.live, behind: s.cfg.Behind, nextSettings: r.transcriberSettings(), voiceDetector: s.voiceDetector, onLine: b.addLine, now: s.now,
			onUnheard: func(unheard domain.Window) { s.unheard.Add(unheard.Length().Seconds()); b.addUnheard(unheard) }})
		b.transcriber.writer = s.writer
	} else if r.usesCaptions() {
		b.captions = r.newCaptions(b, from)
	}
	remove := s.hot.Add(b.writer)
	s.lineServer.add(b, func() (string, bool) {
		engine := r.chosenHearing().Engine
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
		defer s.lineServer.remove(b)
		b.publishLoop(ctx)
	})
	return b, nil
}

// event makes an event of this broadcast. id is the same when the same fact is published again.
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

// changedEvent makes a broadcast.changed event; there is one of a kind at one media time.
func (b *broadcast) changedEvent(c domain.BroadcastChanged) event.Event {
	c.StartedAt, c.Source = b.startedAt, b.source
	return b.event(c, c.At, string(c.Change), strconv.FormatInt(int64(c.At), 10), strconv.FormatInt(b.epoch, 10))
}

// beginRun begins a run, and publishes the opening of the broadcast, or the gap before it.
func (b *broadcast) beginRun(ctx context.Context, p *mediav1.Parameters, reason string) error {
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
		return b.publish(ctx, b.changedEvent(domain.BroadcastChanged{Change: domain.BroadcastOpened, At: at, Parameters: parameters}))
	}
	var events []event.Event
	if at > before {
		events = append(events, b.changedEvent(domain.BroadcastChanged{Change: domain.BroadcastGap, At: before, Gap: domain.Window{Start: before, End: at}, Reason: reason}))
	}
	if !same {
		events = append(events, b.changedEvent(domain.BroadcastChanged{Change: domain.BroadcastParameters, At: at, Parameters: parameters}))
	}
	return b.publish(ctx, events...)
}

// nextRun gives the number of the next run and the media time that it is now.
func (b *broadcast) nextRun(now time.Time) (run, startAt int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(b.run), int64(max(b.recordedTo, now.Sub(b.startedAt)))
}

// recorded is how far the recording reaches, and how long ago something was added to it.
func (b *broadcast) recorded() (to, since time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.recordedTo, b.now().Sub(b.lastPart)
}

// connected reports whether a source is connected.
func (b *broadcast) connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.onAir
}

// pause notes that the source is gone for now.
func (b *broadcast) pause(ctx context.Context) {
	if b.transcriber != nil {
		if err := b.transcriber.flush(ctx); err != nil {
			b.log.Warn("last words not heard", "error", err)
		}
	}
	if b.captions != nil {
		b.captions.pause()
	}
	b.mu.Lock()
	b.onAir = false
	b.mu.Unlock()
	b.wakePublisher()
}

// close ends the broadcast. Utterances that are still being recognised may take as long as patience.
func (b *broadcast) close(ctx context.Context, reason string, patience time.Duration) {
	b.pause(ctx)
	b.awaitDrained(ctx, patience)
	if b.transcriber != nil {
		b.transcriber.abandonAll()
		b.transcriber.releasePlace()
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
	if err := b.storeHeardTo(end); err != nil {
		b.log.Error("end of hearing not kept", "error", err)
	}
	if err := b.writer.Close(end, reason); err != nil {
		b.log.Error("broadcast not closed", "error", err)
	}
	closed := b.changedEvent(domain.BroadcastChanged{Change: domain.BroadcastClosed, At: end, Reason: reason})
	if b.publish(ctx, closed) != nil {
		return
	}
	mark := domain.StreamProgress{RecordedTo: end, HeardTo: end, Health: b.health(b.now()), Closed: true, By: "asr"}
	if b.publish(ctx, b.event(mark, end, "closed")) == nil {
		b.log.Info("broadcast closed", "reason", reason, "length", end)
	}
}

func (b *broadcast) awaitDrained(ctx context.Context, patience time.Duration) {
	drained := func() bool { return true }
	switch {
	case b.captions != nil:
		drained = b.captions.isDrained
	case b.transcriber != nil:
		drained = b.transcriber.isDrained
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

func (b *broadcast) wakePublisher() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

const (
	publishRetryLeast = 200 * time.Millisecond
	publishRetryMost  = 5 * time.Second
)

// publish retries until the brokers acknowledge or ctx ends.
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
