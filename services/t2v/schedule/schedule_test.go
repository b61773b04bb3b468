package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/strictyaml"
)

var begin = time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC)

// bench is a scheduler over a clock of its own. Its orders are known to take their length on an engine of speed 1.
type bench struct {
	*Scheduler
	at time.Time
}

func newBench(policy Policy, speeds ...float64) *bench {
	b := &bench{at: begin}
	b.Scheduler = New(policy, func() time.Time { return b.at })
	for i, speed := range speeds {
		name := fmt.Sprintf("e%d", i)
		b.Add(Engine{Name: name, Slots: 1, Form: Form{Width: 16, Height: 16, Steps: 1, Length: time.Second}, Cost: time.Duration(float64(time.Second) / speed), Openings: true})
		b.Report(name, Health{Ready: true})
	}
	return b
}

// exactly is a policy of one level.
func exactly() Policy {
	return Policy{Tiers: map[string]Tier{Standard: {Weight: 1, Levels: []Level{{Name: "as asked"}}, Then: Template}}}
}

func (b *bench) order(id string, takes, within time.Duration) Work {
	return Work{ID: id, Tenant: "t", Stream: id, Form: Form{Width: 16, Height: 16, Steps: 1, Length: takes}, Deadline: b.at.Add(within)}
}

// exact tries every order of starting jobs on m equal machines, all there at time 0, and gives the least maximal lateness.
func exact(takes, due []time.Duration, m int) time.Duration {
	best := time.Duration(1 << 62)
	free := make([]time.Duration, m)
	var try func(done int, worst time.Duration)
	try = func(done int, worst time.Duration) {
		if worst >= best {
			return
		}
		if done == 1<<len(takes)-1 {
			best = worst
			return
		}
		for i := range takes {
			if done&(1<<i) != 0 {
				continue
			}
			for k := range free {
				before := free[k]
				free[k] += takes[i]
				try(done|1<<i, max(worst, free[k]-due[i]))
				free[k] = before
			}
		}
	}
	try(0, -1<<62)
	return best
}

// lateness of the plan that the scheduler makes of everything that waits.
func (b *bench) lateness() time.Duration {
	worst := time.Duration(-1 << 62)
	free := map[string]time.Time{}
	for _, e := range b.engines {
		free[e.Name] = b.at
	}
	for _, w := range b.waiting { // by deadline
		var on string
		var end time.Time
		for _, e := range b.engines {
			cost, _ := b.cost(w, e, 0, false)
			if done := free[e.Name].Add(cost); on == "" || done.Before(end) {
				on, end = e.Name, done
			}
		}
		free[on] = end
		worst = max(worst, end.Sub(w.Deadline))
	}
	return worst
}

func TestOnOneEngineEarliestDeadlineFirstIsAsGoodAsAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		takes, due := instance(r, 2+r.IntN(5))
		b := newBench(exactly(), 1)
		for i := range takes {
			w := &item{Work: b.order(fmt.Sprint(i), takes[i], due[i]), tier: b.policy.tier(""), arrived: i}
			at, _ := slices.BinarySearchFunc(b.waiting, w, byDeadline)
			b.waiting = slices.Insert(b.waiting, at, w)
		}
		best := exact(takes, due, 1)
		if got := b.lateness(); got.Round(time.Millisecond) != best.Round(time.Millisecond) {
			t.Fatalf("takes %v, due %v: late by %v, at best %v", takes, due, got, best)
		}
		// And so it takes all there is exactly when some order keeps every deadline.
		if missed := b.lay(b.at, b.waiting, make([]int, len(b.waiting)), false).missed; missed < 0 != (best <= 0) {
			t.Fatalf("takes %v, due %v: missed %d, the best order is late by %v", takes, due, missed, best)
		}
	}
}

// On several engines no rule without look-ahead is exact; list scheduling by deadline is late by at most (m−1)/m of the longest
// order more than the best.
func TestOnSeveralEnginesItIsAsGoodAsItsBound(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	equal, all := 0, 0
	for range 300 {
		takes, due := instance(r, 2+r.IntN(4))
		m := 2 + r.IntN(2)
		b := newBench(exactly(), slices.Repeat([]float64{1}, m)...)
		for i := range takes {
			w := &item{Work: b.order(fmt.Sprint(i), takes[i], due[i]), tier: b.policy.tier(""), arrived: i}
			at, _ := slices.BinarySearchFunc(b.waiting, w, byDeadline)
			b.waiting = slices.Insert(b.waiting, at, w)
		}
		best, got := exact(takes, due, m), b.lateness()
		bound := best + slices.Max(takes)*time.Duration(m-1)/time.Duration(m) + time.Millisecond
		if got > bound {
			t.Fatalf("%d engines, takes %v, due %v: late by %v, at best %v, bound %v", m, takes, due, got, best, bound)
		}
		if all++; got <= best+time.Millisecond {
			equal++
		}
		if missed := b.lay(b.at, b.waiting, make([]int, len(b.waiting)), false).missed; missed < 0 && best > 0 {
			t.Fatalf("takes %v, due %v: taken, though no order keeps every deadline", takes, due)
		}
	}
	if equal < all*3/4 {
		t.Errorf("as good as the best order in %d of %d", equal, all)
	}
}

