package view_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	"liveclip/internal/view"
)

var (
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ref   = domain.Ref{Tenant: "default", Stream: "room1"}
)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func said(id string, epoch int64, wall time.Time, b domain.BroadcastID, payload any) event.Event {
	return event.Event{Envelope: event.Envelope{
		ID: id, Tenant: ref.Tenant, Stream: ref.Stream, Broadcast: b, Epoch: epoch, Wall: wall, Lane: domain.LaneLive,
	}, Payload: payload}
}

// history is what was said of one stream and one clip, in order.
func history() []event.Event {
	clip := domain.NewClipID("h1", "main")
	asr := func(epoch int64, second int, b domain.BroadcastID, recorded int) event.Event {
		return said("p", epoch, at(second), b, domain.StreamProgress{
			By: "asr", RecordedTo: time.Duration(recorded) * time.Second, HeardTo: time.Duration(recorded-1) * time.Second,
			Health: map[string]domain.Health{"picture": domain.HealthPresent},
		})
	}
	return []event.Event{
		said("s1", 0, at(0), "", domain.StreamState{Ref: ref, Attached: true, Source: "push", Changed: at(0)}),
		said("o1", 1, at(1), "b1", domain.BroadcastChanged{Change: domain.BroadcastOpened, StartedAt: at(1)}),
		asr(1, 3, "b1", 2),
		said("c1", 1, at(4), "b1", domain.BroadcastChanged{Change: domain.BroadcastClosed, At: 3 * time.Second, Reason: "publisher left"}),
		said("o2", 2, at(10), "b2", domain.BroadcastChanged{Change: domain.BroadcastOpened, StartedAt: at(10)}),
		said("h1", 2, at(12), "b2", domain.Highlight{ID: "h1", Score: 0.5, TriggeredAt: at(12)}),
		said("k1", 2, at(13), "b2", domain.ClipStep{Clip: clip, Step: domain.StepFound, At: at(13)}),
		said("k2", 2, at(14), "b2", domain.ClipStep{Clip: clip, Step: domain.StepPlanned, At: at(14), Plan: &domain.Plan{Clip: clip, Title: "t"}}),
		said("d1", 2, at(15), "b2", domain.PublicationChanged{Clip: clip, Destination: "folder", State: domain.PublicationAccepted}),
		asr(2, 15, "b2", 5),
		asr(2, 16, "b2", 6),
		asr(2, 17, "b2", 6),
		said("s2", 0, at(18), "", domain.StreamState{Ref: ref, Attached: true, Source: "push", Context: domain.Context{Host: "小美"}, Changed: at(18)}),
	}
}

var wantStream = view.Stream{
	State: domain.StreamState{Ref: ref, Attached: true, Source: "push", Context: domain.Context{Host: "小美"}, Changed: at(18)},
	Broadcast: view.Broadcast{
		ID: "b2", Epoch: 2, StartedAt: at(10), RecordedTo: 6 * time.Second, MovedAt: at(16), HeardTo: 5 * time.Second, MarkedAt: at(17),
		Health: map[string]domain.Health{"picture": domain.HealthPresent},
	},
}

func newViews(t *testing.T, now time.Time) *view.Views {
	return view.New(embeddedtest.Redis(t), time.Hour, func() time.Time { return now })
}

