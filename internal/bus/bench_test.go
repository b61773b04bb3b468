package bus_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"liveclip/internal/bus"
	"liveclip/internal/bus/bustest"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// A highlight's way: each event is consumed by a group of its own and followed by the next, the first through a Merge.
func BenchmarkAHighlightThroughAllTopics(b *testing.B) {
	way := []event.Topic{event.TranscriptLine, event.HighlightFound, event.PlanMade, event.CutReady, event.ClipRendered, event.ClipDecided, event.PublicationChanged}
	payloads := []any{domain.TranscriptLine{}, domain.Highlight{}, domain.Plan{}, domain.Cut{}, domain.Rendered{}, domain.Decided{}, domain.PublicationChanged{}}
	kafka := bustest.New(b)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	arrived := make(chan struct{})
	for i, topic := range way {
		handle := func(ctx context.Context, e event.Event) error {
			if i == len(way)-1 {
				arrived <- struct{}{}
				return nil
			}
			return kafka.Publish(ctx, e.Follow(payloads[i+1], time.Now(), ""))
		}
		if i == 0 {
			go kafka.Merge(ctx, "first", []event.Topic{topic, event.StreamProgress, event.AudienceSignal}, func(int) bus.Merger { return forgetful{handle} })
		} else {
			go kafka.Consume(ctx, fmt.Sprint("group", i), []event.Topic{topic}, handle)
		}
	}
	var took []time.Duration
	tell := func(n int) time.Duration {
		started := time.Now()
		e := event.Event{Envelope: event.Envelope{ID: fmt.Sprint(n), Tenant: domain.DefaultTenant, Stream: "room"}, Payload: payloads[0]}
		if err := kafka.Publish(ctx, e); err != nil {
			b.Fatal(err)
		}
		<-arrived
		return time.Since(started)
	}
	tell(-1) // everyone has joined
	for n := 0; b.Loop(); n++ {
		took = append(took, tell(n))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// forgetful is a Merger without state.
type forgetful struct{ bus.Handler }

func (forgetful) Restore(context.Context) (bus.Offsets, error)      { return nil, nil }
func (f forgetful) Handle(ctx context.Context, e event.Event) error { return f.Handler(ctx, e) }
func (forgetful) Keep(context.Context, bus.Offsets) error           { return nil }
