package detect

import (
	"fmt"
	"slices"
	"time"

	"liveclip/internal/domain"
)

const (
	loudnessMemory = 60   // seconds from which the usual loudness is learned
	loudnessSettle = 10   // seconds before a jump means anything
	silence        = -70. // LUFS: below it nobody speaks (the absolute gate of EBU R 128)
	jumpsKept      = 30 * time.Second
)

// loudness follows the mean of each second and notes those well above the room's median.
type loudness struct {
	Second int64 // being summed
	Sum    float64
	Count  int
	Usual  []float64 // means of past seconds, oldest first
	Jumps  []jump
	Until  time.Duration // measured to
}

type jump struct {
	At    time.Duration
	LU    float64
	Usual float64 // LUFS
}

func (l *loudness) add(s domain.SoundMeasured, r LoudnessRules) {
	for i, v := range s.Momentary {
		at := s.Start + time.Duration(i)*s.Step
		if second := int64(at / time.Second); second != l.Second {
			l.close(r)
			l.Second = second
		}
		if v > silence {
			l.Sum += v
			l.Count++
		}
	}
	l.Until = soundEnd(s)
}

func (l *loudness) close(r LoudnessRules) {
	if l.Count == 0 {
		return
	}
	mean, at := l.Sum/float64(l.Count), time.Duration(l.Second)*time.Second
	l.Sum, l.Count = 0, 0
	median := middle(slices.Clone(l.Usual))
	if len(l.Usual) >= loudnessSettle && mean-median >= r.Least {
		l.Jumps = append(l.Jumps, jump{at, mean - median, median})
	}
	l.Jumps = slices.DeleteFunc(l.Jumps, func(j jump) bool { return j.At < at-jumpsKept })
	l.Usual = append(l.Usual, mean)
	if len(l.Usual) > loudnessMemory {
		l.Usual = slices.Delete(l.Usual, 0, len(l.Usual)-loudnessMemory)
	}
}

// near gives the greatest jump at the moment, as evidence.
func (l *loudness) near(moment domain.Window, r LoudnessRules) (evidence, bool) {
	const slack = 2 * time.Second
	var greatest jump
	for _, j := range l.Jumps {
		if j.At > moment.Start-slack && j.At < moment.End+slack && j.LU > greatest.LU {
			greatest = j
		}
	}
	if greatest.LU == 0 {
		return evidence{}, false
	}
	return evidence{
		Signal: signalLoudness,
		Detail: fmt.Sprintf("%.0f LU above the room's usual %.0f LUFS", greatest.LU, greatest.Usual),
		Moment: domain.Window{Start: greatest.At, End: greatest.At + time.Second},
		Weight: r.Weight * ramp(greatest.LU, r.Least, r.Full),
	}, true
}

func soundEnd(s domain.SoundMeasured) time.Duration {
	return s.Start + time.Duration(len(s.Momentary))*s.Step
}
