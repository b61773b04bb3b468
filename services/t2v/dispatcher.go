package t2v

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/job"
	"liveclip/internal/note"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/schedule"
)

// generator makes generated shots: the dispatcher.
type generator interface {
	// generate writes the shot as MP4 into file and says how it was made. A *fallback says what to do instead, and why;
	// a job.Later that it is to be asked again; any other error ends the attempt: the context did.
	generate(ctx context.Context, w shotOrder, file string) (domain.ShotMaking, error)
}

// shotOrder is a generated shot as a plan asks for it.
type shotOrder struct {
	ID               string // the same again is the same result
	Tenant           domain.Tenant
	Stream           domain.StreamID
	Lane             domain.Lane
	Tier             string // standard, pro, ultra; empty: standard
	Engine           string // the only one, by its name; empty: any
	Prompt, Negative string
	Seed             uint64
	Opening          domain.ShotOpening // that an engine may hold
	Width, Height    int
	Length           time.Duration
	Deadline         time.Time // when its moment is stale; zero: never
}

// fallback is why there is no generated shot, and what stands in for it.
type fallback struct {
	to  string // schedule.Template or schedule.Footage
	err error
}

func (f *fallback) Error() string { return f.err.Error() }
func (f *fallback) Unwrap() error { return f.err }

const (
	maxTries   = 3               // engines asked for one shot
	noDeadline = 24 * time.Hour  // deadline of what has none
	overrun    = 2 * time.Second // that a shot under way may take beyond its deadline
)

// dispatcher sits between the shot maker and the engines: the schedule says which shot is made when, where and how well.
type dispatcher struct {
	engines       []*dispatchedEngine
	inspect       func(ctx context.Context, file string, ordered engines.Order) error
	log           *slog.Logger
	now           func() time.Time
	metrics       metrics
	probed        sync.Once
	batchPatience time.Duration // patience of what is not urgent

	mu        sync.Mutex // of what follows
	scheduler *schedule.Scheduler
	pending   map[string]chan decision // of what waits, by its ID in the schedule
	serial    int
}

// dispatchedEngine is an engine that the dispatcher gives orders to.
type dispatchedEngine struct {
	cfg    engines.Config
	engine engines.Engine
	well   bool // when it was last asked; under the dispatcher's lock
}

// decision is the schedule's decision on a shot: it begins, or it is refused.
type decision struct {
	start   schedule.Start
	refusal *schedule.Refusal
}

// newDispatcher dials nothing yet.
func newDispatcher(cfg Config, log *slog.Logger, now func() time.Time, m metrics) (*dispatcher, error) {
	policy, err := schedule.LoadPolicy(cfg.Policy)
	if err != nil {
		return nil, fmt.Errorf("t2v.policy: %w", err)
	}
	d := &dispatcher{log: log, now: now, metrics: m, scheduler: schedule.New(policy, now), pending: map[string]chan decision{}, batchPatience: 10 * time.Second}
	for _, c := range cfg.Generators() {
		e, err := engines.New(c)
		if err != nil {
			return nil, fmt.Errorf("t2v.engines: %w", err)
		}
		d.engines = append(d.engines, &dispatchedEngine{cfg: c, engine: e})
		form, _ := formOf(c)(schedule.Form{Width: 832, Height: 480, Length: 5 * time.Second})
		d.scheduler.Add(schedule.Engine{
			Name: c.Name, Model: c.Model, Slots: c.Slots, Make: formOf(c), Form: form, Cold: c.Timeout / 2, Openings: c.Kind == engines.KindOwn,
			Cost: time.Duration(c.Cost * float64(form.Length)),
		})
	}
	return d, nil
}

// formOf is the form in which an engine makes what is asked.
func formOf(c engines.Config) func(schedule.Form) (schedule.Form, bool) {
	return func(f schedule.Form) (schedule.Form, bool) {
		f.Width, f.Height = c.Shape(f.Width, f.Height)
		f.Length, f.Steps = c.Nearest(f.Length), cmp.Or(f.Steps, c.Steps)
		return f, true
	}
}

func (d *dispatcher) close() {
	for _, s := range d.engines {
		_ = s.engine.Close()
	}
}