func instance(r *rand.Rand, n int) (takes, due []time.Duration) {
	for range n {
		takes = append(takes, time.Duration(1+r.IntN(9))*time.Second)
		due = append(due, time.Duration(2+r.IntN(25))*time.Second)
	}
	return takes, due
}

func TestWhatIsDueFirstBeginsFirstWhateverItsLane(t *testing.T) {
	b := newBench(exactly(), 1)
	b.Offer(b.order("running", time.Second, time.Hour))
	if starts, _ := b.Next(); len(starts) != 1 {
		t.Fatalf("began %+v", starts)
	}
	for _, c := range []struct {
		id     string
		within time.Duration
	}{{"batch", time.Hour}, {"late live", 40 * time.Second}, {"live", 20 * time.Second}, {"by hand", 5 * time.Minute}} {
		if out := b.Offer(b.order(c.id, time.Second, c.within)); len(out) > 0 {
			t.Fatalf("refused %+v", out)
		}
	}
	var got []string
	done := "running"
	for range 4 {
		b.at = b.at.Add(time.Second)
		b.Done(done, Made, false, 0)
		starts, refused := b.Next()
		if len(starts) != 1 || len(refused) > 0 {
			t.Fatalf("began %+v, refused %+v", starts, refused)
		}
		done = starts[0].ID
		got = append(got, done)
	}
	if want := []string{"live", "late live", "by hand", "batch"}; !slices.Equal(got, want) {
		t.Errorf("began %q, want %q", got, want)
	}
}

// levels is a policy of three levels that cost 1, 1/2 and 1/4.
func levels() Policy {
	return Policy{Tiers: map[string]Tier{
		Standard: {Weight: 1, Levels: []Level{{Name: "as asked"}, {Name: "shorter", Length: 0.5}, {Name: "shortest", Length: 0.25}}, Then: Template},
		"ultra":  {Weight: 4, Levels: []Level{{Name: "as asked"}}, Then: Footage},
	}}
}

func TestQualityIsGivenUpBeforeAShot(t *testing.T) {
	b := newBench(levels(), 1)
	for i := range 4 { // 16 s each as asked, within 40 s
		if out := b.Offer(b.order(fmt.Sprint(i), 16*time.Second, 40*time.Second)); len(out) > 0 {
			t.Fatalf("order %d refused: %+v", i, out)
		}
	}
	lighter := 0
	for range 4 {
		starts, refused := b.Next()
		if len(starts) != 1 || len(refused) > 0 {
			t.Fatalf("began %+v, refused %+v", starts, refused)
		}
		if starts[0].Lighter > 0 {
			lighter++
		}
		b.at = b.at.Add(starts[0].Form.Length)
		if b.at.After(begin.Add(40 * time.Second)) {
			t.Errorf("order %s ended %v late", starts[0].ID, b.at.Sub(begin.Add(40*time.Second)))
		}
		b.Done(starts[0].ID, Made, false, 0)
	}
	if lighter < 2 {
		t.Errorf("%d of 4 were made lighter", lighter)
	}
}

func TestATierKeepsItsQualityWhileOthersGiveTheirsUp(t *testing.T) {
	b := newBench(levels(), 1)
	ultra := b.order("ultra", 16*time.Second, 40*time.Second)
	ultra.Tier = "ultra"
	for _, w := range []Work{b.order("a", 16*time.Second, 38*time.Second), b.order("b", 16*time.Second, 38*time.Second), ultra} {
		if out := b.Offer(w); len(out) > 0 {
			t.Fatalf("refused %+v", out)
		}
	}
	got := map[string]int{}
	for range 3 {
		starts, _ := b.Next()
		if len(starts) != 1 {
			t.Fatalf("began %+v", starts)
		}
		got[starts[0].ID] = starts[0].Lighter
		b.at = b.at.Add(starts[0].Form.Length)
		b.Done(starts[0].ID, Made, false, 0)
	}
	if got["ultra"] != 0 || got["a"] == 0 || got["b"] == 0 {
		t.Errorf("levels %v", got)
	}
}

