package prompt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/note"
	"liveclip/internal/record"
)

// Takes and Gives are this service's rows of the topic table.
var (
	Takes = []event.Topic{event.HighlightFound, event.ClipRequested, event.StreamState, event.BroadcastChanged}
	Gives = []event.Topic{event.PlanMade, event.ClipState}
)

const group = "prompt"

// Deps is what prompt stands on.
type Deps struct {
	Bus     *bus.Bus
	Store   blob.Store // where plans are written
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// publisher is what making a plan needs of the bus.
type publisher interface {
	Publish(ctx context.Context, events ...event.Event) error
}

// Service makes plans.
type Service struct {
	cfg       Config
	deps      Deps
	publisher publisher
	library   *library
	guard     guard
	model     *model // nil: none
	contexts  *contexts
	known     chan struct{} // closed once the contexts of all rooms were read
	plans     *prometheus.CounterVec
	worded    *prometheus.CounterVec
}

// New reads the library; nothing is taken before Run.
func New(cfg Config, deps Deps) (*Service, error) {
	library, err := loadLibrary(cfg.Templates)
	if err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	guard, err := newGuard(cfg)
	if err != nil {
		return nil, err
	}
	plans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "liveclip_prompt_plans_total",
		Help: "Highlights and requests, by what became of them: made, repeated (the plan was there), refused.",
	}, []string{"outcome"})
	worded := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "liveclip_prompt_model_total",
		Help: "Generated shots that the language model was asked about: worded, or refused (the library's words were used).",
	}, []string{"outcome"})
	if deps.Metrics != nil {
		deps.Metrics.MustRegister(plans, worded)
	}
	return &Service{
		cfg:       cfg,
		deps:      deps,
		publisher: deps.Bus,
		library:   library,
		guard:     guard,
		model:     newModel(cfg.Model, deps.Now),
		contexts:  &contexts{known: map[domain.Ref]domain.Context{}, shape: map[domain.Ref]domain.MediaParameters{}},
		known:     make(chan struct{}),
		plans:     plans,
		worded:    worded,
	}, nil
}

// Run makes plans until ctx ends. It takes no highlight before it knows the rooms' contexts.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		known := sync.OnceFunc(func() { close(s.known) })
		return s.deps.Bus.Tail(ctx, []event.Topic{event.StreamState, event.BroadcastChanged}, bus.FromStart, s.contexts.take, known)
	})
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-s.known:
		}
		return s.deps.Bus.Consume(ctx, group, []event.Topic{event.HighlightFound, event.ClipRequested}, s.handle)
	})
	return g.Wait()
}

// Ready reports why plans cannot be made now, or nil.
func (s *Service) Ready(ctx context.Context) error {
	select {
	case <-s.known:
		return s.deps.Bus.Ready(ctx)
	default:
		return errors.New("the rooms' contexts are still being read")
	}
}

// handle writes the plan of a highlight or request once, and announces the one that is written.
func (s *Service) handle(ctx context.Context, e event.Event) error {
	h, ok := e.Payload.(domain.Highlight)
	if !ok {
		return domain.Permanent(fmt.Errorf("event %s: a highlight was expected, got %T", e.ID, e.Payload))
	}
	if err := check(h, s.cfg.Longest); err != nil {
		return s.refuse(ctx, e, h, err)
	}
	room := s.contexts.of(e.Ref())
	plan := s.library.plan(s.cfg, room, h)
	s.word(ctx, room, h, &plan)
	setAspect(plan.Shots, s.contexts.aspect(e.Ref()))
	made := record.Of[domain.Plan]{Envelope: e.Follow(plan, s.deps.Now(), "").Envelope, Value: plan}
	first, err := blob.WriteNewJSON(ctx, s.deps.Store, record.Plan(e.Tenant, plan.Clip, plan.Revision), &made)
	if err != nil {
		return fmt.Errorf("write plan of clip %s: %w", plan.Clip, err)
	}
	if err := s.announce(ctx, e, h, made); err != nil {
		return err
	}
	outcome := "made"
	if !first {
		outcome = "repeated"
	}
	s.plans.WithLabelValues(outcome).Inc()
	s.deps.Log.Info("plan announced", "first", first, "clip_id", made.Value.Clip, "stream_id", e.Stream, "kind", made.Value.Kind,
		"title", made.Value.Title, "start", made.Value.Window.Start, "end", made.Value.Window.End, "shots", len(made.Value.Shots))
	return nil
}

// setAspect has openings and generated shots made in the shape of the room's pictures: landscape, square or portrait.
func setAspect(shots []domain.Shot, aspect string) {
	for i, shot := range shots {
		if aspect == "" || shot.Kind == domain.ShotFootage {
			continue
		}
		if shot.Fields == nil {
			shots[i].Fields = map[string]string{}
		}
		shots[i].Fields["aspect"] = aspect
	}
}

func (s *Service) announce(ctx context.Context, e event.Event, h domain.Highlight, made record.Of[domain.Plan]) error {
	plan := made.Value
	found := domain.ClipStep{Clip: plan.Clip, Revision: plan.Revision, Step: domain.StepFound, At: h.TriggeredAt, Note: why(h)}
	planned := domain.ClipStep{Clip: plan.Clip, Revision: plan.Revision, Step: domain.StepPlanned, At: made.Envelope.Wall, Note: note.Join(plan.Notes), Plan: &plan}
	err := s.publisher.Publish(ctx,
		e.Follow(found, h.TriggeredAt, "found"),
		e.Follow(planned, made.Envelope.Wall, "planned"),
		event.Event{Envelope: made.Envelope, Payload: plan},
	)
	if err != nil {
		return fmt.Errorf("announce plan of clip %s: %w", plan.Clip, err)
	}
	return nil
}

// refuse tells the clip's story why it ends here; the highlight itself goes to the dead letters.
func (s *Service) refuse(ctx context.Context, e event.Event, h domain.Highlight, reason error) error {
	clip := domain.NewClipID(h.ID, variant)
	failed := domain.ClipStep{Clip: clip, Revision: h.Revision, Step: domain.StepFailed, At: s.deps.Now(), Note: reason.Error()}
	if err := s.publisher.Publish(ctx, e.Follow(failed, s.deps.Now(), "failed")); err != nil {
		return fmt.Errorf("refuse clip %s: %w", clip, err)
	}
	s.plans.WithLabelValues("refused").Inc()
	return domain.Permanent(fmt.Errorf("plan clip %s of highlight %s: %w", clip, h.ID, reason))
}

// why is a highlight's reasons in one line, for a person.
func why(h domain.Highlight) string {
	if h.By != "" && h.Revision > 0 {
		return note.MovedBy.Say(clean(h.By, longestValue))
	}
	if h.By != "" {
		return note.RequestedBy.Say(clean(h.By, longestValue))
	}
	details := make([]string, len(h.Reasons))
	for i, r := range h.Reasons {
		details[i] = r.Detail
	}
	return note.Join(details)
}
