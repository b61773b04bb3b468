package schedule

import (
	"slices"
	"time"
)

// Engine is what the schedule knows of an engine from the start.
type Engine struct {
	Name  string
	Model string // that it makes everything with; empty: its only one
	Slots int    // orders at once
	// Make gives the form in which the engine makes what is asked, rounded to what it can do, or false where it can't at all.
	// nil: any form as it is.
	Make func(asked Form) (Form, bool)
	// Cost is a guess at what Form takes, until it was measured.
	Cost time.Duration
	Form Form
	Cold time.Duration // a guess at what loading its model takes
	// Openings tells that it keeps the openings that it has made, and begins from them.
	Openings bool
}

// Outcome of an order that was begun.
type Outcome int

const (
	Made   Outcome = iota
	Failed         // the engine's fault: it counts for the circuit breaker
	Pushed         // the engine had too much to do
	Ended          // by us, or through the order's own fault
)

const (
	failuresToOpen = 3               // in a row
	firstPause     = 2 * time.Second // of an opened breaker; doubles with every failed trial
	longestPause   = time.Minute
	busyPause      = time.Second // after a push-back that names no time
	unknown        = time.Minute // how long an engine that has not answered yet is thought to be away
	maxOpenings    = 64
)

// engine is an engine as it stands.
type engine struct {
	Engine
	index    int
	ready    bool
	away     bool
	why      string        // it is not ready
	back     time.Duration // how long it is thought to stay so
	models   []string
	openings map[opening]bool

	generation int // of what costs on it are computed from
	running    map[string]running

	failures int
	trial    bool      // the next order shows whether it is well again
	until    time.Time // left alone until then
	pause    time.Duration
}

type running struct {
	item  *item
	key   costKey
	since time.Time
	ends  time.Time // as expected
}

// slots gives when each becomes free, at the earliest now.
func (e *engine) slots(now time.Time) []time.Time {
	n := e.Slots
	if e.trial {
		n = 1
	}
	from := now
	if e.until.After(now) {
		from = e.until
	}
	if back := now.Add(e.back); !e.ready && back.After(from) {
		from = back
	}
	var free []time.Time
	for _, r := range e.running {
		end := r.ends
		if soon := now.Add(r.ends.Sub(r.since) / 20); end.Before(soon) { // it takes longer than thought
			end = soon
		}
		if end.Before(from) {
			end = from
		}
		free = append(free, end)
	}
	slices.SortFunc(free, time.Time.Compare)
	if len(free) > n {
		free = free[:n]
	}
	for len(free) < n {
		free = append(free, from)
	}
	return free
}

// settle takes in how an order ended.
func (e *engine) settle(now time.Time, outcome Outcome, after time.Duration) {
	switch outcome {
	case Made:
		e.failures, e.trial, e.pause = 0, false, 0
	case Pushed:
		if after <= 0 {
			after = busyPause
		}
		e.leave(now.Add(min(after, longestPause)))
	case Failed:
		e.failures++
		if e.trial || e.failures >= failuresToOpen {
			e.pause = min(max(2*e.pause, firstPause), longestPause)
			e.trial = true
			e.leave(now.Add(max(e.pause, after)))
		}
	}
}

func (e *engine) leave(until time.Time) {
	if until.After(e.until) {
		e.until = until
	}
}

// opening is one as an engine keeps it: of one size, made in so many steps.
type opening struct {
	key                  string
	width, height, steps int
}

func (e *engine) holds(key string, f Form) bool {
	return key != "" && e.openings[opening{key, f.Width, f.Height, f.Steps}]
}

// keep notes that the engine holds an opening now: the one that an order began with.
func (e *engine) keep(key string, f Form) {
	if key == "" || !e.Openings {
		return
	}
	if len(e.openings) >= maxOpenings {
		clear(e.openings)
	}
	e.openings[opening{key, f.Width, f.Height, f.Steps}] = true
}

// cold tells whether it would have to load its model first.
func (e *engine) cold() bool {
	return e.models != nil && e.Model != "" && !slices.Contains(e.models, e.Model)
}