func TestTheShareThatHadMostGivesWay(t *testing.T) {
	b := newBench(exactly(), 1)
	order := func(id, tenant, stream string) Work {
		w := b.order(id, 4*time.Second, 22*time.Second)
		w.Tenant, w.Stream = tenant, stream
		return w
	}
	for i := range 3 {
		if out := b.Offer(order(fmt.Sprintf("loud%d", i), "a", "loud")); len(out) > 0 {
			t.Fatalf("refused %+v", out)
		}
	}
	out := b.Offer(order("quiet", "a", "quiet"))
	if len(out) != 1 || out[0].ID != "loud2" || out[0].Instead != Template || out[0].Why == "" {
		t.Errorf("refused %+v, want the last of the loud stream", out)
	}
	out = b.Offer(order("loud3", "a", "loud"))
	if len(out) != 1 || out[0].ID != "loud3" {
		t.Errorf("refused %+v, want the loud stream's own", out)
	}
	out = b.Offer(order("other", "b", "room")) // another tenant, who had nothing
	if len(out) != 1 || !strings.HasPrefix(out[0].ID, "loud") {
		t.Errorf("refused %+v, want one of the loud stream's", out)
	}
}

func TestWhatCannotEndInTimeIsRefusedAtOnceAndSaysWhy(t *testing.T) {
	none := newBench(exactly())
	if out := none.Offer(none.order("x", time.Second, time.Minute)); len(out) != 1 || out[0].Why != "no generation engine configured" {
		t.Errorf("without engines: %+v", out)
	}
	b := newBench(exactly(), 1)
	for _, c := range []struct {
		work Work
		want string
	}{
		{b.order("x", 10*time.Second, 5*time.Second), "it cannot end in time: 5s are left"},
		{b.order("x", time.Second, -time.Second), "its moment has passed"},
		{Work{ID: "x", Engine: "another", Deadline: begin.Add(time.Hour)}, "no generation engine can make it"},
	} {
		if out := b.Offer(c.work); len(out) != 1 || out[0].Why != c.want {
			t.Errorf("refused %+v, want %q", out, c.want)
		}
	}
	b.Report("e0", Health{Why: "it loads", Back: 30 * time.Second})
	if out := b.Offer(b.order("live", time.Second, 20*time.Second)); len(out) != 1 || out[0].Why != "the generation engine is not ready: e0: it loads" {
		t.Errorf("refused %+v", out)
	}
	if out := b.Offer(b.order("batch", time.Second, time.Hour)); len(out) != 0 {
		t.Errorf("what could wait was refused: %+v", out)
	}
}

func TestAnEngineThatFailsIsLeftAloneAndTriedWithOneOrder(t *testing.T) {
	b := newBench(exactly(), 1, 0.5)
	fail := func() string {
		starts, _ := b.Next()
		for _, s := range starts {
			if s.Engine == "e0" {
				b.Done(s.ID, Failed, false, 0)
				return s.ID
			}
		}
		return ""
	}
	for i := range 3 {
		b.Offer(b.order(fmt.Sprint("f", i), time.Second, time.Hour))
		if fail() == "" {
			t.Fatalf("failure %d did not happen", i)
		}
	}
	if s := b.Standings()[0]; !strings.Contains(s.Why, "failed 3 times in a row") {
		t.Errorf("standing %+v", s)
	}
	b.Offer(b.order("other", time.Second, time.Hour))
	if starts, _ := b.Next(); len(starts) != 1 || starts[0].Engine != "e1" {
		t.Fatalf("began %+v, want it on the other engine", starts)
	}
	b.at = b.at.Add(firstPause)
	b.Offer(b.order("trial", time.Second, time.Hour))
	starts, _ := b.Next()
	if len(starts) != 1 || starts[0].Engine != "e0" {
		t.Fatalf("began %+v, want the trial", starts)
	}
	b.Done(starts[0].ID, Made, false, 0)
	if s := b.Standings()[0]; s.Why != "" {
		t.Errorf("standing %+v after it was well again", s)
	}
}

func TestAnOrderGoesWhereItsOpeningIs(t *testing.T) {
	b := newBench(exactly(), 1, 1)
	b.Report("e0", Health{Ready: true})
	order := func(id string) Work {
		w := b.order(id, 10*time.Second, time.Hour)
		w.Opening = "countdown"
		return w
	}
	first := b.order("first", 10*time.Second, time.Hour)
	b.Offer(first)
	b.Next() // on e0
	b.Offer(order("second"))
	starts, _ := b.Next()
	if len(starts) != 1 || starts[0].Engine != "e1" {
		t.Fatalf("began %+v", starts)
	}
	b.at = b.at.Add(10 * time.Second)
	b.Done("first", Made, false, 0)
	b.Done("second", Made, false, 0)
	b.Offer(order("third"))
	if starts, _ := b.Next(); len(starts) != 1 || starts[0].Engine != "e1" {
		t.Errorf("began %+v, want it where the opening is", starts)
	}
}

