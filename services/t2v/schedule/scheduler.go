package schedule

import (
	"cmp"
	"slices"
	"time"

	"liveclip/internal/note"
	"liveclip/internal/standing"
)

// Work is one shot wanted.
type Work struct {
	ID             string
	Tenant, Stream string // whose shares it counts to
	Tier           string
	Engine         string // the only one that may make it; empty: any
	Avoid          []string
	Opening        string // by its key, that an engine may hold
	Form           Form   // as asked
	Deadline       time.Time
}

func (w Work) avoids(engine string) bool {
	return w.Engine != "" && w.Engine != engine || slices.Contains(w.Avoid, engine)
}

// Start tells that work begins now.
type Start struct {
	ID       string
	Engine   string
	Form     Form
	Level    Level
	Lighter  int           // levels below what was asked
	Expected time.Duration // that it takes
}

// Refusal tells that work is not made, and what instead.
type Refusal struct {
	ID      string
	Instead string // template or footage
	Why     string
}

// maxWaiting bounds what waits; beyond it the fullest share gives way.
const maxWaiting = 4096

// Scheduler is not safe for concurrent use.
type Scheduler struct {
	policy   Policy
	costs    *Costs
	engines  []*engine
	waiting  []*item // by deadline
	used     usage
	pending  map[string]float64 // what shares wait for and have under way, in seconds of an engine
	arrivals int
	now      func() time.Time
}

// New schedules nothing before there is an engine.
func New(policy Policy, now func() time.Time) *Scheduler {
	return &Scheduler{policy: policy, costs: newCosts(), used: usage{}, pending: map[string]float64{}, now: now}
}

// Add makes an engine known. It is not ready before Report says so.
func (s *Scheduler) Add(e Engine) {
	s.costs.suppose(e.Name, e.Form, e.Cost)
	s.engines = append(s.engines, &engine{Engine: e, index: len(s.engines), away: true, why: "it has not answered yet", back: unknown, openings: map[opening]bool{}, running: map[string]running{}})
}

// Health is what an engine says of itself.
type Health struct {
	Ready  bool
	Away   bool          // it did not answer
	Models []string      // in its memory; nil: it does not say
	Why    string        // it is not ready
	Back   time.Duration // how long it is thought to stay so: what can wait so long waits for it
}

// Report takes in an engine's health.
func (s *Scheduler) Report(name string, h Health) {
	i := slices.IndexFunc(s.engines, func(e *engine) bool { return e.Name == name })
	if i < 0 {
		return
	}
	e := s.engines[i]
	if e.ready && !h.Ready {
		clear(e.openings) // it may come back empty
	}
	ready, cold := e.ready, e.cold()
	e.ready, e.away, e.models, e.why, e.back = h.Ready, h.Away, h.Models, h.Why, h.Back
	if e.ready != ready || e.cold() != cold {
		e.generation++
	}
}

// Offer asks for work to be made. It is taken when it, and all that was taken before, can still end in time at some level. Where
// it can't, the share that had most of the engines gives way: the work offered, or some that waits.
func (s *Scheduler) Offer(w Work) []Refusal {
	now := s.now()
	offered := s.newItem(w)
	if why := s.impossible(offered, now); why != "" {
		return []Refusal{refuse(offered, why)}
	}
	at, _ := slices.BinarySearchFunc(s.waiting, offered, byDeadline)
	with := slices.Insert(slices.Clone(s.waiting), at, offered)
	s.count(offered, s.least(offered).Seconds())
	kept, out := s.makeRoom(now, with, true)
	if slices.Contains(out, offered) { // nobody else goes for one that does not stay
		for _, w := range out {
			if w != offered {
				s.count(w, s.least(w).Seconds())
			}
		}
		return []Refusal{refuse(offered, note.TooMuch.Say())}
	}
	s.waiting = kept
	return refuseAll(out, note.OthersFirst.Say())
}

// impossible tells why work could not be made even if nothing else waited.
func (s *Scheduler) impossible(w *item, now time.Time) string {
	lightest := len(w.tier.Levels) - 1
	if !w.Deadline.After(now) {
		return note.MomentPassed.Say()
	}
	var able []*engine
	for _, e := range s.engines {
		if _, ok := s.cost(w, e, lightest, false); ok {
			able = append(able, e)
		}
	}
	if len(s.engines) == 0 {
		return note.NoEngine.Say()
	}
	if len(able) == 0 {
		return note.NoneAble.Say()
	}
	if s.lay(now, []*item{w}, []int{lightest}, true).missed < 0 {
		return ""
	}
	if !slices.ContainsFunc(able, func(e *engine) bool { return e.ready }) {
		return note.NotReady.Say(able[0].Name, able[0].why)
	}
	return note.NoTime.Say(w.Deadline.Sub(now).Round(100 * time.Millisecond))
}

// makeRoom takes work out until the rest ends in time.
func (s *Scheduler) makeRoom(now time.Time, items []*item, sure bool) (kept, out []*item) {
	for {
		missed := len(items) - 1
		if len(items) <= maxWaiting {
			if missed = s.lighten(now, items, sure).missed; missed < 0 {
				return items, out
			}
		}
		i := s.givesWay(now, items, missed)
		out = append(out, items[i])
		s.count(items[i], 0)
		items = slices.Delete(items, i, i+1)
	}
}

