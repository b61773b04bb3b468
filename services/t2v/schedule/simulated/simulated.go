// Package simulated runs the scheduler against simulated rooms and GPUs on a simulated clock: an hour passes in a second or two.
package simulated

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"liveclip/services/t2v/schedule"
)

// Setting is what is simulated.
type Setting struct {
	Rooms    int
	GPUs     int
	Load     float64       // work offered as asked, as a share of what the GPUs can do
	Length   time.Duration // of the simulation
	Greedy   float64       // one room asks for this share of the GPUs for itself; 0: none does
	Away     time.Duration // one GPU breaks down in the middle for so long; 0: none does
	Spread   float64       // of what orders take: sigma of a log-normal distribution
	Straggle float64       // share of orders that take twice as long
	Seed     uint64
}

// Hour is the setting that the project promises something about.
func Hour() Setting {
	return Setting{Rooms: 200, GPUs: 4, Load: 0.9, Length: time.Hour, Spread: 0.12, Straggle: 0.01, Seed: 1}
}

// Result is what came of it.
type Result struct {
	Setting  Setting
	Asked    int
	Made     int // in time or not
	Late     int // made, after their deadline
	Refused  int // before they were begun: a template or footage instead
	Failed   int // the GPU broke down over them, and they were refused then
	AsAsked  int
	ByLevel  map[string]int
	Busy     float64       // share of the GPUs' time
	Waited   []float64     // seconds, median, 95th and 99th percentile of those made
	Rooms    []Room        // by what they asked for
	Minutes  []Minute      // for a plot
	Took     time.Duration // of the simulation itself
	Decided  int
	Refusals map[string]int // by why
}

// Room is what became of one.
type Room struct {
	Name               string
	Asked, Made, Late  int
	AskedSeconds, Fair float64 // of GPU time; Fair: an equal share of all there is
	LongestWithout     int     // orders refused in a row
	RefusedWhileModest int     // orders refused while it asked for no more than its fair share
	seconds            float64
	without            int
}

// Minute is one of them.
type Minute struct{ Asked, Made, Late, Lighter, Refused, Waiting int }

// LateShare is of the shots made.
func (r Result) LateShare() float64 { return float64(r.Late) / float64(max(r.Made, 1)) }

// LeastServed is the smallest share of its orders that a room got which asked for no more than its fair share of the GPUs.
func (r Result) LeastServed() (share float64, room Room) {
	share = 1
	for _, m := range r.Rooms {
		if s := float64(m.Made) / float64(max(m.Asked, 1)); m.Asked >= 5 && m.AskedSeconds <= m.Fair && s < share {
			share, room = s, m
		}
	}
	return share, room
}

// shot is an order on its way.
type shot struct {
	room     *Room
	asked    time.Time
	deadline time.Time
	work     schedule.Work
}

// happening is something at a time: an order comes, a GPU is done, a GPU breaks down or comes back.
type happening struct {
	at    time.Time
	order int
	do    func()
}

type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return cmp.Or(a[i].at.Compare(a[j].at), cmp.Compare(a[i].order, a[j].order)) < 0
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

type world struct {
	Result
	now     time.Time
	begin   time.Time
	random  *rand.Rand
	agenda  agenda
	added   int
	plan    *schedule.Scheduler
	shots   map[string]*shot
	speed   map[string]float64
	broken  map[string]bool
	waits   []float64
	busy    time.Duration
	running map[string]string // GPU by shot
}

// asked is what every room asks for: 832 × 480, eight steps, 3 to 8 s.
var form = schedule.Form{Width: 832, Height: 480, Steps: 8, Length: 5 * time.Second}

// second of such video takes so long on a GPU of speed 1.
const perSecond = 0.9

func seconds(f schedule.Form) float64 {
	units := func(f schedule.Form) float64 {
		return float64(f.Width*f.Height) * f.Length.Seconds() * (float64(f.Steps) + 2)
	}
	return perSecond * form.Length.Seconds() * units(f) / units(form)
}

// Run simulates.
func Run(s Setting) Result {
	began := time.Now()
	w := &world{
		Result: Result{Setting: s, ByLevel: map[string]int{}, Refusals: map[string]int{}}, random: rand.New(rand.NewPCG(s.Seed, 7)),
		begin: time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC), shots: map[string]*shot{}, speed: map[string]float64{}, broken: map[string]bool{},
		running: map[string]string{},
	}
	w.now = w.begin
	w.Minutes = make([]Minute, int(s.Length/time.Minute)+2)
	w.plan = schedule.New(schedule.Shipped(), func() time.Time { return w.now })
	for i := range s.GPUs {
		name := fmt.Sprintf("gpu%d", i)
		w.speed[name] = []float64{1, 1.05, 0.95, 1}[i%4]
		w.plan.Add(schedule.Engine{Name: name, Slots: 1, Form: form, Cost: time.Duration(1.3 * seconds(form) * float64(time.Second))})
		w.plan.Report(name, schedule.Health{Ready: true})
	}
	w.people()
	if s.Away > 0 {
		w.at(w.begin.Add(s.Length/2), func() { w.breakdown("gpu0", true) })
		w.at(w.begin.Add(s.Length/2+s.Away), func() { w.breakdown("gpu0", false) })
	}
	for len(w.agenda) > 0 {
		next := heap.Pop(&w.agenda).(happening)
		w.now = next.at
		next.do()
		w.step()
	}
	return w.sum(began)
}

func (w *world) at(t time.Time, do func()) {
	w.added++
	heap.Push(&w.agenda, happening{t, w.added, do})
}

