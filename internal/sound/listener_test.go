package sound

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"liveclip/internal/domain"
)

// sample n of a sound, between -1 and 1.
type source func(n int) float64

func play(length time.Duration, s source) []byte {
	samples := int(length * Rate / time.Second)
	out := make([]byte, 0, 2*samples)
	for n := range samples {
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(32767*max(-1, min(1, s(n))))))
	}
	return out
}

// clapping is many hands: short bursts of noise around 2 kHz that die away, some 250 a second.
func clapping(rng *rand.Rand) source {
	var energy, low, band float64
	return func(int) float64 {
		if rng.Float64() < 250./Rate {
			energy += 0.1 + 0.3*rng.Float64()*rng.Float64()
		}
		energy *= 0.9975
		low += 0.55 * (rng.Float64() - 0.5 - low)
		band += 0.25 * (low - band)
		return 0.8 * energy * (low - band)
	}
}

// hum is the room itself.
func hum(rng *rand.Rand) source { return func(int) float64 { return 0.002 * (rng.Float64() - 0.5) } }

// talk is voiced and uneven, as speech is.
func talk(rng *rand.Rand) source {
	phase, pitch, loud := 0., 140., 0.
	return func(n int) float64 {
		if n%1600 == 0 {
			pitch, loud = 110+80*rng.Float64(), rng.Float64()
		}
		phase += pitch / Rate
		saw := phase - math.Floor(phase) - 0.5
		return 0.5*loud*saw + 0.001*(rng.Float64()-0.5)
	}
}

func hear(t *testing.T, l *Listener, at *time.Duration, length time.Duration, s source) []domain.SoundEvent {
	t.Helper()
	var events []domain.SoundEvent
	for sound := play(length, s); len(sound) > 0; {
		piece := sound[:min(len(sound), 6400)]
		sound = sound[len(piece):]
		events = append(events, l.Hear(*at, piece)...)
		*at += time.Duration(len(piece)/2) * time.Second / Rate
	}
	return events
}

func TestApplauseIsToldWithItsTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	l, at := NewListener(), time.Minute
	events := hear(t, l, &at, 12*time.Second, talk(rng))
	events = append(events, hear(t, l, &at, 4*time.Second, clapping(rng))...)
	events = append(events, hear(t, l, &at, 5*time.Second, talk(rng))...)
	events = append(events, l.End()...)
	if len(events) != 1 || events[0].Kind != Applause || events[0].Confidence <= 0 || events[0].Confidence > 1 {
		t.Fatalf("heard %+v, want one applause", events)
	}
	near := func(got, want time.Duration) bool { return (got - want).Abs() < 700*time.Millisecond }
	if w := events[0].Window; !near(w.Start, 72*time.Second) || !near(w.End, 76*time.Second) {
		t.Errorf("from %s to %s, was from 72 s to 76 s", w.Start, w.End)
	}
}

func TestSpeechMusicAndMachinesAreNoApplause(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for what, s := range map[string]source{
		"speech":       talk(rng),
		"a hair dryer": func(int) float64 { return 0.5 * (rng.Float64() - 0.5) },
		"a chord": func(n int) float64 {
			x := float64(n) / Rate * 2 * math.Pi
			return 0.2 * (math.Sin(220*x) + math.Sin(277*x) + math.Sin(330*x))
		},
		"silence":     func(int) float64 { return 0 },
		"a DC offset": func(int) float64 { return 0.4 },
		"clipping":    func(n int) float64 { return 40 * math.Sin(float64(n)/20) },
	} {
		l, at := NewListener(), time.Duration(0)
		events := hear(t, l, &at, 8*time.Second, hum(rng))
		events = append(events, hear(t, l, &at, 12*time.Second, s)...)
		events = append(events, hear(t, l, &at, 4*time.Second, hum(rng))...)
		if events = append(events, l.End()...); len(events) > 0 {
			t.Errorf("%s: heard %+v", what, events)
		}
	}
}

func TestAGapEndsWhatWasHeard(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	l, at := NewListener(), time.Duration(0)
	hear(t, l, &at, 10*time.Second, talk(rng))
	hear(t, l, &at, 4*time.Second, clapping(rng))
	end := at
	at += time.Minute
	events := hear(t, l, &at, time.Second, talk(rng))
	if len(events) != 1 || events[0].Window.End > end {
		t.Errorf("%+v", events)
	}
}
