package t2v

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/child/childtest"
	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	"liveclip/internal/record"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/engines/enginestest"
)

// TestPlansBecomeCuts runs the service with a real broker, Redis, store, media child and engine.
func TestPlansBecomeCuts(t *testing.T) {
	engine, _ := standIn(t, engines.KindOwn, enginestest.None)
	log := slog.New(slog.DiscardHandler)
	kafka := bus.Defaults()
	kafka.Brokers = []string{embeddedtest.Broker(t)}
	b := bus.New(kafka, log, prometheus.NewRegistry())
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	store, err := blob.Open(t.Context(), blob.Config{URL: "file://" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.Engine, cfg.Cache, cfg.Work, cfg.Sweep, cfg.Drain = engine, t.TempDir(), t.TempDir(), 300*time.Millisecond, 100*time.Millisecond
	cfg.Fresh = FreshConfig{Live: time.Hour, Manual: time.Hour, Batch: time.Hour} // a machine that stalls lets no moment pass
	s, err := New(cfg, Deps{Bus: b, Store: store, Redis: embeddedtest.Redis(t), Media: childtest.Starter(t), Log: log, Metrics: prometheus.NewRegistry(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cuts := make(chan domain.Cut, 100)
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("the service ended: %v", err)
		}
	})
	running.Go(func() {
		_ = b.Tail(ctx, []event.Topic{event.CutReady}, bus.FromStart, func(_ context.Context, e event.Event) error {
			cuts <- e.Payload.(domain.Cut)
			return nil
		}, nil)
	})
	defer func() {
		cancel()
		running.Wait()
		_ = b.Close(context.Background())
	}()

	said := func(id domain.ClipID, withEvent bool, shots ...domain.Shot) {
		t.Helper()
		plan := domain.Plan{Clip: id, Revision: 1, Window: footage.Window, Shots: shots, Profiles: []domain.Profile{{Name: "360p", Width: 640, Height: 360}}}
		e := envelope
		e.ID, e.Wall = "plan-"+string(id), time.Now().UTC()
		if _, err := blob.WriteNewJSON(t.Context(), store, record.Plan("default", id, 1), &record.Of[domain.Plan]{Envelope: e, Value: plan}); err != nil {
			t.Fatal(err)
		}
		events := []event.Event{e.Follow(domain.ClipStep{Clip: id, Revision: 1, Step: domain.StepPlanned, At: e.Wall}, e.Wall, "planned")}
		if withEvent {
			events = append(events, event.Event{Envelope: e, Payload: plan})
		}
		if err := b.Publish(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
	}
	said("footage", true, footage)
	said("made", true, dreamt, opening, footage)
	said("lost", false, footage) // its plan.made never comes
	shot := func(n int) string { return record.Shot("default", "made", 1, n) }
	want := map[domain.ClipID][]domain.CutPart{
		"footage": {{Window: footage.Window}},
		"made":    {{File: shot(0), Generated: true}, {File: shot(1)}, {Window: footage.Window}},
		"lost":    {{Window: footage.Window}},
	}
	got := map[domain.ClipID][]domain.CutPart{}
	deadline := time.After(2 * time.Minute)
	for len(got) < len(want) {
		select {
		case cut := <-cuts:
			for i := range cut.Parts {
				cut.Parts[i].Loudness = 0 // another test's
			}
			got[cut.Clip] = cut.Parts
			if len(cut.Notes) > 0 {
				t.Errorf("clip %s: %s", cut.Clip, strings.Join(cut.Notes, "; "))
			}
		case <-deadline:
			t.Fatalf("cuts %+v, want %+v", got, want)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("cuts %+v, want %+v", got, want)
	}
}
