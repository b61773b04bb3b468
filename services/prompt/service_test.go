package prompt

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/bus/bustest"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/record"
)

var wall = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func fileStore(t *testing.T) blob.Store {
	t.Helper()
	store, err := blob.Open(t.Context(), blob.Config{URL: "file://" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// start runs a service until the test ends, or stop is called.
func start(t *testing.T, b *bus.Bus, store blob.Store, cfg Config) (s *Service, stop func()) {
	t.Helper()
	s, err := New(cfg, Deps{Bus: b, Store: store, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return wall }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		ended <- nil
	}
	t.Cleanup(stop)
	return s, stop
}

// follow gives the events of topics, from their start, until enough tells that they are.
func follow(t *testing.T, b *bus.Bus, enough func([]event.Event) bool, topics ...event.Topic) []event.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var got []event.Event
	found := errors.New("enough")
	err := b.Tail(ctx, topics, bus.FromStart, func(_ context.Context, e event.Event) error {
		if got = append(got, e); enough(got) {
			return found
		}
		return nil
	}, nil)
	if !errors.Is(err, found) {
		t.Fatalf("waited in vain: %v; got %+v", err, got)
	}
	return got
}

func count(n int) func([]event.Event) bool {
	return func(events []event.Event) bool { return len(events) == n }
}

func publish(t *testing.T, b *bus.Bus, events ...event.Event) {
	t.Helper()
	if err := b.Publish(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

func about(id string, payload any) event.Event {
	return event.Event{Payload: payload, Envelope: event.Envelope{
		ID: id, Tenant: "t", Stream: "s", Broadcast: "b1", Epoch: 1, At: seconds(21), Wall: wall, Lane: domain.LaneLive,
	}}
}

func roomKnown() event.Event {
	return about("state", domain.StreamState{Ref: domain.Ref{Tenant: "t", Stream: "s"}, Attached: true, Context: room})
}

func TestAHighlightIsPlannedOnceAndItsStoryBegins(t *testing.T) {
	b, store := bustest.New(t), fileStore(t)
	found := about("found", sale)
	publish(t, b, roomKnown(), found, found)
	start(t, b, store, Defaults())

	plans := follow(t, b, count(2), event.PlanMade)
	if !reflect.DeepEqual(plans[0], plans[1]) {
		t.Errorf("told again: got  %+v\nwant %+v", plans[1], plans[0])
	}
	plan := plans[0].Payload.(domain.Plan)
	if want := found.Follow(plan, wall, ""); !reflect.DeepEqual(plans[0], want) {
		t.Errorf("got  %+v\nwant %+v", plans[0], want)
	}
	if plan.Title != "Flash sale: Silk scarf" || plan.Window != sale.Window || plan.Reasons[0].Detail != sale.Reasons[0].Detail {
		t.Errorf("got %+v", plan)
	}
	var kept record.Of[domain.Plan]
	if _, err := blob.ReadJSON(t.Context(), store, record.Plan("t", plan.Clip, 0), &kept); err != nil || !reflect.DeepEqual(kept.Value, plan) {
		t.Errorf("kept %+v, %v", kept, err)
	}
	steps := follow(t, b, count(2), event.ClipState)
	want := []event.Event{
		found.Follow(domain.ClipStep{Clip: plan.Clip, Step: domain.StepFound, At: sale.TriggeredAt, Note: sale.Reasons[0].Detail}, sale.TriggeredAt, "found"),
		found.Follow(domain.ClipStep{Clip: plan.Clip, Step: domain.StepPlanned, At: wall, Plan: &plan}, wall, "planned"),
	}
	if !reflect.DeepEqual(steps, want) {
		t.Errorf("got  %+v\nwant %+v", steps, want)
	}
}

func TestThePlanThatIsWrittenWinsOverAnyLaterOne(t *testing.T) {
	b, store := bustest.New(t), fileStore(t)
	found := about("found", sale)
	publish(t, b, found)
	_, stop := start(t, b, store, Defaults())
	first := follow(t, b, count(1), event.PlanMade)[0]
	stop()

	publish(t, b, roomKnown(), found)
	other := Defaults()
	other.Generate = true
	start(t, b, store, other)
	again := follow(t, b, count(2), event.PlanMade)[1]
	if !reflect.DeepEqual(again, first) {
		t.Errorf("got  %+v\nwant %+v", again, first)
	}
}

func TestARequestIsPlannedWithItsOwnTitle(t *testing.T) {
	b := bustest.New(t)
	asked := sale
	asked.ID, asked.Kind, asked.By, asked.Title, asked.Score = "r1", "manual", "operator", "我的片段", 1
	request := about("request", asked)
	request.Lane = domain.LaneManual
	publish(t, b, roomKnown(), request)
	start(t, b, fileStore(t), Defaults())
	got := follow(t, b, count(1), event.PlanMade)[0]
	plan := got.Payload.(domain.Plan)
	if plan.Title != "我的片段" || plan.By != "operator" || got.Lane != domain.LaneManual || got.Cause != "request" {
		t.Errorf("got %+v", got)
	}
	if step := follow(t, b, count(1), event.ClipState)[0].Payload.(domain.ClipStep); step.Note != "requested by operator" {
		t.Errorf("got %+v", step)
	}
}

func TestOtherEndsAreAnotherRevisionOfTheSameClip(t *testing.T) {
	b := bustest.New(t)
	moved := sale
	moved.By, moved.Revision = "operator", 1
	publish(t, b, roomKnown(), about("first", sale))
	start(t, b, fileStore(t), Defaults())
	first := follow(t, b, count(1), event.PlanMade)[0].Payload.(domain.Plan)
	publish(t, b, about("moved", moved))
	second := follow(t, b, count(2), event.PlanMade)[1].Payload.(domain.Plan)
	if first.Clip != second.Clip || first.Revision != 0 || second.Revision != 1 {
		t.Errorf("got %s/%d and %s/%d", first.Clip, first.Revision, second.Clip, second.Revision)
	}
	if step := follow(t, b, count(4), event.ClipState)[2].Payload.(domain.ClipStep); step.Revision != 1 || step.Note != "its ends were moved by operator" {
		t.Errorf("got %+v", step)
	}
}

func TestAnImpossibleWindowFailsTheClipAndGoesToTheDeadLetters(t *testing.T) {
	b := bustest.New(t)
	empty := sale
	empty.ID, empty.Window = "r2", domain.Window{Start: seconds(5), End: seconds(5)}
	impossible := about("impossible", empty)
	publish(t, b, impossible, about("found", sale))
	start(t, b, fileStore(t), Defaults())
	if dead := follow(t, b, count(1), event.Dead(event.HighlightFound)); dead[0].ID != "impossible" {
		t.Errorf("got %+v", dead)
	}
	isFailed := func(e event.Event) bool { return e.Payload.(domain.ClipStep).Step == domain.StepFailed }
	steps := follow(t, b, func(all []event.Event) bool { return slices.ContainsFunc(all, isFailed) }, event.ClipState)
	failed := steps[slices.IndexFunc(steps, isFailed)]
	want := impossible.Follow(domain.ClipStep{
		Clip: domain.NewClipID("r2", "main"), Step: domain.StepFailed, At: wall, Note: "the window 5s to 5s is empty",
	}, wall, "failed")
	if !reflect.DeepEqual(failed, want) {
		t.Errorf("got  %+v\nwant %+v", failed, want)
	}
	if got := follow(t, b, count(1), event.PlanMade)[0]; got.Cause != "found" {
		t.Errorf("the highlight after it: got %+v", got)
	}
}

func TestTheServiceIsReadyOnceItKnowsTheRooms(t *testing.T) {
	b := bustest.New(t)
	s, err := New(Defaults(), Deps{Bus: b, Store: fileStore(t), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if s.Ready(t.Context()) == nil {
		t.Error("ready before it ran")
	}
	publish(t, b, roomKnown(), about("found", sale))
	running, _ := start(t, b, fileStore(t), Defaults())
	follow(t, b, count(1), event.PlanMade)
	if err := running.Ready(t.Context()); err != nil {
		t.Errorf("running: %v", err)
	}
}
