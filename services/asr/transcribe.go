package asr

// From sound to utterances: voice is told from other sound, cut into utterances, and handed to a pool of recognisers.

import (
	"context"
	"strconv"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
	mediav1 "liveclip/proto/media/v1"
)

// transcriberConfig is what a transcriber works with.
type transcriberConfig struct {
	broadcast     domain.BroadcastID
	live          bool                          // sound comes at its own pace: what is not recognised in time is skipped
	behind        time.Duration                 // how late an utterance may be before it is skipped
	nextSettings  func() hearingSettings        // for the next utterance
	voiceDetector *voiceDetector                // nil: speech is found by its loudness
	onLine        func(l domain.TranscriptLine) // in order; partial ones too
	onUnheard     func(unheard domain.Window)   // speech that was not recognised, in order
	now           func() time.Time
	writer        *wording.Writer // spells lines; nil: they stay as recognised
}

// transcriber turns the sound of one broadcast into transcript lines: it cuts it into utterances, has them recognised, and emits
// their lines in order.
type transcriber struct {
	transcriberConfig

	acceptMu    sync.Mutex // sound is accepted one piece after another
	detectorRun detectorRun
	queueSpace  chan struct{} // a place for every utterance that may wait; used where sound is not live

	mu          sync.Mutex
	current     hearingSettings // of the newest utterance
	place       *engine         // at which the room was admitted; nil: none
	refused     bool            // by its engine, when somebody spoke last
	endpointer  endpointer
	openLine    *pendingLine
	queue       []*pendingLine // not recognised yet, or behind one that is not
	lastSound   time.Time      // when the newest sound came
	lag         time.Duration
	lastSkip    time.Time // when an utterance was last skipped
	lastSpeech  time.Duration
	midSentence bool                 // the newest final line was cut within a sentence
	channels    map[string][]float32 // of the room's voice, as learnt by each engine
}

// maxPending is how many utterances of a recording that is read as fast as possible may wait at once.
const maxPending = 16

func newTranscriber(c transcriberConfig) *transcriber {
	return &transcriber{transcriberConfig: c, current: c.nextSettings(), queueSpace: make(chan struct{}, maxPending),
		channels: map[string][]float32{}}
}

// accept takes the next sound. That of a recording read as fast as possible waits here for recognition; live sound never waits.
// A clip waits for what is said before by (0: none does): an utterance that goes past it is cut soon after.
func (e *transcriber) accept(ctx context.Context, at time.Duration, sound []byte, by time.Duration) error {
	e.acceptMu.Lock()
	defer e.acceptMu.Unlock()
	voiced := e.detectVoice(ctx, at, sound)
	e.mu.Lock()
	e.lastSound = e.now()
	e.endpointer.awaitedTo = by
	e.endpointer.addProbabilities(voiced...)
	pieces := e.endpointer.accept(at, sound)
	e.mu.Unlock()
	if err := e.applyChunks(ctx, pieces); err != nil {
		return err
	}
	e.skipLate()
	return nil
}

// detectorRun is a run of sound without a gap that the voice detector was given.
type detectorRun struct {
	from, to time.Duration
	steps    int // of sound that the detector answered for
	epoch    int // of the detector
}

// detectVoice asks the voice detector how likely sound is speech, unless it is silent.
func (e *transcriber) detectVoice(ctx context.Context, at time.Duration, sound []byte) []probability {
	if e.voiceDetector == nil {
		return nil
	}
	e.mu.Lock()
	silent := e.endpointer.isSilent(sound)
	e.mu.Unlock()
	if silent {
		return nil
	}
	if !e.live {
		e.voiceDetector.await(ctx)
	}
	l := &e.detectorRun
	epoch := l.epoch
	anew := l.to == 0 || (at-l.to).Abs() > 2*frameLength
	v, err := e.voiceDetector.probabilities(string(e.broadcast), sound, anew, &l.epoch)
	if err != nil {
		l.to = 0
		return nil
	}
	if anew || l.epoch != epoch {
		l.from, l.to, l.steps = at, at, 0
	}
	l.to += soundLength(len(sound))
	out := make([]probability, len(v.Probability))
	for i, p := range v.Probability {
		l.steps++
		out[i] = probability{l.from + time.Duration(l.steps)*time.Duration(v.Step), p}
	}
	return out
}

