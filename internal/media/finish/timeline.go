package finish

import (
	"errors"
	"math"
	"time"

	"github.com/asticode/go-astiav"

	mediav1 "liveclip/proto/media/v1"
)

const (
	// Sound within jitter of where the last ended continues it: timestamps of live sources are rounded. What lies further off
	// than settled is drawn near, by no more than one sample in so many.
	jitter  = 20 * time.Millisecond
	settled = 2 * time.Millisecond
	drawn   = 400
	// A track is filled up (the last picture again, silence) when the other is so far ahead of it …
	lead = 10 * time.Second
	// … or so far, when the source does not have it.
	leadAbsent = 500 * time.Millisecond
)

// timeline lays decoded parts one after another at a constant picture and sample rate, without gaps in either.
type timeline struct {
	shape      shape
	picture    func(n int64, f *astiav.Frame) error // f stays the timeline's
	sound      func(left, right []float32) error
	placed     func(at, source time.Duration) error // told once a part: the clip time at which its source's time lies
	background *astiav.Frame                        // shown where there is no picture

	baseFrame  int64 // where the current part begins
	baseSample int64
	sounded    int64 // samples given so far, of all parts
	frame      int64 // next of the current part
	sample     int64
	limit      int64         // frames the current part has at most
	origin     time.Duration // source time of the current part's beginning
	phase      time.Duration // of the source's pictures against the frame grid; its sound is moved as much
	last       *astiav.Frame // the picture that is shown; nil at a part's beginning
	anchored   bool          // phase is that of the run's pictures
	waited     bool          // phase is not waited for: known, or given up
	told       bool          // placed was
	early      []media       // sound from before phase was known
	flowing    bool          // sound has begun
	tracks     tracks
}

// begin begins a part of at most length.
func (t *timeline) begin(length time.Duration) {
	t.limit = t.shape.frames(length)
	t.baseSample = t.samplesBefore(t.baseFrame)
	t.frame, t.sample, t.anchored, t.waited, t.flowing = 0, t.sounded-t.baseSample, false, false, false
	t.phase, t.told = 0, false
	t.show(nil)
	t.tracks = tracks{picture: true, sound: true}
}

func (t *timeline) show(f *astiav.Frame) {
	if t.last != nil {
		t.last.Free()
	}
	t.last = f
}

// add takes the next thing decoded of the current part.
func (t *timeline) add(m media) error {
	if m.tracks == nil {
		t.origin = m.origin
	}
	switch {
	case m.tracks != nil: // another run has another clock
		err := t.settle()
		t.tracks, t.anchored, t.waited, t.flowing = *m.tracks, false, !m.tracks.picture, false
		return err
	case m.picture != nil:
		if err := t.addPicture(m.at, m.picture); err != nil {
			return err
		}
		return t.fillSound(t.sampleAt(t.frame) - t.behind(t.tracks.sound))
	case !t.waited:
		t.early = append(t.early, m)
		if m.at-t.early[0].at < lead {
			return nil
		}
		return t.settle()
	}
	if err := t.place(); err != nil {
		return err
	}
	if err := t.addSamples(m.at-t.phase, m.samples[0], m.samples[1]); err != nil {
		return err
	}
	return t.fillPictures(t.frameAt(t.sample - t.behind(t.tracks.picture)))
}

// settle takes the sound that waited for the phase, which is what it is now.
func (t *timeline) settle() error {
	t.waited = true
	early := t.early
	t.early = nil
	for _, m := range early {
		if err := t.add(m); err != nil {
			return err
		}
	}
	return nil
}

// place tells where in its source the part begins.
func (t *timeline) place() error {
	if t.told || t.placed == nil {
		return nil
	}
	t.told = true
	return t.placed(t.shape.at(t.baseFrame), t.origin+t.phase)
}

// behind is by how many samples a track may be behind the other.
func (t *timeline) behind(present bool) int64 {
	if present {
		return int64(lead * sampleRate / time.Second)
	}
	return int64(leadAbsent * sampleRate / time.Second)
}

