package schedule

import (
	"time"
)

// item is work that waits.
type item struct {
	Work
	tier    Tier
	arrived int
	shares  [2]string // its tenant's and its stream's
	load    float64   // that is counted to them, in seconds of an engine
	options []option  // by engine and level
}

// option is how an engine would make an item at a level.
type option struct {
	known, able bool
	form        Form
	costs       [2]time.Duration // expected, and reckoned with; 0: not computed
	age         int              // the engine's generation that they are of
}

func (s *Scheduler) newItem(w Work) *item {
	s.arrivals++
	return &item{Work: w, tier: s.policy.tier(w.Tier), arrived: s.arrivals, shares: [2]string{w.Tenant, w.Tenant + "\x00" + w.Stream}}
}

// option at a level.
func (s *Scheduler) option(w *item, e *engine, level int) *option {
	levels := len(w.tier.Levels)
	if len(w.options) != levels*len(s.engines) {
		w.options = make([]option, levels*len(s.engines))
	}
	o := &w.options[e.index*levels+level]
	if !o.known {
		o.form, o.able = e.form(w, level)
		o.known, o.able = true, o.able && !w.avoids(e.Name)
	}
	return o
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
	return s.layOn(s.slots(now), items, levels, sure)
}

// slots gives when each engine's become free.
func (s *Scheduler) slots(now time.Time) [][]time.Time {
	free := make([][]time.Time, len(s.engines))
	for i, e := range s.engines {
		free[i] = e.slots(now)
	}
	return free
}

// layOn uses free up.
func (s *Scheduler) layOn(free [][]time.Time, items []*item, levels []int, sure bool) draft {
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
	slots := s.slots(now)
	free := make([][]time.Time, len(slots))
	for {
		for i := range slots {
			free[i] = append(free[i][:0], slots[i]...)
		}
		d := s.layOn(free, items, levels, sure)
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
	o := s.option(w, e, level)
	if !o.able {
		return 0, false
	}
	if o.age != e.generation {
		o.costs, o.age = [2]time.Duration{}, e.generation
	}
	if o.costs[0] == 0 {
		key := costKey{e.Name, o.form, e.holds(w.Opening, o.form)}
		cold := time.Duration(0)
		if e.cold() {
			cold = e.Cold
		}
		expected, reckoned := s.costs.both(key)
		o.costs = [2]time.Duration{max(expected+cold, 1), max(reckoned+cold, 1)}
	}
	if sure {
		return o.costs[1], true
	}
	return o.costs[0], true
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
