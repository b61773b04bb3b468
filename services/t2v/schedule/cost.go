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
	costKey
	units           float64
	mean, deviation float64 // seconds
	n               int
	at              time.Time // of the last measurement
	told            bool      // to whoever keeps the table
}

// estimate of what an order takes, in seconds.
type estimate struct{ mean, deviation float64 }

// Costs is the latency table.
type Costs struct {
	rows     map[costKey]*learned
	byEngine map[string][]*learned
	priors   map[string]prior // by engine
	known    map[costKey]estimate
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
	return &Costs{rows: map[costKey]*learned{}, byEngine: map[string][]*learned{}, priors: map[string]prior{}, known: map[costKey]estimate{}}
}

// suppose tells what an engine is thought to take for a form until it was measured.
func (c *Costs) suppose(engine string, form Form, took time.Duration) {
	c.priors[engine] = prior{took.Seconds() / max(form.units(), 1)}
	clear(c.known)
}

// Learn takes in what an order took.
func (c *Costs) learn(k costKey, took time.Duration, now time.Time) {
	clear(c.known)
	row, ok := c.rows[k]
	if !ok {
		row = c.add(k)
	}
	s := took.Seconds()
	row.at, row.told = now, false
	row.n++
	if row.n == 1 {
		row.mean, row.deviation = s, s*guess/2
		return
	}
	w := max(weight, 1/float64(row.n))
	row.deviation += w * (math.Abs(s-row.mean) - row.deviation)
	row.mean += w * (s - row.mean)
}

func (c *Costs) add(k costKey) *learned {
	if len(c.rows) >= maxRows {
		clear(c.rows) // forms come from plans: a flood of them is no reason to grow
		clear(c.byEngine)
	}
	row := &learned{costKey: k, units: k.form.units()}
	c.rows[k] = row
	c.byEngine[k.engine] = append(c.byEngine[k.engine], row)
	return row
}

// estimate is the mean and deviation of what an order will take, in seconds: from its row, else scaled from the row nearest in
// work, else from the prior.
func (c *Costs) estimate(k costKey) estimate {
	if known, ok := c.known[k]; ok {
		return known
	}
	if len(c.known) >= maxRows {
		clear(c.known)
	}
	known := c.compute(k)
	c.known[k] = known
	return known
}

func (c *Costs) compute(k costKey) estimate {
	if row, ok := c.rows[k]; ok {
		return estimate{row.mean, max(row.deviation, leastShare*row.mean)}
	}
	best, distance := (*learned)(nil), math.Inf(1)
	var ratio float64
	units := k.form.units()
	for _, row := range c.byEngine[k.engine] {
		r := units / row.units
		switch {
		case k.cached && !row.cached:
			r *= openings
		case !k.cached && row.cached:
			r /= openings
		}
		if d := max(r, 1/r); d < distance {
			best, distance, ratio = row, d, r
		}
	}
	if best != nil {
		mean := best.mean * ratio
		return estimate{mean, max(best.deviation*ratio, guess/2*mean)}
	}
	mean := c.priors[k.engine].seconds * units
	if k.cached {
		mean *= openings
	}
	return estimate{mean, guess * mean}
}

// both gives what an order is expected to take, and the time that a plan keeps for it.
func (c *Costs) both(k costKey) (expected, reckoned time.Duration) {
	e := c.estimate(k)
	return time.Duration(e.mean * float64(time.Second)), time.Duration((e.mean + certainty*e.deviation) * float64(time.Second))
}
