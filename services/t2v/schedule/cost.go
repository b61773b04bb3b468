package schedule

import (
	"math"
	"time"
)

// Form is what of an order its cost depends on.
type Form struct {
	Width, Height int // pixels
	Steps         int
	Length        time.Duration
}

// units of work: a forward per step and about one and a half forwards' worth of decoding, over all pixels and pictures.
func (f Form) units() float64 {
	return float64(f.Width*f.Height) * f.Length.Seconds() * (float64(max(f.Steps, 1)) + 1.5)
}

// costKey is a row of the table.
type costKey struct {
	engine string
	form   Form
	cached bool // began from an opening that the engine holds
}

// learned is the running mean and mean deviation of a row.
type learned struct {
	mean, deviation float64 // seconds
	n               int
}

// Costs is the latency table.
type Costs struct {
	rows   map[costKey]*learned
	priors map[string]prior // by engine
}

// prior is what an engine is thought to take until it was measured.
type prior struct {
	seconds float64 // per unit
}

const (
	weight     = 0.1 // of a new measurement, once there were ten
	guess      = 0.3 // deviation of a guess, as a share of it
	openings   = 0.8 // of the whole time, is what an order is thought to take that begins from an opening
	maxRows    = 4096
	certainty  = 2.0 // deviations above the mean that a plan reckons with
	leastShare = 0.05
)

func newCosts() *Costs {
	return &Costs{rows: map[costKey]*learned{}, priors: map[string]prior{}}
}

// suppose tells what an engine is thought to take for a form until it was measured.
func (c *Costs) suppose(engine string, form Form, took time.Duration) {
	c.priors[engine] = prior{took.Seconds() / max(form.units(), 1)}
}

// Learn takes in what an order took.
func (c *Costs) learn(k costKey, took time.Duration) {
	row, ok := c.rows[k]
	if !ok {
		if len(c.rows) >= maxRows {
			clear(c.rows) // forms come from plans: a flood of them is no reason to grow
		}
		row = &learned{}
		c.rows[k] = row
	}
	s := took.Seconds()
	row.n++
	if row.n == 1 {
		row.mean, row.deviation = s, s*guess/2
		return
	}
	w := max(weight, 1/float64(row.n))
	row.deviation += w * (math.Abs(s-row.mean) - row.deviation)
	row.mean += w * (s - row.mean)
}

// estimate is the mean and deviation of what an order will take, in seconds: from its row, else scaled from the row nearest in
// work, else from the prior.
func (c *Costs) estimate(k costKey) (mean, deviation float64) {
	if row, ok := c.rows[k]; ok {
		return row.mean, max(row.deviation, leastShare*row.mean)
	}
	best, distance := (*learned)(nil), math.Inf(1)
	var ratio float64
	for other, row := range c.rows {
		if other.engine != k.engine {
			continue
		}
		r := k.form.units() / other.form.units()
		if k.cached != other.cached {
			if k.cached {
				r *= openings
			} else {
				r /= openings
			}
		}
		if d := math.Abs(math.Log(r)); d < distance {
			best, distance, ratio = row, d, r
		}
	}
	if best != nil {
		mean = best.mean * ratio
		return mean, max(best.deviation*ratio, guess/2*mean)
	}
	mean = c.priors[k.engine].seconds * k.form.units()
	if k.cached {
		mean *= openings
	}
	return mean, guess * mean
}

// reckoned is the time that a plan keeps for an order.
func (c *Costs) reckoned(k costKey) time.Duration {
	mean, deviation := c.estimate(k)
	return time.Duration((mean + certainty*deviation) * float64(time.Second))
}

func (c *Costs) expected(k costKey) time.Duration {
	mean, _ := c.estimate(k)
	return time.Duration(mean * float64(time.Second))
}
