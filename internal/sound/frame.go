package sound

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	Rate      = 16000 // Hz, mono
	frameSize = 512   // samples: 32 ms, one after another
)

// frame is what a stretch of 32 ms looks like.
type frame struct {
	level    float64 // dB of full scale
	band     float64 // dB, of the band alone, relative
	flatness float64 // of the spectrum from 500 Hz to 6 kHz, the band: 0 a tone, towards 0.56 white noise
	centroid float64 // Hz, of the band
	voiced   float64 // greatest normalised autocorrelation at a pitch of 75 to 500 Hz
}

// lens makes frames. Not safe for concurrent use.
type lens struct {
	fft    *fourier.FFT
	wide   *fourier.FFT // zero-padded, for the autocorrelation
	window [frameSize]float64
	in     []float64
	out    []complex128
	padded []float64
	power  []complex128
}

func newLens() *lens {
	l := &lens{
		fft: fourier.NewFFT(frameSize), wide: fourier.NewFFT(2 * frameSize),
		in: make([]float64, frameSize), out: make([]complex128, frameSize/2+1),
		padded: make([]float64, 2*frameSize), power: make([]complex128, frameSize+1),
	}
	for i := range l.window {
		l.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/(frameSize-1))
	}
	return l
}

// look takes frameSize samples between -1 and 1.
func (l *lens) look(samples []float64) frame {
	var mean, energy float64
	for _, s := range samples {
		mean += s
	}
	mean /= frameSize
	for i, s := range samples {
		s -= mean // a DC offset is not heard
		energy += s * s
		l.in[i] = s * l.window[i]
		l.padded[i] = l.in[i]
	}
	f := frame{level: 10 * math.Log10(energy/frameSize+1e-10)}
	l.fft.Coefficients(l.out, l.in)
	const low, high = 500 * frameSize / Rate, 6000 * frameSize / Rate
	var logs, sum, weighted float64
	for i := low; i < high; i++ {
		p := real(l.out[i])*real(l.out[i]) + imag(l.out[i])*imag(l.out[i]) + 1e-12
		logs += math.Log(p)
		sum += p
		weighted += p * float64(i)
	}
	f.flatness = math.Exp(logs/(high-low)) / (sum / (high - low))
	f.band = 10 * math.Log10(sum)
	f.centroid = weighted / sum * Rate / frameSize
	f.voiced = l.pitch()
	return f
}

// pitch is the height of the autocorrelation's peak, corrected for the window's own.
func (l *lens) pitch() float64 {
	l.wide.Coefficients(l.power, l.padded)
	for i, c := range l.power {
		a := cmplx.Abs(c)
		l.power[i] = complex(a*a, 0)
	}
	r := l.wide.Sequence(nil, l.power)
	if r[0] <= 1e-9 {
		return 0
	}
	var best float64
	for lag := Rate / 500; lag <= Rate/75; lag++ {
		fade := 1 - float64(lag)/frameSize
		best = max(best, r[lag]/r[0]/fade)
	}
	return min(1, best)
}
