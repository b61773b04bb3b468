package finish

import (
	"slices"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/note"
)

// longestPicture is the greatest length of one picture that is believed.
const longestPicture = time.Second

// begin moves the part's start to the first thing there is, when nothing covers the start asked for.
func (p *part) begin(at time.Duration) {
	if !p.first && at > p.start {
		if at-p.start > 100*time.Millisecond {
			p.start = at
		}
	}
	p.first = true
}

func (p *part) givePicture(f *astiav.Frame, give func(media) error) error {
	ts := f.Pts()
	if ts == astiav.NoPtsValue {
		ts = f.PktDts()
	}
	if ts == astiav.NoPtsValue {
		return nil
	}
	at := p.in.at(p.in.video, ts)
	tick := p.shape.tick()
	switch {
	case at >= p.end:
		return nil
	case at < p.start-tick/2: // covers the start if nothing comes nearer
		if p.held != nil {
			p.held.Free()
		}
		p.held = f.Clone()
		return nil
	}
	if p.held != nil {
		held := p.held
		p.held, p.first = nil, true
		err := p.giveScaled(held, p.start-tick, give)
		held.Free()
		if err != nil {
			return err
		}
	}
	p.begin(at)
	shown := min(max(tick, p.in.length(p.in.video, frameDuration(f))), longestPicture)
	p.reach = max(p.reach, at+shown-p.start)
	return p.giveScaled(f, at, give)
}

func (p *part) giveScaled(f *astiav.Frame, at time.Duration, give func(media) error) error {
	// A stream may change in the middle, without a word. The picture before stands for one that is too large.
	if err := p.limits.Picture(f.Width(), f.Height()); err != nil {
		p.leaveOut(err)
		return nil
	}
	if p.scaler == nil || !p.scaler.fits(f) {
		if p.scaler != nil {
			p.scaler.Close()
		}
		var err error
		if p.scaler, err = newScaler(f, p.in.video.stream, p.in.fc.GuessSampleAspectRatio(p.in.video.stream, nil), p.shape); err != nil {
			return err
		}
	}
	return p.scaler.scale(f, func(scaled *astiav.Frame) error {
		return give(media{part: p.index, at: at - p.start, origin: p.start, picture: scaled})
	})
}

// leaveOut notes why something of the source is not in the clip, once.
func (p *part) leaveOut(why error) {
	said := note.LeftOut.Say(p.name(), why)
	if !slices.Contains(p.notes, said) {
		p.notes = append(p.notes, said)
	}
}

// giveSamples resamples; nil takes out what the resampler holds back.
func (p *part) giveSamples(f *astiav.Frame, give func(media) error) error {
	if f == nil && p.mixer == nil {
		return nil
	}
	if f != nil && f.Pts() == astiav.NoPtsValue {
		return nil
	}
	if f != nil && (p.mixer == nil || !p.mixer.fits(f)) {
		if err := p.giveSamples(nil, give); err != nil {
			return err
		}
		var err error
		if p.mixer, err = newMixer(f); err != nil {
			return err
		}
	}
	at := time.Duration(0)
	if f != nil {
		at = p.in.at(p.in.audio, f.Pts())
	}
	mixer := p.mixer
	if f == nil {
		p.mixer = nil
		defer mixer.Close()
	}
	return mixer.mix(f, at, func(at time.Duration, left, right []float32) error {
		end := at + samplesTime(len(left))
		if end <= p.start || at >= p.end {
			return nil
		}
		p.begin(at)
		p.reach = max(p.reach, min(end, p.end)-p.start)
		return give(media{part: p.index, at: at - p.start, origin: p.start, samples: [2][]float32{left, right}})
	})
}