func TestTheOrderAndTheNumberOfTellingsDoNotMatter(t *testing.T) {
	for name, order := range map[string]func(events []event.Event) []event.Event{
		"as it happened": func(e []event.Event) []event.Event { return e },
		"backwards": func(e []event.Event) []event.Event {
			var back []event.Event
			for i := range e {
				back = append(back, e[len(e)-1-i])
			}
			return back
		},
		"twice":             func(e []event.Event) []event.Event { return append(e, e...) },
		"old ones again":    func(e []event.Event) []event.Event { return append(e, e[:4]...) },
		"without the first": func(e []event.Event) []event.Event { return e[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			v := newViews(t, at(20))
			for _, e := range order(history()) {
				if err := v.Apply(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			got, err := v.Stream(t.Context(), ref)
			if err != nil || !reflect.DeepEqual(got, wantStream) {
				t.Errorf("%v\n got %+v\nwant %+v", err, got, wantStream)
			}
		})
	}
}

func TestClipsOlderThanIsKeptAreForgotten(t *testing.T) {
	now := at(20)
	v := view.New(embeddedtest.Redis(t), time.Hour, func() time.Time { return now })
	for _, e := range history() {
		if err := v.Apply(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	clip := domain.NewClipID("h1", "main")
	if err := v.Forget(t.Context(), ref.Tenant); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Clip(t.Context(), ref.Tenant, clip); err != nil || len(got.Steps) != 2 {
		t.Fatalf("a young clip: %+v %v", got, err)
	}
	now = now.Add(2 * time.Hour)
	if err := v.Forget(t.Context(), ref.Tenant); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Clip(t.Context(), ref.Tenant, clip); !errors.Is(err, view.ErrRebuilding) && !errors.Is(err, view.ErrNotFound) {
		t.Errorf("an old clip: %v", err)
	}
}

func TestStreamsOfABatchAreForgottenOnceTheyEndedLongAgo(t *testing.T) {
	now := at(20)
	v := view.New(embeddedtest.Redis(t), time.Hour, func() time.Time { return now })
	state := func(stream domain.StreamID, lane domain.Lane, attached bool) event.Event {
		r := domain.Ref{Tenant: ref.Tenant, Stream: stream}
		return event.Event{Envelope: event.Envelope{ID: string(stream), Tenant: r.Tenant, Stream: stream, Wall: at(20), Lane: lane},
			Payload: domain.StreamState{Ref: r, Attached: attached, Lane: lane, Changed: at(20)}}
	}
	told := []event.Event{state("file-done", domain.LaneBatch, false), state("file-read", domain.LaneBatch, true), state("room", domain.LaneLive, false)}
	known := func() (ids []domain.StreamID) {
		for _, e := range told {
			if _, err := v.Stream(t.Context(), domain.Ref{Tenant: ref.Tenant, Stream: e.Stream}); err == nil {
				ids = append(ids, e.Stream)
			}
		}
		return ids
	}
	for _, when := range []struct {
		now  time.Time
		want []domain.StreamID
	}{{at(20), []domain.StreamID{"file-done", "file-read", "room"}}, {at(20).Add(2 * time.Hour), []domain.StreamID{"file-read", "room"}}} {
		now = when.now
		for _, e := range told { // again: as a rebuild reads them
			if err := v.Apply(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.Forget(t.Context(), ref.Tenant); err != nil {
			t.Fatal(err)
		}
		if got := known(); !slices.Equal(got, when.want) {
			t.Errorf("at %v known are %v, want %v", now, got, when.want)
		}
	}
}

func TestARedisThatLostEverythingIsFilledAgainFromTheTopics(t *testing.T) {
	rdb := embeddedtest.Redis(t)
	b := bus.New(bus.Config{Brokers: []string{embeddedtest.Broker(t)}, Partitions: 2, ReplicationFactor: 1}, embeddedtest.Log(t), prometheus.NewRegistry())
	t.Cleanup(func() { b.Close(context.Background()) })
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), history()...); err != nil {
		t.Fatal(err)
	}
	v := view.New(rdb, time.Hour, func() time.Time { return at(20) })
	clip := domain.NewClipID("h1", "main")
	for range 2 {
		if _, err := v.Stream(t.Context(), ref); !errors.Is(err, view.ErrRebuilding) {
			t.Fatalf("while nothing is there: %v", err)
		}
		if rebuilt, err := v.Rebuild(t.Context(), b); !rebuilt || err != nil {
			t.Fatalf("rebuild: %v %v", rebuilt, err)
		}
		stream, err := v.Stream(t.Context(), ref)
		if err != nil || !reflect.DeepEqual(stream.State, wantStream.State) || stream.Broadcast.ID != "b2" {
			t.Errorf("stream %+v %v", stream, err)
		}
		got, err := v.Clip(t.Context(), ref.Tenant, clip)
		if err != nil || got.Highlight == nil || len(got.Steps) != 2 || len(got.Publications) != 1 {
			t.Errorf("clip %+v %v", got, err)
		}
		clips, next, err := v.Clips(t.Context(), ref.Tenant, ref.Stream, "", 10)
		if err != nil || next != "" || len(clips) != 1 {
			t.Errorf("clips %v %q %v", clips, next, err)
		}
		if rebuilt, err := v.Rebuild(t.Context(), b); rebuilt || err != nil {
			t.Errorf("rebuilt what was there: %v %v", rebuilt, err)
		}
		if err := rdb.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
