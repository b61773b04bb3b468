package t2v

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/job"
	"liveclip/internal/record"
	"liveclip/services/t2v/engines"
)

// told collects what is published.
type told struct {
	mu     sync.Mutex
	events []event.Event
}

func (t *told) Publish(_ context.Context, events ...event.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, events...)
	return nil
}

func (t *told) cuts() []domain.Cut {
	t.mu.Lock()
	defer t.mu.Unlock()
	var cuts []domain.Cut
	for _, e := range t.events {
		if cut, ok := e.Payload.(domain.Cut); ok {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}

func (t *told) steps() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var steps []string
	for _, e := range t.events {
		if step, ok := e.Payload.(domain.ClipStep); ok {
			steps = append(steps, string(step.Step)+": "+step.Note)
		}
	}
	return steps
}

type queued struct {
	jobs     []job.Job
	canceled []string
	allowed  []string
}

func (q *queued) Allow(_ context.Context, id string) error {
	q.allowed = append(q.allowed, id)
	return nil
}

func (q *queued) Cancel(_ context.Context, id string) error {
	q.canceled = append(q.canceled, id)
	return nil
}

func (q *queued) Enqueue(_ context.Context, j job.Job) error {
	q.jobs = append(q.jobs, j)
	return nil
}

var (
	start    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	envelope = event.Envelope{ID: "plan", Tenant: "default", Stream: "room", Broadcast: "b1", Lane: domain.LaneManual, Wall: start}
	footage  = domain.Shot{Kind: domain.ShotFootage, Window: domain.Window{Start: 10 * time.Second, End: 20 * time.Second}}
	opening  = domain.Shot{Kind: domain.ShotTemplate, Template: "countdown", Length: 2 * time.Second}
	dreamt   = domain.Shot{Kind: domain.ShotGenerated, Prompt: "a mug", Length: 2 * time.Second}
)

// newService has a real store; who makes shots is up to the test.
func newService(t *testing.T, engine engines.Config, media mediaChild, more ...engines.Config) (*Service, *told, *queued) {
	t.Helper()
	store, err := blob.Open(t.Context(), blob.Config{URL: "file://" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.Cache, cfg.Work, cfg.Fresh.Manual = t.TempDir(), t.TempDir(), time.Since(start)+4*time.Minute // the plans of these tests are from start; less than an engine that is gone is thought to be
	if engine.Address != "" {
		cfg.Engines = append(slices.Clone(more), engine)
	}
	bus, jobs := &told{}, &queued{}
	s := &Service{
		cfg: cfg, bus: bus, store: store, jobs: jobs, log: slog.New(slog.DiscardHandler), now: func() time.Time { return start },
		metrics: newMetrics(prometheus.NewRegistry()),
	}
	if s.dispatcher, err = newDispatcher(cfg, s.log, time.Now, s.metrics); err != nil {
		t.Fatal(err)
	}
	var artist renderer = prober{}
	if media != nil {
		artist = media
	}
	drawer, err := newDrawer(cfg, artist, store, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	s.shotMaker = &shotMaker{cfg: cfg, drawer: drawer, generator: s.dispatcher, media: media, now: time.Now}
	s.dispatcher.inspect = s.shotMaker.inspect
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { s.dispatcher.watch(ctx) })
	t.Cleanup(func() { cancel(); watching.Wait(); s.dispatcher.close() })
	return s, bus, jobs
}

// planned writes a plan and gives the job that makes its shots.
func planned(t *testing.T, s *Service, shots ...domain.Shot) (domain.Plan, job.Job) {
	t.Helper()
	plan := domain.Plan{Clip: "c1", Revision: 1, Window: footage.Window, Shots: shots, Profiles: []domain.Profile{{Name: "360p", Width: 640, Height: 360}}}
	written := record.Of[domain.Plan]{Envelope: envelope, Value: plan}
	if _, err := blob.WriteNewJSON(t.Context(), s.store, record.Plan("default", "c1", 1), &written); err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(jobPayload{"default", "c1", 1})
	if err != nil {
		t.Fatal(err)
	}
	return plan, job.Job{Kind: jobShots, ID: "t2v:shots/c1/shots/1", Lane: domain.LaneManual, Share: "default/room", Payload: payload, Attempt: 1}
}

func TestAPlanOfFootageIsCutAtOnceAndRepeatedHarmlessly(t *testing.T) {
	s, bus, jobs := newService(t, engines.Config{}, nil)
	plan, _ := planned(t, s, footage, footage)
	for range 2 {
		if err := s.planMade(t.Context(), event.Event{Envelope: envelope, Payload: plan}); err != nil {
			t.Fatal(err)
		}
	}
	want := domain.Cut{Clip: "c1", Revision: 1, Parts: []domain.CutPart{{Window: footage.Window}, {Window: footage.Window}}}
	if cuts := bus.cuts(); len(cuts) != 2 || !reflect.DeepEqual(cuts[0], want) || !reflect.DeepEqual(cuts[1], want) {
		t.Errorf("cuts %+v, want twice %+v", cuts, want)
	}
	if len(bus.events) != 4 || bus.events[0].ID != bus.events[2].ID || bus.events[1].ID != bus.events[3].ID {
		t.Errorf("the repeat told something else: %+v", bus.events)
	}
	if len(jobs.jobs) != 0 {
		t.Errorf("an edit list was queued: %+v", jobs.jobs)
	}
}

func TestAPlanWithShotsToMakeIsQueuedInItsLane(t *testing.T) {
	s, bus, jobs := newService(t, engines.Config{}, nil)
	plan, want := planned(t, s, opening, footage)
	if err := s.planMade(t.Context(), event.Event{Envelope: envelope, Payload: plan}); err != nil {
		t.Fatal(err)
	}
	want.Attempt = 0
	if len(jobs.jobs) != 1 || !reflect.DeepEqual(jobs.jobs[0], want) || len(bus.events) != 0 {
		t.Errorf("queued %+v and told %+v, want %+v and nothing", jobs.jobs, bus.events, want)
	}
}

func TestShotsOfAClipThatIsWantedNoMoreAreCancelledUnlessItIsApprovedAfterAll(t *testing.T) {
	for _, c := range []struct {
		said          domain.Decided
		want, allowed []string
	}{
		{domain.Decided{Clip: "c1", Revision: 2, TakeDown: true}, []string{"t2v:shots/c1/shots/2"}, nil},
		{domain.Decided{Clip: "c1", Revision: 1, Verdict: domain.VerdictRejected, By: "otto"}, []string{"t2v:shots/c1/shots/1"}, nil},
		{domain.Decided{Clip: "c1", Revision: 1, Verdict: domain.VerdictRejected, By: "rule"}, nil, nil},
		{domain.Decided{Clip: "c1", Revision: 1, Verdict: domain.VerdictApproved, By: "otto"}, nil, []string{"t2v:shots/c1/shots/1"}},
		{domain.Decided{Clip: "c1", Revision: 1, Verdict: domain.VerdictApproved, By: "rule"}, nil, nil},
	} {
		s, _, jobs := newService(t, engines.Config{}, nil)
		if err := s.handle(t.Context(), event.Event{Envelope: envelope, Payload: c.said}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(jobs.canceled, c.want) || !slices.Equal(jobs.allowed, c.allowed) {
			t.Errorf("%+v: cancelled %q, allowed %q, want %q, %q", c.said, jobs.canceled, jobs.allowed, c.want, c.allowed)
		}
	}
}

func TestAPlanThatCannotBeCutSaysWhy(t *testing.T) {
	for _, c := range []struct {
		shots []domain.Shot
		want  string
	}{
		{nil, "plan of clip c1: has no shots"},
		{[]domain.Shot{{Kind: domain.ShotFootage, Window: domain.Window{Start: time.Second, End: time.Second}}}, "shot 0: window 1s to 1s has no length"},
		{[]domain.Shot{footage, {Kind: domain.ShotGenerated, Length: time.Hour}}, "shot 1: length 1h0m0s is not between 0 and 1m0s"},
		{[]domain.Shot{{Kind: "hologram"}}, `shot 0: kind "hologram" is unknown`},
		{slices.Repeat([]domain.Shot{footage}, 65), "65 shots, at most 64"},
	} {
		s, bus, _ := newService(t, engines.Config{}, nil)
		plan, _ := planned(t, s, c.shots...)
		err := s.planMade(t.Context(), event.Event{Envelope: envelope, Payload: plan})
		if !domain.IsPermanent(err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want a permanent one with %q", err, c.want)
		}
		if steps := bus.steps(); len(steps) != 1 || !strings.HasPrefix(steps[0], "failed: no cut: ") || !strings.Contains(steps[0], c.want) {
			t.Errorf("the story says %q, want that it failed with %q", steps, c.want)
		}
	}
}

func TestAShotThatCouldNotBeMadeGivesItsPlaceToFootage(t *testing.T) {
	lost := shotResult{Note: "lost"}
	elsewhere := dreamt
	elsewhere.Window = domain.Window{Start: time.Second, End: 3 * time.Second}
	whole := domain.Window{Start: 5 * time.Second, End: 9 * time.Second}
	for i, c := range []struct {
		shots []domain.Shot
		made  []shotResult
		want  []domain.CutPart
		notes []string
	}{
		{[]domain.Shot{opening, footage}, []shotResult{{storedShot: storedShot{Loudness: -16}, File: "a"}, {}}, []domain.CutPart{{File: "a", Loudness: -16}, {Window: footage.Window}}, nil},
		{[]domain.Shot{dreamt, footage}, []shotResult{{storedShot: storedShot{Generated: true}, File: "a"}, {}}, []domain.CutPart{{File: "a", Generated: true}, {Window: footage.Window}}, nil},
		{[]domain.Shot{dreamt, footage}, []shotResult{lost, {}}, []domain.CutPart{{Window: footage.Window}}, []string{"lost"}},
		{[]domain.Shot{elsewhere, footage}, []shotResult{lost, {}}, []domain.CutPart{{Window: elsewhere.Window}, {Window: footage.Window}}, []string{"lost"}},
		{[]domain.Shot{dreamt, dreamt}, []shotResult{lost, lost}, []domain.CutPart{{Window: whole}}, []string{"lost", "lost"}},
	} {
		got := editList(domain.Plan{Window: whole, Shots: c.shots}, c.made)
		got.Shots = nil
		if want := (domain.Cut{Parts: c.want, Notes: c.notes}); !reflect.DeepEqual(got, want) {
			t.Errorf("case %d: %s, want %s", i, fmt.Sprint(got), fmt.Sprint(want))
		}
	}
}
