package detect

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// VoiceRules tell when a host speaks up.
type VoiceRules struct {
	Least float64 `yaml:"least"` // LU above the host's own usual, over a sentence, from which it counts
	Full  float64 `yaml:"full"`
}

const (
	voiceSlot   = 500 * time.Millisecond
	voiceSlots  = 180 // slots that are kept: as long as a line may come late
	voiceMemory = 40  // sentences from which the usual is learned
	voiceSettle = 6   // sentences before anything is unusual
)

// voice follows how loud the host speaks: the mean over a sentence against that of the sentences before it. Pauses and what
// is louder for a second do not count, as they do for loudness.
type voice struct {
	First int64     // number of the first slot
	Slots []float64 // mean LUFS, oldest first; silence where nobody spoke
	Sum   float64   // of the slot after them
	Count int
	Usual []float64 // levels of sentences, oldest first
}

func (v *voice) take(h happening, r *room) []evidence {
	if h.Sound != nil {
		v.hear(*h.Sound)
	}
	if h.Line == nil {
		return nil
	}
	var out []evidence
	for i := range h.Line.sentences {
		s := &h.Line.sentences[i]
		level, heard := v.level(s.Start, s.End)
		if !heard {
			continue
		}
		usual, known := middle(slices.Clone(v.Usual)), len(v.Usual) >= voiceSettle
		v.Usual = newest(append(v.Usual, level), voiceMemory)
		if !known {
			continue
		}
		s.Above = level - usual
		if s.Above < r.rules.Voice.Least {
			continue
		}
		e := h.Line.evidence(0, 0)
		e.Signal, e.Feature, e.Value = signalLoudness, "voice.raised", max(0.2, ramp(s.Above, r.rules.Voice.Least, r.rules.Voice.Full))
		e.Moment, e.Sentence = s.Window, s.Window
		e.Detail = fmt.Sprintf("the host speaks %.0f dB louder than usual", s.Above)
		e.Chinese = fmt.Sprintf("主播嗓门比平时高 %.0f 分贝", s.Above)
		out = append(out, e)
	}
	return out
}

// hear adds a stretch of sound to the slots.
func (v *voice) hear(m soundStretch) {
	for i, lufs := range m.Momentary {
		slot := int64((m.Start + time.Duration(i)*m.Step) / voiceSlot)
		if len(v.Slots) == 0 && v.Count == 0 {
			v.First = slot
		}
		for next := v.First + int64(len(v.Slots)); slot > next; next = v.First + int64(len(v.Slots)) {
			if slot-next > voiceSlots { // nothing was heard for long
				v.First, v.Slots, v.Sum, v.Count = slot, nil, 0, 0
				break
			}
			v.close()
		}
		if lufs > silence && lufs < 100 && !math.IsNaN(lufs) {
			v.Sum += lufs
			v.Count++
		}
	}
}

func (v *voice) close() {
	mean := silence
	if v.Count > 0 {
		mean = v.Sum / float64(v.Count)
	}
	v.Slots = append(v.Slots, mean)
	v.Sum, v.Count = 0, 0
	if gone := len(v.Slots) - voiceSlots; gone > 0 {
		v.Slots, v.First = slices.Delete(v.Slots, 0, gone), v.First+int64(gone)
	}
}

// level is the mean over a stretch of media time; false where that was not measured.
func (v *voice) level(from, to time.Duration) (lufs float64, known bool) {
	sum, n := 0., 0
	for slot := int64(from / voiceSlot); slot <= int64(to/voiceSlot); slot++ {
		if i := slot - v.First; i >= 0 && i < int64(len(v.Slots)) && v.Slots[i] > silence {
			sum += v.Slots[i]
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return sum / float64(n), true
}

func (*voice) values(func(string, float64)) {}
