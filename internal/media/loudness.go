package media

import (
	"math"
	"time"
)

const (
	loudnessStep   = 100 * time.Millisecond
	loudnessWindow = 4      // steps: momentary loudness is over 400 ms
	loudnessFloor  = -120.0 // LUFS; of silence
)

// loudness measures momentary loudness (ITU-R BS.1770, EBU R 128) of interleaved sound of one rate.
type loudness struct {
	channels int
	perStep  int
	filters  []kWeighting // one per channel
	sum      float64      // of squares, of the step that is being filled
	filled   int          // samples of it
	steps    [loudnessWindow]float64
	count    int
}

func newLoudness(rate, channels int) *loudness {
	l := &loudness{channels: channels, perStep: rate / 10, filters: make([]kWeighting, channels)}
	for i := range l.filters {
		l.filters[i] = newKWeighting(float64(rate))
	}
	return l
}

// add takes interleaved samples (1 is full scale) and gives the loudness at the end of each 100 ms completed. Until 400 ms
// were heard, the time before counts as silence.
func (l *loudness) add(samples []float32) []float64 {
	var values []float64
	for i := 0; i+l.channels <= len(samples); i += l.channels {
		for c := range l.channels {
			y := l.filters[c].filter(float64(samples[i+c]))
			l.sum += y * y
		}
		if l.filled++; l.filled == l.perStep {
			values = append(values, l.step())
		}
	}
	return values
}

func (l *loudness) step() float64 {
	l.steps[l.count%loudnessWindow] = l.sum
	l.count++
	l.sum, l.filled = 0, 0
	var energy float64
	for _, s := range l.steps {
		energy += s
	}
	mean := energy / float64(loudnessWindow*l.perStep)
	if !(mean > 0) {
		return loudnessFloor
	}
	return max(loudnessFloor, -0.691+10*math.Log10(mean))
}

// kWeighting is the K filter: a shelf for the head, then a high pass.
type kWeighting struct{ shelf, pass biquad }

type biquad struct{ b0, b1, b2, a1, a2, z1, z2 float64 }

// newKWeighting gives the coefficients of BS.1770 for any rate (the standard prints those of 48 kHz).
func newKWeighting(rate float64) kWeighting {
	k := math.Tan(math.Pi * 1681.974450955533 / rate)
	q := 0.7071752369554196
	vh := math.Pow(10, 3.999843853973347/20)
	vb := math.Pow(vh, 0.4996667741545416)
	a0 := 1 + k/q + k*k
	shelf := biquad{b0: (vh + vb*k/q + k*k) / a0, b1: 2 * (k*k - vh) / a0, b2: (vh - vb*k/q + k*k) / a0,
		a1: 2 * (k*k - 1) / a0, a2: (1 - k/q + k*k) / a0}

	k = math.Tan(math.Pi * 38.13547087602444 / rate)
	q = 0.5003270373238773
	a0 = 1 + k/q + k*k
	pass := biquad{b0: 1, b1: -2, b2: 1, a1: 2 * (k*k - 1) / a0, a2: (1 - k/q + k*k) / a0}
	return kWeighting{shelf, pass}
}

func (f *kWeighting) filter(x float64) float64 { return f.pass.filter(f.shelf.filter(x)) }

func (f *biquad) filter(x float64) float64 {
	y := f.b0*x + f.z1
	f.z1 = f.b1*x - f.a1*y + f.z2
	f.z2 = f.b2*x - f.a2*y
	if math.Abs(f.z2) < 1e-30 { // silence would end in denormals, which are slow
		f.z2 = 0
	}
	return y
}
