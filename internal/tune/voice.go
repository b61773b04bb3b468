package tune

import "math"

// put adds a sample, more to one side: pan goes from 0 (left) to 1.
func put(out [2][]float32, i int, v, pan float64) {
	if i >= 0 && i < len(out[0]) {
		out[0][i] += float32(v * math.Sqrt(1-pan))
		out[1][i] += float32(v * math.Sqrt(pan))
	}
}

// wave is a sine that dies away, sample by sample.
type wave struct{ now, next, turn, loud, fade float64 }

// newWave begins a sine of so many hertz; after a second it is e^-decay as loud.
func newWave(hz, loud, decay float64) wave {
	step := 2 * math.Pi * hz / Rate
	return wave{0, math.Sin(step), 2 * math.Cos(step), loud, math.Exp(-decay / Rate)}
}

func (w *wave) sample() float64 {
	v := w.now * w.loud
	w.now, w.next = w.next, w.turn*w.next-w.now
	w.loud *= w.fade
	return v
}

// strike plays waves together for so many samples, with soft ends of so many seconds.
func strike(out [2][]float32, at, length int, pan, in, away float64, waves ...wave) {
	left, right := math.Sqrt(1-pan), math.Sqrt(pan)
	for i := range min(length, len(out[0])-at) {
		v := 0.0
		for w := range waves {
			v += waves[w].sample()
		}
		v *= min(1, float64(i)/(in*Rate), float64(length-i)/(away*Rate))
		out[0][at+i] += float32(v * left)
		out[1][at+i] += float32(v * right)
	}
}

// pluck is a struck string: harmonics, of which the high ones die first.
func pluck(out [2][]float32, at int, hz, loud, pan float64) {
	var waves []wave
	for h := 1.0; h <= 5; h++ {
		waves = append(waves, newWave(hz*h, 0.22*loud/h, 4+3.2*h))
	}
	strike(out, at, 7*Rate/10, pan, 0.0025, 0.05, waves...)
}

// pad is a soft held note, two strings slightly apart.
func pad(out [2][]float32, at, length int, hz, loud, pan float64) {
	loud *= 0.11
	strike(out, at, length, pan, 0.17, 0.12, newWave(hz*0.997, loud, 0), newWave(hz*1.003, loud, 0), newWave(2*hz, 0.4*loud, 0))
}

func bass(out [2][]float32, at, length int, hz, loud float64) {
	loud *= 0.3
	strike(out, at, length, 0.5, 0.005, 0.017, newWave(hz, loud, 1.5), newWave(2*hz, 0.45*loud, 10.5), newWave(3*hz, 0.2*loud, 15.5))
}

func kick(out [2][]float32, at int, loud float64) {
	phase := 0.0
	for i := range int(0.28 * Rate) {
		t := float64(i) / Rate
		phase += 2 * math.Pi * (46 + 120*math.Exp(-t*32)) / Rate
		put(out, at+i, 0.5*loud*math.Sin(phase)*math.Exp(-t*13)*min(1, t*900), 0.5)
	}
}

// noise is a hat (high) or a clap.
func noise(out [2][]float32, at int, length, loud float64, high bool) {
	if loud == 0 {
		return
	}
	random, last := uint32(at)*2654435761+1, 0.0
	for i := range int(length * 2 * Rate) {
		random ^= random << 13
		random ^= random >> 17
		random ^= random << 5
		white := float64(int32(random)) / (1 << 31)
		v := white - last // what changes fast
		last = white
		if !high {
			v = 0.6*white + 0.4*v
		}
		t := float64(i) / Rate
		put(out, at+i, 0.25*loud*v*math.Exp(-t/length*3), 0.5)
	}
}

// add lays a hit over a sound.
func (h hit) add(out [2][]float32) {
	at := int(h.at * Rate)
	switch h.kind {
	case "whoosh":
		sweep(out, at, 0.55, 0.5, false)
	case "rise":
		sweep(out, at, 0.95, 0.6, true)
	case "boom":
		kick(out, at, 1.2)
		noise(out, at, 0.22, 0.35, false)
	case "tick":
		strike(out, at, Rate/20, 0.5, 0.0005, 0.005, newWave(2200, 0.4, 110))
	case "beep":
		strike(out, at, 14*Rate/100, 0.5, 0.005, 0.017, newWave(988, 0.22, 0))
	case "ding":
		for _, hz := range []float64{1318.5, 1975.5, 2637} {
			strike(out, at, 6*Rate/5, 0.35+hz/8000, 0.002, 0.1, newWave(hz, 0.11, 4.5))
		}
	}
}

// sweep is noise through a filter that opens, and closes again unless it only rises.
func sweep(out [2][]float32, at int, length, loud float64, rises bool) {
	random, low, band := uint32(88172645), 0.0, 0.0
	n := int(length * Rate)
	for i := range n {
		random ^= random << 13
		random ^= random >> 17
		random ^= random << 5
		white := float64(int32(random)) / (1 << 31)
		by := float64(i) / float64(n)
		shape := math.Sin(math.Pi * by)
		if rises {
			shape = by * by
		}
		f := 2 * math.Sin(math.Pi*(250+5200*shape)/Rate)
		low += f * band
		band += f * (white - low - 0.7*band)
		put(out, at+i, loud*0.7*band*shape*min(1, (1-by)*20), 0.2+0.6*by)
	}
}
