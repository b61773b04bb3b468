package asr

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// Sound is mono, 16 kHz, 16 bits little-endian, and looked at in frames.
const (
	sampleRate  = 16000
	sampleBytes = 2
	frameLength = 20 * time.Millisecond
	frameBytes  = sampleRate / 50 * sampleBytes
)

func soundLength(bytes int) time.Duration {
	return time.Duration(bytes/sampleBytes) * time.Second / sampleRate
}

const (
	lead          = 300 * time.Millisecond  // kept from before speech was noticed: the onset of its first word
	onset         = 60 * time.Millisecond   // of loud frames with hardly a quiet one between: speech, not a click
	pause         = 400 * time.Millisecond  // ends an utterance
	pauseDetected = 320 * time.Millisecond  // the same where a detector finds the voice: it notices its end later
	shortPause    = 140 * time.Millisecond  // ends one that is longer than long
	long          = 6 * time.Second         // past it a line should end soon
	longest       = 10 * time.Second        // past it a line is cut at its quietest recent frame
	recent        = 1500 * time.Millisecond // in which that frame is looked for
	overFloor     = 9.0                     // dB: louder is loud
	floorLeast    = -62.0                   // dB of full scale
	floorMost     = -32.0
	floorSpans    = 8 // the floor is the quietest frame of so many spans: speech pauses somewhere within them
	floorSpan     = 500 * time.Millisecond
	voiceOn       = 0.5  // how likely somebody speaks, at least, where nobody did
	voiceOff      = 0.35 // and where somebody did
	steady        = 3.0  // dB: sound that varies no more within steadyFor is a hum, a tone, never speech
	steadyFor     = 1500 * time.Millisecond
	afterEnd      = 300 * time.Millisecond // past what somebody waits to be heard, in which the quietest frame is looked for
)

// stretch is a piece of an utterance.
type stretch struct {
	begins bool
	at     time.Duration // where it begins, on its first stretch: media time of the first sample
	sound  []byte
	ends   bool
	until  time.Duration // where it ends: what was heard of it from here on belongs to the next utterance
}

// endpointer finds utterances in sound: by what a voice detector tells, else by its energy over a floor that follows the
// room. It owns no goroutine.
type endpointer struct {
	now     time.Duration // media time after the last frame
	running bool
	partial []byte // less than a frame, from now on

	// held is the newest sound, up to now: before speech its lead, during it all of the utterance.
	held          []byte
	levels        []float64 // of the frames in held
	talking       bool
	from          time.Duration // of the utterance
	loud          time.Duration
	quiet         time.Duration
	floor         floor
	hum           hum
	probabilities []probability // by a voice detector, of sound from now on
	enough        bool          // the recogniser heard no word for so long that the utterance is over
	by            time.Duration // somebody waits for what is said before: a line that goes past it is cut there; 0: nobody does
}

// probability is how likely somebody speaks in the sound before until.
type probability struct {
	until time.Duration
	value float32
}

// expect takes what a voice detector says of sound that is about to be heard.
func (e *endpointer) expect(p ...probability) { e.probabilities = append(e.probabilities, p...) }

// silent: nothing can be heard in the sound that comes, so nobody needs to be asked about it.
func (e *endpointer) silent(sound []byte) bool {
	if e.talking {
		return false
	}
	for ; len(sound) >= frameBytes; sound = sound[frameBytes:] {
		if energy(sound[:frameBytes]) > floorLeast+overFloor {
			return false
		}
	}
	return true
}

// voiced tells whether somebody speaks in the frame up to now; known is false when nobody said.
func (e *endpointer) voiced() (voiced, known bool) {
	for len(e.probabilities) > 1 && e.probabilities[0].until < e.now {
		e.probabilities = e.probabilities[1:]
	}
	if len(e.probabilities) == 0 || e.now-e.probabilities[0].until > probabilityHolds {
		return false, false
	}
	least := float32(voiceOn)
	if e.talking {
		least = voiceOff
	}
	return e.probabilities[0].value >= least, true
}

// probabilityHolds is how long what a detector said holds for what follows: its steps end between two pieces of sound.
const probabilityHolds = 100 * time.Millisecond

// hear takes sound and gives the pieces of utterances in it. A jump in time ends the utterance before it.
func (e *endpointer) hear(at time.Duration, sound []byte) []stretch {
	var out []stretch
	if e.running && (at-e.now-soundLength(len(e.partial))).Abs() > 2*frameLength {
		out = e.flush()
	}
	if !e.running {
		e.now, e.running = at, true
	}
	e.partial = append(e.partial, sound...)
	for len(e.partial) >= frameBytes {
		frame := e.partial[:frameBytes:frameBytes]
		e.partial = e.partial[frameBytes:]
		e.now += frameLength
		out = e.take(frame, out)
	}
	return out
}

// flush ends the utterance that is being spoken: nothing more comes.
func (e *endpointer) flush() []stretch {
	var out []stretch
	if e.talking {
		out = append(out, stretch{ends: true, until: e.now})
	}
	e.running, e.partial, e.probabilities = false, nil, nil
	e.rest()
	return out
}

