package review

import (
	"context"
	"errors"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/recording"
)

const (
	// leadTime is how long before the end of its window a clip is begun, or half the window's length where that is more: what
	// was recorded by then is finished twice as fast as the rest comes.
	leadTime = 5 * time.Second
	// soundBefore is how much sound from before a window stands for what is still to come of it.
	soundBefore = 20 * time.Second
	// firing is within what clips that are asked for together come in.
	firing = 300 * time.Millisecond
	// spare is how much of a window is still to come, as far as its sound was measured, when a clip can wait so long and end no
	// later.
	spare = 2 * time.Second
)

// measured is the loudness of the clip's footage and of a little before, as far as it is known.
func (s *Service) measured(ctx context.Context, c clip) []domain.SoundMeasured {
	var sound []domain.SoundMeasured
	for _, w := range c.windows() {
		w.Start = max(0, w.Start-soundBefore)
		measured, err := s.recording.Loudness(ctx, c.ref(), c.broadcast(), w)
		if err != nil {
			s.log.Warn("loudness not known", "clip_id", c.Clip, "revision", c.Revision, "error", err)
		}
		sound = append(sound, measured...)
	}
	return sound
}

// awaitDue waits, with nothing in hand, until the last window has come so near to its end that finishing will end with it.
func (s *Service) awaitDue(ctx context.Context, c clip, sound []domain.SoundMeasured) error {
	windows := c.windows()
	if len(windows) == 0 || c.envelope().Lane == domain.LaneBatch {
		return nil
	}
	last := windows[len(windows)-1]
	due := last.End - max(leadTime, last.Length()/2)
	if due <= last.Start || measuredTo(sound) >= due {
		return nil
	}
	reached := errors.New("recorded so far")
	_, err := s.recording.Read(ctx, c.ref(), c.broadcast(), domain.Window{Start: due, End: due + 1}, func(recording.Chunk) error { return reached })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, reached) {
		s.log.Warn("clip begun before it is due", "clip_id", c.Clip, "revision", c.Revision, "error", err)
	}
	return nil
}

// gather waits for clips that were asked for together with this one: how it is made depends on how many there are.
func (s *Service) gather(ctx context.Context, c clip, sound []domain.SoundMeasured, l load) error {
	windows := c.windows()
	if len(windows) == 0 || !l.gathers(windows[len(windows)-1].End-measuredTo(sound)) {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(firing):
		return nil
	}
}

// gathers tells whether a clip of which so much is still to come waits for others: where that costs nothing, and it did not
// wait for a place, and so for others, already.
func (l load) gathers(toCome time.Duration) bool {
	return l.lane != domain.LaneBatch && l.behind < firing && toCome >= spare
}

func measuredTo(sound []domain.SoundMeasured) time.Duration {
	var to time.Duration
	for _, m := range sound {
		to = max(to, m.Start+time.Duration(len(m.Momentary))*m.Step)
	}
	return to
}

// backlog is how much of the windows was recorded already, as far as its sound tells.
func backlog(sound []domain.SoundMeasured, windows []domain.Window) (length time.Duration) {
	to := measuredTo(sound)
	for _, w := range windows {
		length += max(0, min(w.End, to)-w.Start)
	}
	return length
}

// loudness is what the clip's footage is levelled by; 0: not known. Where the window is still being recorded, the sound before
// it counts too.
func (s *Service) loudness(ctx context.Context, c clip, sound []domain.SoundMeasured) float64 {
	windows := c.windows()
	if len(windows) == 0 {
		return 0
	}
	if measuredTo(sound) < windows[len(windows)-1].End {
		sound = s.measured(ctx, c) // more of it, meanwhile
	}
	if end := windows[len(windows)-1].End; measuredTo(sound) >= end-time.Second {
		sound = inside(sound, windows)
	}
	lufs, _ := recording.Integrated(sound)
	return lufs
}

// inside leaves what was measured inside windows.
func inside(sound []domain.SoundMeasured, windows []domain.Window) []domain.SoundMeasured {
	var in []domain.SoundMeasured
	for _, m := range sound {
		for i, v := range m.Momentary {
			at := m.Start + time.Duration(i)*m.Step
			for _, w := range windows {
				if at >= w.Start && at < w.End {
					in = append(in, domain.SoundMeasured{Start: at, Step: m.Step, Momentary: []float64{v}})
					break
				}
			}
		}
	}
	return in
}