func (d *dispatcher) generate(ctx context.Context, w shotOrder, file string) (domain.ShotMaking, error) {
	d.probed.Do(func() { d.checkAll(ctx) })
	if w.Deadline.IsZero() {
		w.Deadline = d.now().Add(noDeadline)
	}
	making := domain.ShotMaking{Tier: cmp.Or(w.Tier, schedule.Standard), Seed: w.Seed}
	asked := d.now()
	avoid, unfit := d.unfitEngines(w)
	last := unfit
	for {
		turn, err := d.await(ctx, w, avoid)
		if err != nil {
			return making, err
		}
		if turn.refusal != nil {
			return making, &fallback{turn.refusal.Instead, refusalReason(turn.refusal.Why, last)}
		}
		began := d.now()
		making.Attempts++
		err = d.runOrder(ctx, w, turn.start, file, &making)
		d.metrics.generated.WithLabelValues(turn.start.Engine, outcomeLabel(ctx, err)).Observe(d.now().Sub(began).Seconds())
		switch {
		case err == nil:
			d.metrics.levels.WithLabelValues(turn.start.Level.Name).Inc()
			making.Stages = []domain.ShotStage{{Name: "queue", Took: began.Sub(asked)}, {Name: "generate", Took: d.now().Sub(began)}}
			return making, nil
		case ctx.Err() != nil:
			return making, context.Cause(ctx)
		}
		d.log.Warn("generation failed", "shot", w.ID, "engine", turn.start.Engine, "kind", engines.KindOf(err), "error", err)
		last = err
		kind := engines.KindOf(err)
		if kind == engines.Refused || kind == engines.Late || making.Attempts >= maxTries {
			return making, &fallback{d.scheduler.Instead(w.Tier), err}
		}
		if kind != engines.Busy && (kind != engines.Away || len(d.engines) > 1) {
			avoid = append(avoid, turn.start.Engine)
		}
	}
}

// refusalReason is why the schedule refuses a shot, with the last error before that.
func refusalReason(why string, last error) error {
	if last == nil {
		return errors.New(why)
	}
	return fmt.Errorf("%s (%w)", why, last)
}

// unfitEngines lists the engines that can't do the order at all, and why the last of them can't.
func (d *dispatcher) unfitEngines(w shotOrder) (names []string, why error) {
	for _, s := range d.engines {
		if fault := s.cfg.Fits(engines.Order{Prompt: w.Prompt}); fault != "" {
			names, why = append(names, s.cfg.Name), fmt.Errorf("engine %s: %s", s.cfg.Name, fault)
		}
	}
	return names, why
}

// await waits for the shot's turn.
func (d *dispatcher) await(ctx context.Context, w shotOrder, avoid []string) (_ decision, err error) {
	d.mu.Lock()
	d.serial++
	id := fmt.Sprintf("%s#%d", w.ID, d.serial)
	decided := make(chan decision, 1)
	d.pending[id] = decided
	d.decideRefusals(d.scheduler.Offer(schedule.Work{
		ID: id, Tenant: string(w.Tenant), Stream: string(w.Stream), Tier: w.Tier, Engine: w.Engine, Avoid: avoid, Opening: w.Opening.Key,
		Form: schedule.Form{Width: w.Width, Height: w.Height, Length: w.Length}, Deadline: w.Deadline,
	}))
	d.advance()
	d.mu.Unlock()
	enough := time.NewTimer(d.patience(w.Lane))
	defer enough.Stop()
	select {
	case t := <-decided:
		return t, nil
	case <-enough.C:
		err = job.Later{After: time.Second, Why: errors.New("every engine has more urgent work")}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case t := <-decided: // just now
		if ctx.Err() == nil {
			return t, nil
		}
		d.scheduler.Done(id, schedule.Ended, false, 0)
	default:
		delete(d.pending, id)
		d.scheduler.Cancel(id)
	}
	d.advance()
	return decision{}, err
}

// patience is how long a shot waits for an engine in one go. What is less urgent comes back later and keeps its
// deadline, so that it does not hold the places of those who take live plans up.
func (d *dispatcher) patience(lane domain.Lane) time.Duration {
	if lane == domain.LaneLive || lane == "" {
		return noDeadline
	}
	return d.batchPatience
}

