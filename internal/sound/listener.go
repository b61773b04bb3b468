package sound

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"liveclip/internal/domain"
)

// Applause is the kind of its events.
const Applause = "applause"

const (
	frameLength = frameSize * time.Second / Rate
	span        = 47   // frames that are judged together: 1.5 s
	floorOver   = 313  // frames from which the room's floor is learned: 10 s
	above       = 8.   // dB over the floor; less is the room itself
	audible     = -50. // dB of full scale; below it nothing is told
	shortest    = 2 * time.Second
	longest     = 20 * time.Second
	lull        = 500 * time.Millisecond // within applause
	every       = 4                      // frames between two judgements
	gap         = 3 * frameLength / 2    // of missing sound that is a gap
)

// Listener follows the sound of one broadcast. Not safe for concurrent use.
type Listener struct {
	lens    *lens
	rest    []float64 // samples of an unfinished frame
	at      time.Duration
	frames  []frame       // the newest last, floorOver at most
	running domain.Window // applause going on; zero: none
	sure    float64       // its greatest confidence
}

// NewListener hears nothing yet.
func NewListener() *Listener { return &Listener{lens: newLens()} }

// Hear takes the next samples (16 kHz, mono, s16le) and gives the events that ended. An event that lasts too long to be one
// ends by itself.
func (l *Listener) Hear(at time.Duration, samples []byte) []domain.SoundEvent {
	var events []domain.SoundEvent
	expected := l.at + time.Duration(len(l.rest))*time.Second/Rate
	if d := at - expected; d > gap || d < -gap {
		events = l.End()
		l.rest, l.frames, l.at = l.rest[:0], l.frames[:0], at
	}
	for ; len(samples) >= 2; samples = samples[2:] {
		l.rest = append(l.rest, float64(int16(binary.LittleEndian.Uint16(samples)))/32768)
		if len(l.rest) < frameSize {
			continue
		}
		if len(l.frames) == floorOver {
			l.frames = slices.Delete(l.frames, 0, 1)
		}
		l.frames = append(l.frames, l.lens.look(l.rest))
		l.rest = l.rest[:0]
		l.at += frameLength
		events = append(events, l.judge()...)
	}
	return events
}

// End gives what was going on: no more sound comes for now.
func (l *Listener) End() []domain.SoundEvent {
	window := l.running
	l.running = domain.Window{}
	if window.Length() < shortest {
		return nil
	}
	return []domain.SoundEvent{{Kind: Applause, Window: window, Confidence: math.Round(100*l.sure) / 100}}
}

func (l *Listener) judge() []domain.SoundEvent {
	if len(l.frames) < 2*span || int(l.at/frameLength)%every != 0 { // before that the floor is not known
		return nil
	}
	levels := sorted(l.frames, func(f frame) float64 { return f.level })
	sure := applause(l.frames[len(l.frames)-span:], quantile(levels, 0.1))
	switch {
	case l.running.Length() >= longest, sure == 0 && l.at-l.running.End > lull:
		return l.End()
	case sure == 0:
	case l.running == (domain.Window{}):
		l.running, l.sure = domain.Window{Start: max(0, l.at-span*frameLength), End: l.at}, sure
	default:
		l.running.End, l.sure = l.at, max(l.sure, sure)
	}
	return nil
}
