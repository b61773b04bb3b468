package detect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"liveclip/internal/domain"
)

// LoudnessRules tell when the room gets loud.
type LoudnessRules struct {
	Least float64 `yaml:"least"` // LU above the room's median from which it counts
	Full  float64 `yaml:"full"`
}

const (
	loudnessMemory = 60   // seconds from which the usual loudness is learned
	loudnessSettle = 10   // seconds before a jump means anything
	silence        = -70. // LUFS: below it nobody speaks (the absolute gate of EBU R 128)
)

// loudness follows the mean of each second and tells those well above the room's median.
type loudness struct {
	Second int64 // being summed
	Sum    float64
	Count  int
	Usual  []float64     // means of past seconds, oldest first
	Above  float64       // LU above the usual, in the second before
	Value  float64       // greatest of the jump that is going on
	Until  time.Duration // measured to
}

func (l *loudness) take(h happening, r *room) []evidence {
	if h.Sound == nil {
		return nil
	}
	var out []evidence
	for i, v := range h.Sound.Momentary {
		at := h.Sound.Start + time.Duration(i)*h.Sound.Step
		if second := int64(at / time.Second); second != l.Second {
			for _, e := range l.close(r.rules.Loudness) {
				e.Source.came = h.Sound.came
				out = append(out, e)
			}
			l.Second = second
		}
		if v > silence && !math.IsNaN(v) && v < 100 {
			l.Sum += v
			l.Count++
		}
	}
	l.Until = h.Sound.end()
	return out
}

// close ends a second, and gives the evidence of a jump when it begins or grows.
func (l *loudness) close(r LoudnessRules) []evidence {
	if l.Count == 0 {
		return nil
	}
	mean, at := l.Sum/float64(l.Count), time.Duration(l.Second)*time.Second
	l.Sum, l.Count = 0, 0
	median := middle(slices.Clone(l.Usual))
	known := len(l.Usual) >= loudnessSettle
	l.Usual = newest(append(l.Usual, mean), loudnessMemory)
	l.Above = mean - median
	if !known || l.Above < r.Least {
		l.Value = 0
		return nil
	}
	value := max(0.2, ramp(l.Above, r.Least, r.Full))
	if value < l.Value+growth {
		return nil
	}
	l.Value = value
	return []evidence{{
		Signal: signalLoudness, Feature: "loudness.jump", Value: value,
		Detail:  fmt.Sprintf("the room is %.0f dB louder than in the minute before", l.Above),
		Chinese: fmt.Sprintf("现场比前一分钟响 %.0f 分贝", l.Above),
		Moment:  domain.Window{Start: at, End: at + time.Second},
		Burst:   l.Second,
	}}
}

func (l *loudness) values(give func(string, float64)) { give("loudness.lu", l.Above) }