// flush ends the utterance that is being spoken: no more sound comes for now.
func (e *transcriber) flush(ctx context.Context) error {
	e.acceptMu.Lock()
	defer e.acceptMu.Unlock()
	e.mu.Lock()
	pieces := e.endpointer.flush()
	e.mu.Unlock()
	return e.applyChunks(ctx, pieces)
}

func (e *transcriber) applyChunks(ctx context.Context, pieces []speechChunk) error {
	for _, s := range pieces {
		if s.begins {
			if err := e.beginUtterance(ctx, s); err != nil {
				return err
			}
			continue
		}
		e.mu.Lock()
		open := e.openLine
		if open == nil { // it was not begun before ctx ended
			e.mu.Unlock()
			continue
		}
		if s.ends {
			open.until, e.openLine, e.lastSpeech = s.until, nil, s.until
			e.emitCompleted()
		}
		e.mu.Unlock()
		if !s.ends {
			open.add(s.sound, false)
		} else {
			open.engine.endUtterance(open.utterance, s.sound)
		}
	}
	return nil
}

func (e *transcriber) beginUtterance(ctx context.Context, s speechChunk) error {
	if !e.live {
		select {
		case e.queueSpace <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	how := e.nextSettings()
	by := how.engine
	if !e.acquirePlace(by) {
		by = &engine{by.name, by.language, noListener{}}
	}
	id := domain.H("line", string(e.broadcast), strconv.FormatInt(s.at.Milliseconds(), 10))
	u := &utterance{id: id, live: e.live, start: s.at, hotwords: how.hotwords, names: how.names, sound: s.sound, more: make(chan struct{}, 1)}
	line := &pendingLine{utterance: u, engine: by}
	u.channel = func() []float32 { return e.channel(by) }
	u.onPartial = func(h *mediav1.Heard) { e.acceptPartial(line, h) }
	u.onHeard = func(h *mediav1.Heard) { e.complete(line, h) }
	e.mu.Lock()
	e.openLine, e.current = line, how
	e.queue = append(e.queue, line)
	e.mu.Unlock()
	by.enqueue(u)
	return nil
}

// channel is what the engine's recognisers have learnt of how the room sounds; nil: nothing yet.
func (e *transcriber) channel(by *engine) []float32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.channels[by.name]
}

// acquirePlace has a live room admitted at the engine. False: it is full; this utterance is not recognised, and the next one asks
// again.
func (e *transcriber) acquirePlace(by *engine) bool {
	if !e.live {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.place != by {
		if e.place != nil {
			e.place.releaseRoom()
			e.place = nil
		}
		if by.admitRoom() {
			e.place = by
		}
	}
	e.refused = e.place == nil
	return !e.refused
}

// releasePlace frees the room's place at its engine.
func (e *transcriber) releasePlace() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.place != nil {
		e.place.releaseRoom()
		e.place = nil
	}
}

// heardTo is the media time before which every line that ends is final and was emitted.
func (e *transcriber) heardTo() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) > 0 {
		return e.queue[0].start
	}
	return e.endpointer.settledTo()
}

// isDrained reports whether every utterance was recognised or given up.
func (e *transcriber) isDrained() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.queue) == 0
}

// deafness is why the engine recognises nothing; empty: it does.
func (e *transcriber) deafness() string {
	return e.engine().deafness()
}

// engine is that of the newest utterance.
func (e *transcriber) engine() *engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.current.engine
}

// health of speech as a signal.
func (e *transcriber) health(now time.Time) domain.Health {
	deaf := e.deafness() != ""
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case deaf || e.refused:
		return domain.HealthMissing
	case now.Sub(e.lastSkip) < e.behind:
		return domain.HealthBehind
	case e.openLine == nil && e.endpointer.now-e.lastSpeech > quietAfter:
		return domain.HealthQuiet
	}
	return domain.HealthPresent
}

// speechLag is how long after it was spoken the newest final line was known, or how long the oldest utterance has waited if that
// is longer. A recording read as fast as possible has none.
func (e *transcriber) speechLag() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	lag := e.lag
	if e.live && len(e.queue) > 0 && e.queue[0].until > 0 {
		lag = max(lag, e.endpointer.now-e.queue[0].until)
	}
	return lag
}

// quietAfter is how long nobody has spoken in a room that is called quiet.
const quietAfter = 10 * time.Second