func TestCostsAreLearned(t *testing.T) {
	b := newBench(exactly(), 1)
	for i := range 20 {
		b.Offer(b.order(fmt.Sprint(i), 4*time.Second, time.Hour))
		b.Next()
		b.at = b.at.Add(2 * time.Second) // half of the guess
		b.Done(fmt.Sprint(i), Made, false, 0)
	}
	form := Form{Width: 16, Height: 16, Steps: 1, Length: 4 * time.Second}
	if got, _ := b.costs.both(costKey{engine: "e0", form: form}); got < 1900*time.Millisecond || got > 2100*time.Millisecond {
		t.Errorf("thinks that it takes %v, it took 2s", got)
	}
	double := form
	double.Length *= 2
	if got, _ := b.costs.both(costKey{engine: "e0", form: double}); got < 3800*time.Millisecond || got > 4200*time.Millisecond {
		t.Errorf("thinks that twice as long a shot takes %v", got)
	}
}

func TestTheClockMayJump(t *testing.T) {
	b := newBench(levels(), 1)
	b.Offer(b.order("a", 4*time.Second, time.Minute))
	b.Next()
	b.Offer(b.order("b", 4*time.Second, time.Minute))
	b.at = b.at.Add(-time.Hour)
	b.Done("a", Made, false, 0)
	if starts, refused := b.Next(); len(starts) != 1 || len(refused) > 0 {
		t.Errorf("an hour back: began %+v, refused %+v", starts, refused)
	}
	b.Done("b", Made, false, 0)
	b.at = begin
	b.Offer(b.order("c", 4*time.Second, time.Minute))
	b.at = b.at.Add(time.Hour)
	starts, refused := b.Next()
	if len(starts) != 0 || len(refused) != 1 || refused[0].ID != "c" {
		t.Errorf("an hour on: began %+v, refused %+v, want it refused", starts, refused)
	}
}

func TestThePolicyIsDataAndItsFaultsAreNamed(t *testing.T) {
	if p := Shipped(); len(p.Tiers) != 3 || p.tier("nobody knows").Weight != 1 {
		t.Errorf("shipped %+v", p)
	}
	for _, c := range []struct{ text, want string }{
		{"tiers: {standard: {weight: 1, levels: [], then: template}}", "must have 1 to 16 levels"},
		{"tiers: {standard: {weight: 0, levels: [{name: a}], then: template}}", "weight must be above 0"},
		{"tiers: {standard: {weight: 1, levels: [{name: a}], then: nothing}}", "then must be template or footage"},
		{"tiers: {standard: {weight: 1, levels: [{steps: 0.5}, {steps: 1}], then: footage}}", "level 1 costs more than the one above it"},
		{"tiers: {standard: {weight: 1, levels: [{size: 1.5}], then: footage}}", "shares must be 0 to 1"},
		{"tiers: {standard: {weight: 1, levels: [{hue: 1}], then: footage}}", "hue"},
		{"tenants: {a: -1}", "weight must be above 0"},
	} {
		if _, err := parse(policyText(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add(string(shipped))
	f.Add("tiers: {x: {weight: .nan, levels: [{size: .inf}], then: template}}")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse(policyText(text))
		if err != nil || len(p.Tiers) == 0 {
			return
		}
		for _, tier := range p.Tiers {
			for _, level := range tier.Levels {
				got := level.of(Form{Width: 832, Height: 480, Steps: 8, Length: 5 * time.Second})
				if got.Width < 16 || got.Height < 16 || got.Steps < 1 || got.Length <= 0 || got.units() > 1.001*(Form{Width: 832, Height: 480, Steps: 8, Length: 5 * time.Second}).units() {
					t.Errorf("level %+v makes %+v", level, got)
				}
			}
		}
	})
}

func policyText(text string) *strictyaml.File { return strictyaml.New("policy.yaml", []byte(text)) }

func TestAnEngineThatMustLoadItsModelIsReckonedSo(t *testing.T) {
	b := newBench(exactly(), 1, 0.2)
	b.engines[0].Model, b.engines[0].Cold = "wan", time.Minute
	b.Report("e0", Health{Ready: true, Models: []string{}})
	b.Offer(b.order("x", 4*time.Second, time.Hour))
	if starts, _ := b.Next(); len(starts) != 1 || starts[0].Engine != "e1" {
		t.Errorf("began %+v, want it on the slower one that is warm", starts)
	}
	b.Report("e0", Health{Ready: true, Models: []string{"wan"}})
	b.Offer(b.order("y", 4*time.Second, time.Hour))
	if starts, _ := b.Next(); len(starts) != 1 || starts[0].Engine != "e0" {
		t.Errorf("began %+v, want it on the faster one, which is warm now", starts)
	}
}
