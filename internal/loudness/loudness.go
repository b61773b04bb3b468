// Package loudness measures how loud sound is (ITU-R BS.1770, EBU R 128).
package loudness

import (
	"iter"
	"math"
	"time"
)

const (
	Step   = 100 * time.Millisecond // from one value to the next
	window = 4                      // steps: momentary loudness is over 400 ms
	floor  = -120.0                 // LUFS; of silence

	absoluteGate = -70 // LUFS
	relativeGate = -10 // LU
)

// Meter measures momentary loudness of sound of one rate.
type Meter struct {
	rate    int
	filters []kWeighting // one per channel
	sum     float64      // of squares, of the step that is being filled
	filled  int          // samples of it
	steps   [window]float64
	count   int
}

// NewMeter measures sound of a rate and number of channels.
func NewMeter(rate, channels int) *Meter {
	l := &Meter{rate: rate, filters: make([]kWeighting, channels)}
	for i := range l.filters {
		l.filters[i] = newKWeighting(float64(rate))
	}
	return l
}

// Add takes the samples of each channel (1 is full scale), equally many, and gives the loudness at the end of each 100 ms
// completed. Until 400 ms were heard, the time before counts as silence.
func (l *Meter) Add(planes [][]float32) []float64 {
	var values []float64
	for at, length := 0, len(planes[0]); at < length; {
		n := min(l.perStep()-l.filled, length-at)
		for c := range l.filters {
			l.sum += l.filters[c].energy(planes[c][at : at+n])
		}
		at += n
		if l.filled += n; l.filled == l.perStep() {
			values = append(values, l.step())
		}
	}
	return values
}

// perStep is how many samples the step has: of rates that ten does not divide now one more, now one less.
func (l *Meter) perStep() int { return (l.count+1)*l.rate/10 - l.count*l.rate/10 }

func (l *Meter) step() float64 {
	l.steps[l.count%window] = l.sum
	l.count++
	l.sum, l.filled = 0, 0
	var energy float64
	for _, s := range l.steps {
		energy += s
	}
	mean := energy / (window * Step.Seconds() * float64(l.rate))
	if !(mean > 0) {
		return floor
	}
	return max(floor, -0.691+10*math.Log10(mean))
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

// energy filters samples and gives the sum of their squares.
func (f *kWeighting) energy(samples []float32) (sum float64) {
	shelf, pass := f.shelf, f.pass
	for _, sample := range samples {
		x := float64(sample)
		y := shelf.b0*x + shelf.z1
		shelf.z1 = shelf.b1*x - shelf.a1*y + shelf.z2
		shelf.z2 = shelf.b2*x - shelf.a2*y
		z := pass.b0*y + pass.z1
		pass.z1 = pass.b1*y - pass.a1*z + pass.z2
		pass.z2 = pass.b2*y - pass.a2*z
		sum += z * z
	}
	f.shelf, f.pass = shelf.settled(), pass.settled()
	return sum
}

// settled: silence would end in denormals, which are slow; and what is no number, as damaged sound may be, would never go.
func (f biquad) settled() biquad {
	if !(math.Abs(f.z1)+math.Abs(f.z2) >= 1e-30) {
		f.z1, f.z2 = 0, 0
	}
	return f
}

// Integrated is the integrated loudness, in LUFS, of momentary values (gated twice); false when all of them are as good as
// silent.
func Integrated(momentary iter.Seq[float64]) (lufs float64, ok bool) {
	mean := func(gate float64) (float64, bool) {
		var energy float64
		n := 0
		for v := range momentary {
			if v > gate {
				energy += math.Pow(10, v/10)
				n++
			}
		}
		return 10 * math.Log10(energy/float64(max(1, n))), n > 0
	}
	if lufs, ok = mean(absoluteGate); !ok {
		return 0, false
	}
	return mean(max(absoluteGate, lufs+relativeGate))
}
