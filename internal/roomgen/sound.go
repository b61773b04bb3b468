package roomgen

import (
	"math"
	"time"

	"liveclip/internal/domain"
)

const (
	soundStep  = 0.1 // s, of one value
	soundChunk = 0.5 // s, of one measurement
)

// sound gives the loudness of a room in chunks, with what else was heard.
func (m *Maker) sound(seed uint64, f Facts, s script) []domain.SoundMeasured {
	d := newDraw(seed, "sound")
	level := m.levels(d, f, s)
	events := m.heard(d, s)
	perChunk := int(soundChunk / soundStep)
	var out []domain.SoundMeasured
	for from := 0; from+perChunk <= len(level); from += perChunk {
		start := float64(from) * soundStep
		chunk := domain.SoundMeasured{Start: media(start), Step: 100 * time.Millisecond, Momentary: level[from : from+perChunk]}
		for len(events) > 0 && events[0].Window.End < media(start+soundChunk) {
			chunk.Events = append(chunk.Events, events[0])
			events = events[1:]
		}
		out = append(out, chunk)
	}
	return out
}

func (m *Maker) levels(d draw, f Facts, s script) []float64 {
	c := m.c.Sound
	n := int(m.c.Length / soundStep)
	host, floor := d.in(c.Level), d.in(c.Floor)
	if f.Music {
		floor = host - 10 - 6*d.Float64()
	}
	target := make([]float64, n)
	for i := range target {
		target[i] = floor
	}
	for _, l := range s.lulls { // often music is turned up
		if up := host - 2 - 8*d.Float64(); d.chance(0.5) {
			fill(target, l[0], l[1], up)
		}
	}
	for _, t := range s.sentences {
		fill(target, t.start, t.end, host+d.normal(c.Spread)+t.louder)
	}
	for _, at := range d.times(m.c.Distract.Shout/3600, m.c.Length) {
		fill(target, at, at+3+3*d.Float64(), host+4+4*d.Float64())
	}
	level := make([]float64, n)
	now := floor
	for i, t := range target {
		now += 0.35 * (t + d.normal(1.5) - now) // 400 ms of memory
		level[i] = math.Round(now*10) / 10
	}
	return level
}

func fill(values []float64, from, to, v float64) {
	for i := max(0, int(from/soundStep)); i < int(to/soundStep) && i < len(values); i++ {
		values[i] = v
	}
}

// heard is applause and laughter: at some moments, and rarely anywhere.
func (m *Maker) heard(d draw, s script) []domain.SoundEvent {
	var out []domain.SoundEvent
	for _, t := range s.truths {
		if d.chance(m.c.Sound.Applause) {
			kind := "applause"
			if d.chance(0.5) {
				kind = "laughter"
			}
			from := t.Said + 2*d.Float64()
			out = append(out, domain.SoundEvent{Kind: kind, Window: domain.Window{Start: media(from), End: media(from + 1 + 3*d.Float64())}, Confidence: 0.5 + 0.5*d.Float64()})
		}
	}
	return out
}

// scenes are the changes of picture.
func (m *Maker) scenes(seed uint64, s script) []float64 {
	d := newDraw(seed, "scenes")
	at := d.times(m.c.Scenes.Rate, m.c.Length)
	for _, p := range s.shown {
		if d.chance(m.c.Scenes.AtProduct) {
			at = append(at, p.at+d.normal(1))
		}
	}
	for _, t := range s.truths {
		if d.chance(m.c.Scenes.AtMoment) {
			at = append(at, t.First+d.normal(0.5))
		}
	}
	return at
}
