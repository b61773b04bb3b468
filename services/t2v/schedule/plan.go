package schedule

import (
	"time"
)

// item is work that waits.
type item struct {
	Work
	tier    Tier
	arrived int
	costs   map[costAt]time.Duration // as reckoned, of this generation of the table
	age     int                      // that generation
}

type costAt struct {
	engine, level int
	sure          bool
}

// level is the index of the item's own level for a common one.
func (w *item) level(common int) int { return min(common, len(w.tier.Levels)-1) }

// horizon is how many items, the most urgent, a plan looks at: what is due after them hinders none of them.
const horizon = 128

// place is where the plan puts an item.
type place struct {
	engine     *engine
	start, end time.Time
	level      int
}

// draft is a plan over the most urgent items.
type draft struct {
	places []place
	missed int // index of the first item that ends late or nowhere; -1: none
}

// lay lays items, sorted by deadline, one after the other on the slot where each ends first. sure: by what orders take in the
// bad case, else on average.
func (s *Scheduler) lay(now time.Time, items []*item, levels []int, sure bool) draft {
	free := make([][]time.Time, len(s.engines))
	for i, e := range s.engines {
		free[i] = e.slots(now)
	}
	d := draft{places: make([]place, len(items)), missed: -1}
	for i, w := range items {
		best, slot := place{level: w.level(levels[i])}, -1
		for _, e := range s.engines {
			cost, ok := s.cost(w, e, best.level, sure)
			if !ok {
				continue
			}
			at := earliest(free[e.index])
			if start := free[e.index][at]; slot < 0 || start.Add(cost).Before(best.end) {
				best.engine, best.start, best.end, slot = e, start, start.Add(cost), at
			}
		}
		d.places[i] = best
		if slot < 0 || best.end.After(w.Deadline) {
			d.missed = i
			return d
		}
		free[best.engine.index][slot] = best.end
	}
	return d
}

func earliest(times []time.Time) int {
	best := 0
	for i, t := range times {
		if t.Before(times[best]) {
			best = i
		}
	}
	return best
}

// lighten finds the best level for each item at which none is late: where one would be, everything due up to it is made
// lighter by one level, as often as it takes. missed is left where even the lightest is late.
func (s *Scheduler) lighten(now time.Time, items []*item, sure bool) draft {
	items = items[:min(len(items), horizon)]
	levels := make([]int, len(items))
	for {
		d := s.lay(now, items, levels, sure)
		if d.missed < 0 {
			return d
		}
		lighter := false
		for i, w := range items[:d.missed+1] {
			if levels[i] < len(w.tier.Levels)-1 {
				levels[i]++
				lighter = true
			}
		}
		if !lighter {
			return d
		}
	}
}

// cost of an item on an engine at a level; false: the engine can't make it.
func (s *Scheduler) cost(w *item, e *engine, level int, sure bool) (time.Duration, bool) {
	if w.age != s.generation || w.costs == nil {
		w.costs, w.age = map[costAt]time.Duration{}, s.generation
	}
	at := costAt{e.index, level, sure}
	if known, ok := w.costs[at]; ok {
		return known, known > 0
	}
	var cost time.Duration
	if form, ok := e.form(w, level); ok && !w.avoids(e.Name) {
		key := costKey{e.Name, form, e.holds(w.Template)}
		if cost = s.costs.expected(key); sure {
			cost = s.costs.reckoned(key)
		}
		if e.cold() {
			cost += e.Cold
		}
		cost = max(cost, 1)
	}
	w.costs[at] = cost
	return cost, cost > 0
}

// form is what the engine would make of an item at a level: lighter than its own best.
func (e *engine) form(w *item, level int) (Form, bool) {
	if e.Make == nil {
		return w.tier.Levels[level].of(w.Form), true
	}
	best, ok := e.Make(w.Form)
	if !ok {
		return best, false
	}
	return e.Make(w.tier.Levels[level].of(best))
}
