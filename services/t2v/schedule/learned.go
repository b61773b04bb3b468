package schedule

import (
	"slices"
	"time"
)

// Learned is a row of the latency table, as it is kept.
type Learned struct {
	Engine    string    `json:"engine"`
	Model     string    `json:"model"` // what another model of the engine takes says nothing
	Form      Form      `json:"form"`
	Cached    bool      `json:"cached"`
	Mean      float64   `json:"mean"`      // seconds
	Deviation float64   `json:"deviation"` // seconds, mean of the absolute ones
	At        time.Time `json:"at"`        // of the last measurement
}

// Learned gives the rows that were measured since it was last asked.
func (s *Scheduler) Learned() []Learned {
	var all []Learned
	for _, e := range s.engines {
		for _, row := range s.costs.byEngine[e.Name] {
			if row.told {
				continue
			}
			row.told = true
			all = append(all, Learned{e.Name, e.Model, row.form, row.cached, row.mean, row.deviation, row.at})
		}
	}
	return all
}

// Recall takes in rows of before, or of other processes, where they are newer than what was measured here. It heeds
// none that cannot be true, or whose engine or model is not here.
func (s *Scheduler) Recall(rows []Learned) {
	for _, l := range rows {
		i := slices.IndexFunc(s.engines, func(e *engine) bool { return e.Name == l.Engine && e.Model == l.Model })
		if i < 0 || !l.plausible(s.now()) {
			continue
		}
		k := costKey{l.Engine, l.Form, l.Cached}
		row, known := s.costs.rows[k]
		if known && !l.At.After(row.at) {
			continue
		}
		if !known {
			row = s.costs.add(k)
		}
		row.mean, row.deviation, row.n, row.at, row.told = l.Mean, l.Deviation, int(1/weight), l.At, true
		s.engines[i].generation++
	}
	clear(s.costs.known)
}

const (
	longestTaken = 24 * 3600 // seconds, that a row may say
	longestShot  = 10 * time.Minute
	largestSide  = 1 << 14
	mostSteps    = 1000
)

func (l Learned) plausible(now time.Time) bool {
	f := l.Form
	return l.Mean > 0 && l.Mean <= longestTaken && l.Deviation >= 0 && l.Deviation <= longestTaken && // not so of NaN
		f.Width > 0 && f.Width <= largestSide && f.Height > 0 && f.Height <= largestSide && f.Steps >= 0 && f.Steps <= mostSteps &&
		f.Length > 0 && f.Length <= longestShot && !l.At.After(now.Add(time.Minute))
}
