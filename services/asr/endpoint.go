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
	preRoll       = 300 * time.Millisecond  // kept from before speech was noticed: the onset of its first word
	onset         = 60 * time.Millisecond   // of loud frames with hardly a quiet one between: speech, not a click
	pause         = 400 * time.Millisecond  // ends an utterance
	pauseDetected = 320 * time.Millisecond  // the same where a detector finds the voice: it notices its end later
	shortPause    = 140 * time.Millisecond  // ends one that is longer than longUtterance
	longUtterance = 6 * time.Second         // past it a line should end soon
	maxUtterance  = 10 * time.Second        // past it a line is cut at its quietest recent frame
	cutSearch     = 1500 * time.Millisecond // in which that frame is looked for
	overFloor     = 9.0                     // dB: louder is loud
	floorLeast    = -62.0                   // dB of full scale
	floorMost     = -32.0
	floorSpans    = 8 // the floor is the quietest frame of so many spans: speech pauses somewhere within them
	floorSpan     = 500 * time.Millisecond
	voiceOn       = 0.5  // probability at which speech begins
	voiceOff      = 0.35 // below which it ends
	steadyRange   = 3.0  // dB: sound that varies no more within steadyFor is a hum, a tone, never speech
	steadyFor     = 1500 * time.Millisecond
	cutMargin     = 300 * time.Millisecond // past the time that a clip waits for, in which the quietest frame is looked for
)

// speechChunk is a piece of an utterance: its beginning, more of it, or its end.
type speechChunk struct {
	begins bool
	at     time.Duration // of the first sample of the utterance; set on its first chunk
	sound  []byte
	ends   bool
	until  time.Duration // the utterance's end; set on its last chunk. A word from here on belongs to the next utterance
}

// endpointer finds utterances in sound: by the probabilities of a voice detector, else by the energy over a noise floor that follows
// the room. It owns no goroutine.
type endpointer struct {
	now     time.Duration // media time after the last frame
	running bool
	partial []byte // less than a frame, after now

	// buffer is the newest sound, up to now: the pre-roll before an utterance, all of it during one.
	buffer         []byte
	levels         []float64 // of the frames in buffer
	inUtterance    bool
	utteranceStart time.Duration
	loud           time.Duration
	quiet          time.Duration
	floor          noiseFloor
	hum            steadySound
	probabilities  []probability // by the voice detector, of sound after now
	wordless       bool          // the recogniser found no word for maxWordless: the utterance is over
	awaitedTo      time.Duration // a clip waits for what is said before: an utterance that goes past it is cut there; 0: none waits
}

// probability is how likely somebody speaks in the sound before until.
type probability struct {
	until time.Duration
	value float32
}

// addProbabilities takes the voice detector's probabilities for sound that is about to be accepted.
func (e *endpointer) addProbabilities(p ...probability) {
	e.probabilities = append(e.probabilities, p...)
}

// isSilent reports whether the sound to come is too quiet for speech, so that the voice detector need not be asked.
func (e *endpointer) isSilent(sound []byte) bool {
	if e.inUtterance {
		return false
	}
	for ; len(sound) >= frameBytes; sound = sound[frameBytes:] {
		if energy(sound[:frameBytes]) > floorLeast+overFloor {
			return false
		}
	}
	return true
}

// isVoiced reports whether somebody speaks in the frame up to now; known is false when the detector gave no probability.
func (e *endpointer) isVoiced() (voiced, known bool) {
	for len(e.probabilities) > 1 && e.probabilities[0].until < e.now {
		e.probabilities = e.probabilities[1:]
	}
	if len(e.probabilities) == 0 || e.now-e.probabilities[0].until > probabilityTTL {
		return false, false
	}
	least := float32(voiceOn)
	if e.inUtterance {
		least = voiceOff
	}
	return e.probabilities[0].value >= least, true
}

// probabilityTTL is how long after its step a probability still holds: steps end between two pieces of sound.
const probabilityTTL = 100 * time.Millisecond

// accept takes sound and gives the chunks of utterances in it. A jump in time ends the utterance before it.
func (e *endpointer) accept(at time.Duration, sound []byte) []speechChunk {
	var out []speechChunk
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
		out = e.acceptFrame(frame, out)
	}
	return out
}

// flush ends the utterance that is being spoken: no more sound comes for now.
func (e *endpointer) flush() []speechChunk {
	var out []speechChunk
	if e.inUtterance {
		out = append(out, speechChunk{ends: true, until: e.now})
	}
	e.running, e.partial, e.probabilities = false, nil, nil
	e.reset()
	return out
}

// settledTo is the media time before which no further utterance will begin.
func (e *endpointer) settledTo() time.Duration {
	if e.inUtterance {
		return e.utteranceStart
	}
	return e.now - soundLength(len(e.buffer))
}

func (e *endpointer) reset() {
	e.inUtterance, e.wordless, e.buffer, e.levels, e.loud, e.quiet = false, false, nil, nil, 0, 0
}

