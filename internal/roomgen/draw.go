package roomgen

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// draw is chance. Every part of a room has its own, so that a change of one part leaves the others as they are.
type draw struct{ *rand.Rand }

func newDraw(seed uint64, part string) draw {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(part), seed))
	return draw{rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))}
}

func (d draw) in(s span) float64          { return s[0] + (s[1]-s[0])*d.Float64() }
func (d draw) log(s span) float64         { return math.Exp(d.in(span{math.Log(s[0]), math.Log(s[1])})) }
func (d draw) chance(p float64) bool      { return d.Float64() < p }
func (d draw) normal(sd float64) float64  { return sd * d.NormFloat64() }
func (d draw) after(mean float64) float64 { return mean * d.ExpFloat64() }
func (d draw) between(s [2]int) int       { return s[0] + d.IntN(s[1]-s[0]+1) }
func (d draw) of(list []string) string    { return list[d.IntN(len(list))] }

// from draws a name of m by its weight.
func (d draw) from(m mix) string {
	var sum float64
	names := slices.Sorted(maps.Keys(m))
	for _, n := range names {
		sum += m[n]
	}
	at := d.Float64() * sum
	for _, n := range names {
		if at -= m[n]; at < 0 {
			return n
		}
	}
	return names[len(names)-1]
}

// poisson draws a count with this mean.
func (d draw) poisson(mean float64) int {
	if mean > 60 {
		return max(0, int(math.Round(mean+d.normal(math.Sqrt(mean)))))
	}
	n, p := 0, d.Float64()
	for limit := math.Exp(-mean); p > limit; n++ {
		p *= d.Float64()
	}
	return n
}

// times draws moments of a day at a rate a second.
func (d draw) times(rate, length float64) []float64 {
	var at []float64
	if rate <= 0 {
		return nil
	}
	for t := d.after(1 / rate); t < length; t += d.after(1 / rate) {
		at = append(at, t)
	}
	return at
}