// advance has begin what can; the lock is held.
func (d *dispatcher) advance() {
	starts, refusals := d.scheduler.Next()
	for _, start := range starts {
		d.decide(start.ID, decision{start: start})
	}
	d.decideRefusals(refusals)
	d.metrics.waiting.Set(float64(d.scheduler.Waiting()))
}

func (d *dispatcher) decideRefusals(refusals []schedule.Refusal) {
	for _, r := range refusals {
		d.decide(r.ID, decision{refusal: &r})
	}
}

func (d *dispatcher) decide(id string, t decision) {
	if decided, waits := d.pending[id]; waits {
		delete(d.pending, id)
		decided <- t
	}
}

// runOrder has the engine make the shot, looks at what it made, and tells the schedule.
func (d *dispatcher) runOrder(ctx context.Context, w shotOrder, start schedule.Start, file string, making *domain.ShotMaking) error {
	s := d.engines[slices.IndexFunc(d.engines, func(s *dispatchedEngine) bool { return s.cfg.Name == start.Engine })]
	order := engines.Order{
		ID: w.ID, Prompt: w.Prompt, Negative: w.Negative, Width: start.Form.Width, Height: start.Form.Height, FrameRate: s.cfg.FrameRate,
		Length: start.Form.Length, Steps: start.Form.Steps, Seed: w.Seed, Deadline: w.Deadline, Opening: engines.Opening(w.Opening),
		Tenant: string(w.Tenant), Urgent: w.Lane == domain.LaneLive,
	}
	answer, err := d.callEngine(ctx, s, order, file)
	d.mu.Lock()
	d.scheduler.Done(start.ID, scheduleOutcome(ctx, err), answer.CacheHit, retryAfter(err))
	d.advance()
	d.mu.Unlock()
	if err != nil {
		return err
	}
	making.Engine, making.Model, making.CacheHit = s.cfg.Name, cmp.Or(answer.Model, s.cfg.Model), answer.CacheHit
	making.Width, making.Height, making.Length, making.FrameRate = order.Width, order.Height, order.Length, order.FrameRate
	making.Steps = cmp.Or(answer.Steps, order.Steps)
	best, _ := formOf(s.cfg)(schedule.Form{Width: w.Width, Height: w.Height, Length: w.Length})
	making.Degraded = degradations(best, start.Form)
	return nil
}

func (d *dispatcher) callEngine(ctx context.Context, s *dispatchedEngine, order engines.Order, file string) (engines.Made, error) {
	stale := errors.New("its moment had passed before the engine was done")
	within, cancel := context.WithTimeoutCause(ctx, order.Deadline.Sub(d.now())+overrun, stale)
	defer cancel()
	out, err := os.Create(file)
	if err != nil {
		return engines.Made{}, err
	}
	answer, err := s.engine.Generate(within, order, out)
	if err = errors.Join(err, out.Close()); err == nil {
		err = d.inspect(within, file, order)
	}
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		err = &engines.Fault{Kind: engines.Late, Err: stale}
	}
	return answer, err
}

// degradations says in what a shot is less than the engine would have made of the order.
func degradations(asked, got schedule.Form) []string {
	var said []string
	if got.Steps < asked.Steps {
		said = append(said, note.FewerSteps.Say(got.Steps, asked.Steps))
	}
	if got.Width*got.Height < asked.Width*asked.Height {
		said = append(said, note.Smaller.Say(got.Width, got.Height, asked.Width, asked.Height))
	}
	if got.Length < asked.Length {
		said = append(said, note.Shorter.Say(got.Length, asked.Length))
	}
	return said
}

// scheduleOutcome is what an error means for the engine in the schedule.
func scheduleOutcome(ctx context.Context, err error) schedule.Outcome {
	switch {
	case err == nil:
		return schedule.Made
	case ctx.Err() != nil:
		return schedule.Ended
	}
	switch engines.KindOf(err) {
	case engines.Busy:
		return schedule.Pushed
	case engines.Away, engines.Wrong:
		return schedule.Failed
	}
	return schedule.Ended
}

func outcomeLabel(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return "made"
	case ctx.Err() != nil:
		return "canceled"
	}
	return string(engines.KindOf(err))
}

func retryAfter(err error) time.Duration {
	var f *engines.Fault
	if errors.As(err, &f) {
		return f.After
	}
	return 0
}
