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

// generator makes generated shots: the desk.
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
	maxTries = 3               // engines asked for one shot
	never    = 24 * time.Hour  // deadline of what has none
	lateness = 2 * time.Second // that a shot under way may take beyond its deadline
)

// desk sits between the studio and the engines: the schedule says which shot is made when, where and how well.
type desk struct {
	engines []*deskEngine
	inspect func(ctx context.Context, file string, ordered engines.Order) error
	log     *slog.Logger
	now     func() time.Time
	metrics metrics
	probed  sync.Once
	waits   time.Duration // patience of what is not urgent

	mu     sync.Mutex // of what follows
	plan   *schedule.Scheduler
	turns  map[string]chan turn // of what waits, by its ID in the schedule
	serial int
}

// deskEngine is an engine at the desk.
type deskEngine struct {
	cfg    engines.Config
	engine engines.Engine
	well   bool // when it was last asked; under the desk's lock
}

// turn is what the schedule decided of a shot: it begins, or it is refused.
type turn struct {
	start   schedule.Start
	refusal *schedule.Refusal
}

// newDesk dials nothing yet.
func newDesk(cfg Config, log *slog.Logger, now func() time.Time, m metrics) (*desk, error) {
	policy, err := schedule.LoadPolicy(cfg.Policy)
	if err != nil {
		return nil, fmt.Errorf("t2v.policy: %w", err)
	}
	d := &desk{log: log, now: now, metrics: m, plan: schedule.New(policy, now), turns: map[string]chan turn{}, waits: 10 * time.Second}
	for _, c := range cfg.Generators() {
		e, err := engines.New(c)
		if err != nil {
			return nil, fmt.Errorf("t2v.engines: %w", err)
		}
		d.engines = append(d.engines, &deskEngine{cfg: c, engine: e})
		form, _ := formOf(c)(schedule.Form{Width: 832, Height: 480, Length: 5 * time.Second})
		d.plan.Add(schedule.Engine{
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

func (d *desk) close() {
	for _, s := range d.engines {
		_ = s.engine.Close()
	}
}

func (d *desk) generate(ctx context.Context, w shotOrder, file string) (domain.ShotMaking, error) {
	d.probed.Do(func() { d.lookAtAll(ctx) })
	if w.Deadline.IsZero() {
		w.Deadline = d.now().Add(never)
	}
	making := domain.ShotMaking{Tier: cmp.Or(w.Tier, schedule.Standard), Seed: w.Seed}
	asked := d.now()
	avoid, unfit := d.unfit(w)
	last := unfit
	for {
		turn, err := d.await(ctx, w, avoid)
		if err != nil {
			return making, err
		}
		if turn.refusal != nil {
			return making, &fallback{turn.refusal.Instead, because(turn.refusal.Why, last)}
		}
		began := d.now()
		making.Attempts++
		err = d.run(ctx, w, turn.start, file, &making)
		d.metrics.generated.WithLabelValues(turn.start.Engine, outcomeOf(ctx, err)).Observe(d.now().Sub(began).Seconds())
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
			return making, &fallback{d.plan.Instead(w.Tier), err}
		}
		if kind != engines.Busy && (kind != engines.Away || len(d.engines) > 1) {
			avoid = append(avoid, turn.start.Engine)
		}
	}
}

// because joins why the schedule refuses with what went wrong before.
func because(why string, last error) error {
	if last == nil {
		return errors.New(why)
	}
	return fmt.Errorf("%s (%w)", why, last)
}

// unfit lists the engines that can't do the order at all, and why the last of them can't.
func (d *desk) unfit(w shotOrder) (names []string, why error) {
	for _, s := range d.engines {
		if fault := s.cfg.Fits(engines.Order{Prompt: w.Prompt}); fault != "" {
			names, why = append(names, s.cfg.Name), fmt.Errorf("engine %s: %s", s.cfg.Name, fault)
		}
	}
	return names, why
}

// await waits for the shot's turn.
func (d *desk) await(ctx context.Context, w shotOrder, avoid []string) (_ turn, err error) {
	d.mu.Lock()
	d.serial++
	id := fmt.Sprintf("%s#%d", w.ID, d.serial)
	decided := make(chan turn, 1)
	d.turns[id] = decided
	d.tell(d.plan.Offer(schedule.Work{
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
		d.plan.Done(id, schedule.Ended, false, 0)
	default:
		delete(d.turns, id)
		d.plan.Cancel(id)
	}
	d.advance()
	return turn{}, err
}

// patience is how long a shot waits for an engine in one go. What is less urgent comes back later and keeps its
// deadline, so that it does not hold the places of those who take live plans up.
func (d *desk) patience(lane domain.Lane) time.Duration {
	if lane == domain.LaneLive || lane == "" {
		return never
	}
	return d.waits
}

// advance has begin what can; the lock is held.
func (d *desk) advance() {
	starts, refusals := d.plan.Next()
	for _, start := range starts {
		d.decide(start.ID, turn{start: start})
	}
	d.tell(refusals)
	d.metrics.waiting.Set(float64(d.plan.Waiting()))
}

func (d *desk) tell(refusals []schedule.Refusal) {
	for _, r := range refusals {
		d.decide(r.ID, turn{refusal: &r})
	}
}

func (d *desk) decide(id string, t turn) {
	if decided, waits := d.turns[id]; waits {
		delete(d.turns, id)
		decided <- t
	}
}

// run has the engine make the shot, looks at what it made, and tells the schedule.
func (d *desk) run(ctx context.Context, w shotOrder, start schedule.Start, file string, making *domain.ShotMaking) error {
	s := d.engines[slices.IndexFunc(d.engines, func(s *deskEngine) bool { return s.cfg.Name == start.Engine })]
	order := engines.Order{
		ID: w.ID, Prompt: w.Prompt, Negative: w.Negative, Width: start.Form.Width, Height: start.Form.Height, FrameRate: s.cfg.FrameRate,
		Length: start.Form.Length, Steps: start.Form.Steps, Seed: w.Seed, Deadline: w.Deadline, Opening: engines.Opening(w.Opening),
		Tenant: string(w.Tenant), Urgent: w.Lane == domain.LaneLive,
	}
	answer, err := d.make(ctx, s, order, file)
	d.mu.Lock()
	d.plan.Done(start.ID, outcomeFor(ctx, err), answer.CacheHit, pause(err))
	d.advance()
	d.mu.Unlock()
	if err != nil {
		return err
	}
	making.Engine, making.Model, making.CacheHit = s.cfg.Name, cmp.Or(answer.Model, s.cfg.Model), answer.CacheHit
	making.Width, making.Height, making.Length, making.FrameRate = order.Width, order.Height, order.Length, order.FrameRate
	making.Steps = cmp.Or(answer.Steps, order.Steps)
	best, _ := formOf(s.cfg)(schedule.Form{Width: w.Width, Height: w.Height, Length: w.Length})
	making.Degraded = lighter(best, start.Form)
	return nil
}

func (d *desk) make(ctx context.Context, s *deskEngine, order engines.Order, file string) (engines.Made, error) {
	stale := errors.New("its moment had passed before the engine was done")
	within, cancel := context.WithTimeoutCause(ctx, order.Deadline.Sub(d.now())+lateness, stale)
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

// lighter says what was done with less than the engine would have made of the wish.
func lighter(asked, got schedule.Form) []string {
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

// outcomeFor is what a failure means for the engine's standing.
func outcomeFor(ctx context.Context, err error) schedule.Outcome {
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

func outcomeOf(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return "made"
	case ctx.Err() != nil:
		return "canceled"
	}
	return string(engines.KindOf(err))
}

func pause(err error) time.Duration {
	var f *engines.Fault
	if errors.As(err, &f) {
		return f.After
	}
	return 0
}
