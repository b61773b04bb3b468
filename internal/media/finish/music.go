package finish

import (
	"math"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/tune"
)

const (
	bedLevel = 0.3 // of the music as it was made: about -27 LUFS, and less beside a voice
	bedIn    = 0.3 // seconds in which it comes
	bedAway  = 1.2 // seconds in which it goes, before the end that was ordered
)

// music lies under a clip and gives way to what is said in it.
type music struct {
	loop  [2][]float32
	duck  *ducker
	at    int
	total int // samples
	give  func(left, right []float32) error
}

// newMusic makes the bed of that name for a clip of a length.
func newMusic(name string, length time.Duration) (*music, error) {
	loop, err := tune.Loop(name)
	if err != nil {
		return nil, domain.Permanent(err)
	}
	return &music{loop: loop, duck: newDucker(), total: int(length.Seconds() * sampleRate)}, nil
}

// add lays the music under samples, which stay the caller's.
func (m *music) add(left, right []float32) error {
	outLeft, outRight := make([]float32, len(left)), make([]float32, len(right))
	for i := range left {
		by := m.duck.gain(max(left[i], -left[i], right[i], -right[i])) * m.level()
		at := m.at % len(m.loop[0])
		outLeft[i], outRight[i] = softClip(left[i]+by*m.loop[0][at]), softClip(right[i]+by*m.loop[1][at])
		m.at++
	}
	return m.give(outLeft, outRight)
}

func (m *music) level() float32 {
	in := float64(m.at) / (bedIn * sampleRate)
	away := float64(m.total-m.at) / (bedAway * sampleRate)
	return float32(bedLevel * max(0, min(1, in, away)))
}

// softClip limits a sample softly: what passes the ceiling is compressed.
func softClip(v float32) float32 {
	const knee = 0.66
	if v < knee && v > -knee {
		return v
	}
	size := float64(max(v, -v))
	size = knee + (0.75-knee)*math.Tanh((size-knee)/(0.75-knee))
	return float32(math.Copysign(size, float64(v)))
}