func (e *endpointer) acceptFrame(frame []byte, out []speechChunk) []speechChunk {
	level := energy(frame)
	hum := e.hum.add(level)
	loud, known := e.isVoiced()
	if !known {
		loud = level > e.floor.level()+overFloor && !hum
	}
	within := pause
	if known {
		within = pauseDetected
	}
	e.floor.add(level)
	e.buffer = append(e.buffer, frame...)
	e.levels = append(e.levels, level)
	if loud {
		e.loud, e.quiet = e.loud+frameLength, 0
	} else {
		e.quiet += frameLength
		if !e.inUtterance {
			e.loud = max(0, e.loud-frameLength)
		}
	}
	if e.inUtterance {
		return e.continueUtterance(frame, within, out)
	}
	if e.loud >= onset {
		e.inUtterance, e.utteranceStart = true, e.now-soundLength(len(e.buffer))
		return append(out, speechChunk{begins: true, at: e.utteranceStart, sound: append([]byte(nil), e.buffer...)})
	}
	e.trim(preRoll)
	return out
}

func (e *endpointer) continueUtterance(frame []byte, within time.Duration, out []speechChunk) []speechChunk {
	out = append(out, speechChunk{sound: frame})
	length := e.now - e.utteranceStart
	switch {
	case e.quiet >= within || e.wordless || length > longUtterance && e.quiet >= shortPause:
		out = append(out, speechChunk{ends: true, until: e.now})
		e.reset()
	case length >= maxUtterance:
		out = e.cutAtQuietest(cutSearch, out)
	case e.utteranceStart < e.awaitedTo && e.now >= e.awaitedTo+cutMargin:
		out = e.cutAtQuietest(e.now-e.awaitedTo, out)
	}
	return out
}

// cutAtQuietest ends the utterance at the quietest frame of the last while, where the next one begins.
func (e *endpointer) cutAtQuietest(last time.Duration, out []speechChunk) []speechChunk {
	e.trim(last)
	at := e.quietestFrame()
	e.buffer, e.levels = e.buffer[at*frameBytes:], e.levels[at:]
	e.utteranceStart, e.wordless = e.now-soundLength(len(e.buffer)), false
	return append(out, speechChunk{ends: true, until: e.utteranceStart},
		speechChunk{begins: true, at: e.utteranceStart, sound: append([]byte(nil), e.buffer...)})
}

// trim drops buffered sound older than d.
func (e *endpointer) trim(d time.Duration) {
	if over := len(e.levels) - int(d/frameLength); over > 0 {
		e.buffer = append([]byte(nil), e.buffer[over*frameBytes:]...)
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

// energy is a frame's level above 200 Hz in dB of full scale: an offset, a fan or the street must not be taken for speech, nor hide
// its end.
func energy(frame []byte) float64 {
	const past = 0.9245 // exp(−2π·200 Hz / sampleRate): the pole of a one-pole high-pass filter
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
	// 1+: digital silence has a level too.
	return 10 * math.Log10((1+squares)/float64(n)/(32768*32768))
}

func sample(frame []byte, i int) float64 {
	return float64(int16(binary.LittleEndian.Uint16(frame[i*sampleBytes:])))
}

// steadySound notices sound that does not vary: a tone, a machine, an endless chord.
type steadySound struct {
	levels [int(steadyFor / frameLength)]float64 // the newest, in a ring
	next   int
	full   bool
}

func (h *steadySound) add(level float64) bool {
	h.levels[h.next] = level
	if h.next++; h.next == len(h.levels) {
		h.next, h.full = 0, true
	}
	return h.full && slices.Max(h.levels[:])-slices.Min(h.levels[:]) < steadyRange
}

// noiseFloor is how loud the room is when nobody speaks: the least level of the last few seconds.
type noiseFloor struct {
	spans       [floorSpans]float64 // least level of each
	current     int
	filled      time.Duration // of the current span
	filledSpans int           // of spans, with the current one
}

// initialFloor is assumed at first, and floorRise more for each span that was heard.
const (
	initialFloor = -50.0
	floorRise    = 4.0 // dB
)

func (f *noiseFloor) add(level float64) {
	if f.filled == 0 {
		f.filledSpans = min(f.filledSpans+1, floorSpans)
	}
	if f.filled == 0 || level < f.spans[f.current] {
		f.spans[f.current] = level
	}
	if f.filled += frameLength; f.filled >= floorSpan {
		f.current, f.filled = (f.current+1)%floorSpans, 0
	}
}

func (f *noiseFloor) level() float64 {
	least := math.Inf(1)
	if f.filledSpans < floorSpans {
		least = initialFloor + floorRise*float64(f.filledSpans)
	}
	for _, v := range f.spans[:f.filledSpans] {
		least = min(least, v)
	}
	return max(floorLeast, min(floorMost, least))
}
