package finish

import "math"

const (
	targetLoudness = -16.0 // LUFS, integrated (EBU R 128)
	silentLoudness = -50.0 // LUFS: what is quieter is a room's noise, which nobody wants to hear louder
	mostGain       = 15.0  // dB
	// ceiling is the true peak that is let through, in dB of full scale: what AAC adds to it (1.5 dB were seen) stays below -1.
	ceiling = -3.0

	lookahead   = sampleRate * 5 / 1000 // in which the gain comes down before a peak
	releaseTime = 0.08                  // seconds in which it comes back up, to 1/e
	rampTime    = 0.02                  // seconds in which a part's gain takes over from that of the part before

	phases  = 4  // true peaks are looked for at so many times the sample rate (ITU-R BS.1770)
	taps    = 12 // samples that each is made of
	reached = taps / 2
)

// gain is by how much the sound of a part is changed, in dB. The loudness of a recording was measured as it came, a file's when it
// was made; one that was not is taken as it is.
func (f *finisher) gain(p *part) float64 {
	l := f.order.Loudness
	if p.file != "" {
		l = p.loudness
	}
	if l != 0 && l > silentLoudness {
		return min(mostGain, targetLoudness-l)
	}
	return 0
}

// leveller changes sound by a gain and keeps its true peaks below the ceiling: it holds samples back until it has seen what
// follows, and gives as many as it takes.
type leveller struct {
	give func(left, right []float32) error

	gain, wanted float64 // linear: now, and after the ramp
	begun        bool
	filter       [phases][taps]float32
	held         [2][]float32 // not given yet, gain applied; before them lie the samples given last, for the filter
	seen         int          // of held, looked at for peaks
	allowed      []float32    // greatest gain that each sample looked at can bear
	bound        float64      // that gain, released
	window       []float64    // the last bounds: their mean is what is applied
	sum          float64
	at           int
}

func newLeveller() *leveller {
	l := &leveller{gain: 1, wanted: 1, bound: 1, window: make([]float64, lookahead), sum: lookahead}
	for i := range l.window {
		l.window[i] = 1
	}
	for c := range l.held {
		l.held[c] = make([]float32, reached)
	}
	for p := range phases {
		sum := 0.0
		var row [taps]float64
		for k := range taps {
			x := float64(k-reached+1) - float64(p)/phases
			row[k] = math.Cos(math.Pi*x/(taps+1)) * math.Cos(math.Pi*x/(taps+1)) // Hann
			if x != 0 {
				row[k] *= math.Sin(math.Pi*x) / (math.Pi * x)
			}
			sum += row[k]
		}
		for k := range taps {
			l.filter[p][k] = float32(row[k] / sum)
		}
	}
	return l
}

// set has the gain, in dB, of what comes next.
func (l *leveller) set(decibels float64) {
	l.wanted = math.Pow(10, decibels/20)
	if !l.begun {
		l.gain = l.wanted
	}
}

// add takes samples, which stay the caller's.
func (l *leveller) add(left, right []float32) error {
	l.begun = true
	step := 1 / (rampTime * sampleRate)
	for i := range left {
		l.gain += (l.wanted - l.gain) * step
		l.held[0] = append(l.held[0], left[i]*float32(l.gain))
		l.held[1] = append(l.held[1], right[i]*float32(l.gain))
	}
	if math.Abs(l.gain-l.wanted) < 1e-6 {
		l.gain = l.wanted
	}
	return l.flow()
}

// flow gives what has been looked ahead of.
func (l *leveller) flow() error {
	top := float32(math.Pow(10, ceiling/20))
	for ; l.seen+reached < len(l.held[0])-reached; l.seen++ {
		allowed := float32(1)
		if peak := max(l.peak(0), l.peak(1)); peak > top {
			allowed = top / peak
		}
		l.allowed = append(l.allowed, allowed)
	}
	n := len(l.allowed) - lookahead
	if n <= 0 {
		return nil
	}
	left, right := make([]float32, n), make([]float32, n)
	release := 1 - math.Exp(-1/(releaseTime*sampleRate))
	ahead := newSlidingMin(l.allowed[:lookahead])
	for i := range n {
		ahead.push(l.allowed, i+lookahead)
		l.bound = min(float64(ahead.value(l.allowed, i)), l.bound+(1-l.bound)*release)
		l.sum += l.bound - l.window[l.at]
		l.window[l.at] = l.bound
		l.at = (l.at + 1) % lookahead
		g := float32(min(1, l.sum/lookahead))
		left[i], right[i] = l.held[0][reached+i]*g, l.held[1][reached+i]*g
	}
	for c := range l.held {
		l.held[c] = append(l.held[c][:0], l.held[c][n:]...)
	}
	l.allowed = append(l.allowed[:0], l.allowed[n:]...)
	l.seen -= n
	return l.give(left, right)
}

// peak is the greatest value of a channel between the sample to be looked at and the next.
func (l *leveller) peak(channel int) float32 {
	x := l.held[channel][l.seen+1 : l.seen+1+taps] // the sample to be looked at is x[reached-1]
	most := max(x[reached-1], -x[reached-1])
	if next := max(x[reached], -x[reached]); max(most, next) < 0.4 {
		return most // nothing between two such samples reaches the ceiling
	}
	for p := 1; p < phases; p++ {
		sum := float32(0)
		for k, v := range x {
			sum += v * l.filter[p][k]
		}
		most = max(most, sum, -sum)
	}
	return most
}

// end gives what is still held back.
func (l *leveller) end() error {
	rest := len(l.held[0]) - reached
	for c := range l.held {
		l.held[c] = append(l.held[c], make([]float32, lookahead+2*reached)...)
	}
	give := l.give
	defer func() { l.give = give }()
	l.give = func(left, right []float32) error {
		n := min(rest, len(left))
		rest -= n
		return give(left[:n], right[:n])
	}
	return l.flow()
}

// slidingMin finds the least value of a window that moves over values.
type slidingMin struct{ queue []int } // of indexes, their values rising

func newSlidingMin(values []float32) *slidingMin {
	q := &slidingMin{}
	for i := range values {
		q.push(values, i)
	}
	return q
}

func (q *slidingMin) push(values []float32, i int) {
	for n := len(q.queue); n > 0 && values[q.queue[n-1]] >= values[i]; n-- {
		q.queue = q.queue[:n-1]
	}
	q.queue = append(q.queue, i)
}

// value is the least from index i on.
func (q *slidingMin) value(values []float32, i int) float32 {
	for q.queue[0] < i {
		q.queue = q.queue[1:]
	}
	return values[q.queue[0]]
}
