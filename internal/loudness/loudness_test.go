package loudness

import (
	"math"
	"testing"
)

// tone is a sine of 1 kHz, or of an eighth of the rate where that is less, at -20 dB of full scale.
func tone(rate, samples int) []float32 {
	out := make([]float32, samples)
	for i := range out {
		out[i] = float32(0.1 * math.Sin(2*math.Pi*math.Min(1000/float64(rate), 0.125)*float64(i)))
	}
	return out
}

func TestLoudnessKeepsTimeAtEveryRate(t *testing.T) {
	for _, rate := range []int{1, 5, 7350, 8000, 11025, 22050, 44100, 48000} {
		l, second := NewMeter(rate, 1), [][]float32{tone(rate, rate)}
		values := 0
		for range 600 {
			values += len(l.Add(second))
		}
		if values != 6000 {
			t.Errorf("ten minutes at %d Hz give %d values", rate, values)
		}
	}
}

func TestLoudnessGoesOnAfterDamagedSound(t *testing.T) {
	l := NewMeter(48000, 1)
	damaged := tone(48000, 48000)
	damaged[7] = float32(math.NaN())
	damaged[30000] = float32(math.Inf(1))
	l.Add([][]float32{damaged})
	values := l.Add([][]float32{tone(48000, 2*48000)})
	if got := values[len(values)-1]; math.Abs(got+23) > 0.5 {
		t.Errorf("a tone of -23 LUFS measures %.1f", got)
	}
}