// addPicture takes f. It is shown from the frame that is nearest to it; the pictures between are the last one again.
func (t *timeline) addPicture(at time.Duration, f *astiav.Frame) error {
	n := t.shape.frames(at - t.phase)
	if !t.anchored && at > -t.shape.tick()*3/4 {
		// From here on pictures are counted from this one, so that one rounding holds for all of the run.
		n = max(0, n)
		t.anchored, t.phase = true, at-t.shape.at(n)
		if err := errors.Join(t.place(), t.settle()); err != nil {
			f.Free()
			return err
		}
	}
	if n < t.frame { // two in one frame, or a clock that went back: the later one is shown next
		t.show(f)
		return nil
	}
	if t.last == nil && t.frame == 0 {
		t.show(f.Clone()) // nothing covers the beginning: begin with what there is
	}
	if err := t.fillPictures(n); err != nil {
		return err
	}
	t.show(f)
	return t.fillPictures(n + 1)
}

// fillPictures shows the last picture up to frame n of the part.
func (t *timeline) fillPictures(n int64) error {
	for n = min(n, t.limit); t.frame < n; t.frame++ {
		f := t.last
		if f == nil {
			f = t.background
		}
		if err := t.picture(t.baseFrame+t.frame, f); err != nil {
			return err
		}
	}
	return nil
}

// sampleAt is the sample of the part at which its frame n begins.
func (t *timeline) sampleAt(n int64) int64 {
	return t.samplesBefore(t.baseFrame+n) - t.baseSample
}

// samplesBefore is how many samples frames [0, n) of all parts last.
func (t *timeline) samplesBefore(n int64) int64 {
	return int64(t.shape.at(n).Seconds()*sampleRate + 0.5)
}

func (t *timeline) frameAt(sample int64) int64 {
	return t.shape.frames(samplesTime(int(max(0, sample))))
}

func (t *timeline) addSamples(at time.Duration, left, right []float32) error {
	from := int64(math.Round(at.Seconds() * sampleRate))
	if off := from - t.sample; t.flowing && max(off, -off) <= int64(jitter*sampleRate/time.Second) {
		from = t.sample
		if max(off, -off) > int64(settled*sampleRate/time.Second) {
			most := int64(len(left) / drawn)
			n := len(left) + int(max(-most, min(most, off)))
			left, right = resample(left, n), resample(right, n)
		}
	}
	if err := t.fillSound(from); err != nil {
		return err
	}
	if over := t.sample - from; over >= int64(len(left)) {
		return nil
	} else if over > 0 {
		left, right = left[over:], right[over:]
	}
	if room := t.sampleAt(t.limit) - t.sample; room < int64(len(left)) {
		left, right = left[:max(0, room)], right[:max(0, room)]
	}
	t.flowing = true
	return t.give(left, right)
}

func (t *timeline) give(left, right []float32) error {
	t.sample += int64(len(left))
	t.sounded += int64(len(left))
	return t.sound(left, right)
}

// resample stretches x to n samples, nearly as many as it has.
func resample(x []float32, n int) []float32 {
	if n == len(x) || len(x) < 2 || n < 2 {
		return x
	}
	y := make([]float32, n)
	for i := range y {
		at := float64(i) * float64(len(x)-1) / float64(n-1)
		k := min(int(at), len(x)-2)
		y[i] = x[k] + float32(at-float64(k))*(x[k+1]-x[k])
	}
	return y
}

// fillSound is silent up to sample n of the part.
func (t *timeline) fillSound(n int64) error {
	for n = min(n, t.sampleAt(t.limit)); t.sample < n; {
		quiet := make([]float32, min(sampleRate/10, n-t.sample))
		if err := t.give(quiet, quiet); err != nil {
			return err
		}
	}
	return nil
}

// end ends the current part at length, and tells what became of it.
func (t *timeline) end(length time.Duration) (*mediav1.FinishedPart, error) {
	if err := t.settle(); err != nil {
		return nil, err
	}
	t.limit = min(t.limit, max(1, t.frame, t.shape.frames(length)))
	if err := t.fillPictures(t.limit); err != nil {
		return nil, err
	}
	if err := t.fillSound(t.sampleAt(t.limit)); err != nil {
		return nil, err
	}
	start := t.origin + t.phase
	part := &mediav1.FinishedPart{At: int64(t.shape.at(t.baseFrame)), Start: int64(start), End: int64(start + t.shape.at(t.limit))}
	t.baseFrame += t.limit
	t.frame = 0
	return part, nil
}

func (t *timeline) Close() { t.show(nil) }
