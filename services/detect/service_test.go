package detect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/bus/bustest"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// start runs a service until the test ends, or stop is called.
func start(t *testing.T, b *bus.Bus, store blob.Store) (stop func()) {
	t.Helper()
	s, err := New(Defaults(), Deps{Bus: b, Store: store, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return wall }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
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
	return stop
}

func publish(t *testing.T, b *bus.Bus, events ...event.Event) {
	t.Helper()
	if err := b.Publish(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

// follow gives the first n events of a topic.
func follow(t *testing.T, b *bus.Bus, topic event.Topic, n int) []event.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var got []event.Event
	enough := errors.New("enough")
	err := b.Tail(ctx, []event.Topic{topic}, bus.FromStart, func(_ context.Context, e event.Event) error {
		if got = append(got, e); len(got) == n {
			return enough
		}
		return nil
	}, nil)
	if !errors.Is(err, enough) {
		t.Fatalf("waited in vain for %d of %s: %v; got %+v", n, topic, err, got)
	}
	return got
}

// show publishes one broadcast's events between two seconds of media time: what was heard, and then the mark that says so.
func show(t *testing.T, b *bus.Bus, from, to int) {
	t.Helper()
	var events []event.Event
	if from == 1 {
		events = append(events,
			of(domain.StreamState{Ref: domain.Ref{Tenant: "t", Stream: "s"}, Attached: true}, 0, 0),
			of(domain.BroadcastChanged{Change: domain.BroadcastOpened}, 1, 0))
	}
	for s := from; s < to; s++ {
		at := seconds(float64(s))
		switch s % 20 {
		case 5:
			events = append(events, lineEvent(said(float64(s)-3, float64(s), "this one is made of soft cotton"), 1))
		case 12:
			events = append(events, lineEvent(said(float64(s)-2, float64(s), fmt.Sprintf("last %d minutes", 2+s/20)), 1))
		}
		events = append(events, of(level(s-1, -24), 1, at))
		if s < 30 { // then the audience falls silent, and what is said has to do
			events = append(events, of(comment(float64(s), fmt.Sprint("viewer", s)), 0, at))
		}
		publish(t, b, events...)
		publish(t, b, markEvent(at, 1))
		events = nil
	}
}

func TestWhatIsSaidBecomesHighlightsThatSurviveRestarts(t *testing.T) {
	once := bustest.New(t)
	show(t, once, 1, 100)
	start(t, once, fileStore(t, t.TempDir()))
	want := follow(t, once, event.HighlightFound, 5)

	b, store := bustest.New(t), fileStore(t, t.TempDir())
	for from := 1; from < 100; from += 33 {
		stop := start(t, b, store)
		show(t, b, from, from+33)
		follow(t, b, event.HighlightFound, []int{2, 3, 5}[from/33])
		stop()
	}
	got := follow(t, b, event.HighlightFound, 5)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	first := want[0].Payload.(domain.Highlight)
	if first.Kind != "flash_sale" || first.Window.Start != seconds(9) || first.TriggeredAt != wall {
		t.Errorf("got %+v", first)
	}
}

func TestTheHealthOfTheCommentFeedIsTold(t *testing.T) {
	b := bustest.New(t)
	publish(t, b, markEvent(seconds(1), 1))
	start(t, b, fileStore(t, t.TempDir()))
	got := follow(t, b, event.StreamProgress, 2)[1]
	want := domain.StreamProgress{
		HeardTo: seconds(1), RecordedTo: seconds(2), By: "detect",
		Health: map[string]domain.Health{domain.SignalComments: domain.HealthMissing},
	}
	if !reflect.DeepEqual(got.Payload, want) {
		t.Errorf("got %+v, want %+v", got.Payload, want)
	}
}