// people asks: rooms differ by a factor of ten in how much they ask for, and so do minutes.
func (w *world) people() {
	s := w.Setting
	capacity := 0.0
	for _, v := range w.speed {
		capacity += v
	}
	weights, total := make([]float64, s.Rooms), 0.0
	for i := range weights {
		weights[i] = math.Exp(w.random.Float64() * math.Log(10))
		total += weights[i]
	}
	w.Rooms = make([]Room, s.Rooms)
	demand := capacity * s.Load // GPU seconds a second
	for i := range w.Rooms {
		r := &w.Rooms[i]
		r.Name, r.Fair = fmt.Sprintf("room%03d", i), capacity*s.Length.Seconds()/float64(s.Rooms)
		rate := demand * weights[i] / total / seconds(form) // orders a second
		if i == 0 && s.Greedy > 0 {
			rate = capacity * s.Greedy / seconds(form)
		}
		w.ask(r, rate)
	}
}

// ask adds a room's orders: a Poisson process whose rate swells and ebbs with the show.
func (w *world) ask(r *Room, rate float64) {
	tier := []string{"standard", "standard", "standard", "standard", "pro", "ultra"}[w.random.IntN(6)]
	phase := w.random.Float64() * 2 * math.Pi
	for t, n := 0.0, 0; ; n++ {
		t += w.random.ExpFloat64() / (rate * 1.5)
		if t >= w.Setting.Length.Seconds() {
			return
		}
		if w.random.Float64()*1.5 > 1+0.5*math.Sin(2*math.Pi*t/1200+phase) {
			continue
		}
		f := form
		f.Length = time.Duration(3000+w.random.IntN(11)*400) * time.Millisecond // 5 s on average
		patience := 12*time.Second + time.Duration(w.random.IntN(20))*time.Second
		switch w.random.IntN(10) {
		case 0:
			patience = 2 * time.Minute // by hand
		case 1:
			patience = time.Hour // out of an archive
		}
		at := w.begin.Add(time.Duration(t * float64(time.Second)))
		sh := &shot{room: r, asked: at, deadline: at.Add(patience), work: schedule.Work{
			ID: fmt.Sprintf("%s/%d", r.Name, n), Tenant: "default", Stream: r.Name, Tier: tier, Form: f, Deadline: at.Add(patience),
		}}
		w.at(at, func() { w.offer(sh) })
	}
}

func (w *world) minute() *Minute {
	return &w.Minutes[min(int(w.now.Sub(w.begin)/time.Minute), len(w.Minutes)-1)]
}

func (w *world) offer(sh *shot) {
	w.Asked++
	w.minute().Asked++
	sh.room.Asked++
	sh.room.AskedSeconds += seconds(sh.work.Form)
	w.shots[sh.work.ID] = sh
	w.Decided++
	w.refuse(w.plan.Offer(sh.work))
}

func (w *world) refuse(refusals []schedule.Refusal) {
	for _, refusal := range refusals {
		sh := w.shots[refusal.ID]
		delete(w.shots, refusal.ID)
		w.Refused++
		w.Refusals[refusal.Why]++
		w.minute().Refused++
		sh.room.without++
		sh.room.LongestWithout = max(sh.room.LongestWithout, sh.room.without)
	}
}

// step begins what can begin.
func (w *world) step() {
	starts, refusals := w.plan.Next()
	w.refuse(refusals)
	for _, start := range starts {
		took := seconds(start.Form) / w.speed[start.Engine] * math.Exp(w.Setting.Spread*w.random.NormFloat64())
		if w.random.Float64() < w.Setting.Straggle {
			took *= 2
		}
		d := time.Duration(took * float64(time.Second))
		w.running[start.ID] = start.Engine
		w.at(w.now.Add(d), func() { w.done(start, d) })
	}
	m := w.minute()
	m.Waiting = max(m.Waiting, w.plan.Waiting())
}

func (w *world) done(start schedule.Start, took time.Duration) {
	if w.running[start.ID] != start.Engine { // the GPU broke down over it
		return
	}
	delete(w.running, start.ID)
	w.plan.Done(start.ID, schedule.Made, false, 0)
	sh := w.shots[start.ID]
	delete(w.shots, start.ID)
	w.busy += took
	w.Made++
	sh.room.Made++
	sh.room.without = 0
	sh.room.seconds += took.Seconds()
	m := w.minute()
	m.Made++
	if w.ByLevel[start.Level.Name]++; start.Lighter == 0 {
		w.AsAsked++
	} else {
		m.Lighter++
	}
	if w.now.After(sh.deadline) {
		w.Late++
		m.Late++
		sh.room.Late++
	}
	w.waits = append(w.waits, w.now.Sub(sh.asked).Seconds())
}

func (w *world) breakdown(gpu string, broken bool) {
	w.broken[gpu] = broken
	w.plan.Report(gpu, schedule.Health{Ready: !broken, Why: "it broke down", Back: time.Minute})
	for id, on := range w.running {
		if on == gpu && broken {
			delete(w.running, id)
			w.plan.Done(id, schedule.Failed, false, 0)
			w.refuse(w.plan.Offer(w.shots[id].work))
		}
	}
}

func (w *world) sum(began time.Time) Result {
	r := w.Result
	slices.Sort(w.waits)
	for _, q := range []float64{0.5, 0.95, 0.99} {
		if n := len(w.waits); n > 0 {
			r.Waited = append(r.Waited, w.waits[min(n-1, int(q*float64(n)))])
		}
	}
	r.Busy = w.busy.Seconds() / (max(r.Setting.Length, w.now.Sub(w.begin)).Seconds() * float64(r.Setting.GPUs))
	slices.SortFunc(r.Rooms, func(a, b Room) int { return cmp.Compare(b.AskedSeconds, a.AskedSeconds) })
	r.Took = time.Since(began)
	return r
}
