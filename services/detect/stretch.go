package detect

import (
	"time"

	"liveclip/internal/domain"
)

// soundStretch is a stretch of sound. How sound is cut into stretches says only how it came, live or read from a file: it is
// taken up value by value, each in its place among what was said and done.
type soundStretch struct {
	domain.SoundMeasured
	came time.Duration
}

// until is where its first n values end; with fewer, where it does.
func (s *soundStretch) until(n int) time.Duration {
	return s.Start + time.Duration(min(n, len(s.Momentary)))*s.Step
}

func (s *soundStretch) end() time.Duration { return s.until(len(s.Momentary)) }

// after leaves out the values that begin before a time. It reports false where nothing is left.
func (s *soundStretch) after(at time.Duration) bool {
	if at > s.Start {
		n := int(min((at-s.Start-1)/s.Step+1, time.Duration(len(s.Momentary))))
		s.Start, s.Momentary = s.until(n), s.Momentary[n:]
	}
	return len(s.Momentary)+len(s.Events) > 0
}

// cut takes its first value out, with the events that were told with it, and with it those of the same second that end by a
// time: what they bring out is the same as one by one, for it is told when a second is over.
func (s *soundStretch) cut(by time.Duration) soundStretch {
	n := min(1, len(s.Momentary))
	for second := s.Start / time.Second; n < len(s.Momentary) && s.until(n)/time.Second == second && s.until(n+1) <= by; {
		n++
	}
	taken := *s
	taken.Momentary = s.Momentary[:n:n]
	s.Start, s.Momentary, s.Events = s.until(n), s.Momentary[n:], nil
	return taken
}