// givesWay picks, of the items due up to the one that is late, the one whose tenant, then whose stream, has most for its weight;
// of those the one that came last. What is late even with all engines to itself goes first: nobody else is helped by its place.
func (s *Scheduler) givesWay(now time.Time, items []*item, missed int) int {
	late := items[missed]
	if s.lay(now, []*item{late}, []int{len(late.tier.Levels) - 1}, false).missed >= 0 {
		return missed
	}
	fullest, most := 0, [2]float64{-1, -1}
	loads := map[string]float64{}
	for i, w := range items[:missed+1] {
		load := [2]float64{s.loadOf(w.shares[0], now, loads) / s.tenantWeight(w.Tenant), s.loadOf(w.shares[1], now, loads) / w.tier.Weight}
		if cmp.Or(cmp.Compare(load[0], most[0]), cmp.Compare(load[1], most[1]), cmp.Compare(w.arrived, items[fullest].arrived)) >= 0 {
			fullest, most = i, load
		}
	}
	return fullest
}

func (s *Scheduler) tenantWeight(tenant string) float64 { return cmp.Or(s.policy.Tenants[tenant], 1) }

// loadOf is what a share had lately, has under way and waits for, in seconds of an engine; known are those looked up before.
func (s *Scheduler) loadOf(share string, now time.Time, known map[string]float64) float64 {
	load, ok := known[share]
	if !ok {
		load = s.used.of(share, now) + s.pending[share]
		known[share] = load
	}
	return load
}

// count has an item count to its shares with so many seconds from now on.
func (s *Scheduler) count(w *item, seconds float64) {
	for _, share := range w.shares {
		if s.pending[share] += seconds - w.load; s.pending[share] < 1e-6 {
			delete(s.pending, share)
		}
	}
	w.load = seconds
}

// least is what an item takes on the engine that is fastest for it, as asked.
func (s *Scheduler) least(w *item) time.Duration {
	var least time.Duration
	for _, e := range s.engines {
		if cost, ok := s.cost(w, e, 0, false); ok && (least == 0 || cost < least) {
			least = cost
		}
	}
	return least
}

func byDeadline(a, b *item) int {
	return cmp.Or(a.Deadline.Compare(b.Deadline), cmp.Compare(a.arrived, b.arrived))
}

func refuse(w *item, why string) Refusal { return Refusal{w.ID, w.tier.Then, why} }

func refuseAll(items []*item, why string) []Refusal {
	var all []Refusal
	for _, w := range items {
		all = append(all, refuse(w, why))
	}
	return all
}

// Next gives what begins now, and what waited in vain. It is to be called whenever something was offered, ended or reported, and
// every now and then.
func (s *Scheduler) Next() (starts []Start, refusals []Refusal) {
	now := s.now()
	kept, out := s.makeRoom(now, s.waiting, false)
	s.waiting = kept
	for _, w := range out {
		refusals = append(refusals, refuse(w, note.SlowEngines.Say()))
	}
	for {
		d := s.lighten(now, s.waiting, true)
		i := slices.IndexFunc(d.places, func(p place) bool { return p.engine != nil && !p.start.After(now) })
		if i < 0 {
			return starts, refusals
		}
		starts = append(starts, s.begin(now, i, d.places[i]))
	}
}

func (s *Scheduler) begin(now time.Time, i int, p place) Start {
	w, e := s.waiting[i], p.engine
	s.waiting = slices.Delete(slices.Clone(s.waiting), i, i+1)
	form := s.option(w, e, p.level).form
	key := costKey{e.Name, form, e.holds(w.Opening, form)}
	expected, _ := s.cost(w, e, p.level, false)
	s.count(w, expected.Seconds())
	e.running[w.ID] = running{item: w, key: key, since: now, ends: now.Add(expected)}
	return Start{ID: w.ID, Engine: e.Name, Form: form, Level: w.tier.Levels[p.level], Lighter: p.level, Expected: expected}
}

// Done takes in how work ended that was begun; after is how long the engine asks to be left alone. It teaches the table what
// such work takes, and cached what it takes from an opening.
func (s *Scheduler) Done(id string, outcome Outcome, cached bool, after time.Duration) {
	now := s.now()
	for _, e := range s.engines {
		r, ok := e.running[id]
		if !ok {
			continue
		}
		delete(e.running, id)
		took := max(0, now.Sub(r.since))
		s.count(r.item, 0)
		for _, share := range r.item.shares {
			s.used.add(share, took.Seconds(), now)
		}
		if outcome == Made {
			if !e.cold() {
				r.key.cached = cached
				s.costs.learn(r.key, took, now)
			}
			e.keep(r.item.Opening, r.key.form)
		}
		e.settle(now, outcome, after)
		e.generation++
		return
	}
}

// Cancel forgets work that waits. Work that was begun ends with Done.
func (s *Scheduler) Cancel(id string) {
	if i := slices.IndexFunc(s.waiting, func(w *item) bool { return w.ID == id }); i >= 0 {
		s.count(s.waiting[i], 0)
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
}

// Standings lists the engines.
func (s *Scheduler) Standings() []standing.Engine {
	now := s.now()
	var all []standing.Engine
	for _, e := range s.engines {
		st := standing.Engine{Name: e.Name, State: standing.Ready, Running: len(e.running), Openings: len(e.openings)}
		switch {
		case !e.ready && e.away:
			st.State, st.Why = standing.Away, e.why
		case !e.ready:
			st.State, st.Why = standing.Warming, e.why
		case e.until.After(now) && e.trial:
			st.State, st.Why = standing.Broken, note.FailedOften.Say(e.failures, e.until.Sub(now).Round(time.Second))
		case e.until.After(now):
			st.State, st.Why = standing.Busy, note.LeaveAlone.Say(e.until.Sub(now).Round(time.Second))
		}
		all = append(all, st)
	}
	return all
}

// Instead is what is done for a tier where there is no generated shot. It is safe for concurrent use.
func (s *Scheduler) Instead(tier string) string { return s.policy.tier(tier).Then }

// Waiting is how much waits.
func (s *Scheduler) Waiting() int { return len(s.waiting) }