// mark is the media time before which no utterance will begin any more.
func (e *endpointer) mark() time.Duration {
	if e.talking {
		return e.from
	}
	return e.now - soundLength(len(e.held))
}

func (e *endpointer) rest() {
	e.talking, e.enough, e.held, e.levels, e.loud, e.quiet = false, false, nil, nil, 0, 0
}

func (e *endpointer) take(frame []byte, out []stretch) []stretch {
	level := energy(frame)
	hum := e.hum.follow(level)
	loud, known := e.voiced()
	if !known {
		loud = level > e.floor.level()+overFloor && !hum
	}
	within := pause
	if known {
		within = pauseDetected
	}
	e.floor.follow(level)
	e.held = append(e.held, frame...)
	e.levels = append(e.levels, level)
	if loud {
		e.loud, e.quiet = e.loud+frameLength, 0
	} else {
		e.quiet += frameLength
		if !e.talking {
			e.loud = max(0, e.loud-frameLength)
		}
	}
	if e.talking {
		return e.talk(frame, within, out)
	}
	if e.loud >= onset {
		e.talking, e.from = true, e.now-soundLength(len(e.held))
		return append(out, stretch{begins: true, at: e.from, sound: append([]byte(nil), e.held...)})
	}
	e.keep(lead)
	return out
}

func (e *endpointer) talk(frame []byte, within time.Duration, out []stretch) []stretch {
	out = append(out, stretch{sound: frame})
	length := e.now - e.from
	switch {
	case e.quiet >= within || e.enough || length > long && e.quiet >= shortPause:
		out = append(out, stretch{ends: true, until: e.now})
		e.rest()
	case length >= longest:
		out = e.cut(recent, out)
	case e.from < e.by && e.now >= e.by+afterEnd:
		out = e.cut(e.now-e.by, out)
	}
	return out
}

// cut ends the utterance at the quietest frame of the last while, where the next one begins.
func (e *endpointer) cut(last time.Duration, out []stretch) []stretch {
	e.keep(last)
	at := e.quietestFrame()
	e.held, e.levels = e.held[at*frameBytes:], e.levels[at:]
	e.from, e.enough = e.now-soundLength(len(e.held)), false
	return append(out, stretch{ends: true, until: e.from},
		stretch{begins: true, at: e.from, sound: append([]byte(nil), e.held...)})
}

// keep forgets held sound older than d.
func (e *endpointer) keep(d time.Duration) {
	if over := len(e.levels) - int(d/frameLength); over > 0 {
		e.held = append([]byte(nil), e.held[over*frameBytes:]...)
		e.levels = append([]float64(nil), e.levels[over:]...)
	}
}

func (e *endpointer) quietestFrame() int {
	found := 0
	for i, level := range e.levels {
		if level < e.levels[found] {
			found = i
		}
	}
	return found
}

// energy is a frame's level in dB of full scale, of what lies above 200 Hz: an offset, a fan and the street are not heard as
// speech, and must not hide its end.
func energy(frame []byte) float64 {
	const past = 0.9245 // exp(−2π·200 Hz / sampleRate): how much of the last sample's outcome is in the next one's
	var once, twice, squares float64
	last := sample(frame, 0)
	n := len(frame) / sampleBytes
	for i := range n {
		v := sample(frame, i)
		before := once
		once = past * (once + v - last)
		twice = past * (twice + once - before)
		last = v
		squares += twice * twice
	}
	// Digital silence has a level too.
	return 10 * math.Log10((1+squares)/float64(n)/(32768*32768))
}

func sample(frame []byte, i int) float64 {
	return float64(int16(binary.LittleEndian.Uint16(frame[i*sampleBytes:])))
}

// hum notices sound that does not vary: a tone, a machine, an endless chord.
type hum struct {
	levels [int(steadyFor / frameLength)]float64 // the newest, in a ring
	next   int
	full   bool
}

func (h *hum) follow(level float64) bool {
	h.levels[h.next] = level
	if h.next++; h.next == len(h.levels) {
		h.next, h.full = 0, true
	}
	return h.full && slices.Max(h.levels[:])-slices.Min(h.levels[:]) < steady
}

// floor is how loud the room is when nobody speaks: the least level of the last few seconds.
type floor struct {
	spans   [floorSpans]float64 // least level of each
	current int
	filled  time.Duration // of the current span
	heard   int           // spans, the current one too; at most all
}

// firstFloor is assumed at first. For each span that was louder floorRises more is believed.
const (
	firstFloor = -50.0
	floorRises = 4.0 // dB
)

func (f *floor) follow(level float64) {
	if f.filled == 0 {
		f.heard = min(f.heard+1, floorSpans)
	}
	if f.filled == 0 || level < f.spans[f.current] {
		f.spans[f.current] = level
	}
	if f.filled += frameLength; f.filled >= floorSpan {
		f.current, f.filled = (f.current+1)%floorSpans, 0
	}
}

func (f *floor) level() float64 {
	least := math.Inf(1)
	if f.heard < floorSpans {
		least = firstFloor + floorRises*float64(f.heard)
	}
	for _, v := range f.spans[:f.heard] {
		least = min(least, v)
	}
	return max(floorLeast, min(floorMost, least))
}
