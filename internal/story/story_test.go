package story

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"liveclip/internal/bus/bustest"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// ago is a step of a clip some time before noon.
func ago(clip string, step domain.Step, d time.Duration) domain.ClipStep {
	return domain.ClipStep{Clip: domain.ClipID(clip), Revision: 1, Step: step, At: noon.Add(-d)}
}

func decided(clip string, v domain.Verdict, d time.Duration) domain.ClipStep {
	s := ago(clip, domain.StepDecided, d)
	s.Decided = &domain.Decided{Verdict: v}
	return s
}

func revised(s domain.ClipStep, revision int) domain.ClipStep { s.Revision = revision; return s }

func told(steps ...domain.ClipStep) *Table {
	t := New(nil, time.Hour, func() time.Time { return noon }, slog.New(slog.DiscardHandler))
	for _, s := range steps {
		t.take(envelope(s), s)
	}
	t.caughtUp = true
	return t
}

func envelope(s domain.ClipStep) event.Envelope {
	return event.Envelope{ID: fmt.Sprint(s.Clip, s.Step), Tenant: domain.DefaultTenant, Stream: "room", Wall: s.At, Lane: domain.LaneLive}
}

func TestWaitingIsWhoseNextStepNeverCame(t *testing.T) {
	const age = 10 * time.Second
	for _, test := range []struct {
		name  string
		steps []domain.ClipStep
		want  []domain.ClipID
	}{
		{"a clip cut long ago and not rendered waits", []domain.ClipStep{ago("c", domain.StepCut, time.Minute)}, []domain.ClipID{"c"}},
		{"one cut just now does not", []domain.ClipStep{ago("c", domain.StepCut, time.Second)}, nil},
		{"nor one rendered", []domain.ClipStep{ago("c", domain.StepCut, time.Minute), ago("c", domain.StepRendered, time.Second)}, nil},
		{"nor one that failed", []domain.ClipStep{ago("c", domain.StepCut, time.Minute), ago("c", domain.StepFailed, 0)}, nil},
		{"nor one rejected", []domain.ClipStep{ago("c", domain.StepCut, time.Minute), decided("c", domain.VerdictRejected, 0)}, nil},
		{"nor one taken down", []domain.ClipStep{ago("c", domain.StepCut, time.Minute), ago("c", domain.StepTakenDown, 0)}, nil},
		{"nor one that was never cut", []domain.ClipStep{ago("c", domain.StepPlanned, time.Minute)}, nil},
		{"one that needs a person does", []domain.ClipStep{ago("c", domain.StepCut, time.Minute), decided("c", domain.VerdictNeedsPerson, 0)}, []domain.ClipID{"c"}},
		{"one approved after it was rejected does", []domain.ClipStep{
			ago("c", domain.StepCut, time.Minute), decided("c", domain.VerdictRejected, 30*time.Second), decided("c", domain.VerdictApproved, 0),
		}, []domain.ClipID{"c"}},
		{"one whose rejection by rule is told after a person approved it does, too", []domain.ClipStep{
			ago("c", domain.StepCut, time.Minute), decided("c", domain.VerdictApproved, 0), decided("c", domain.VerdictRejected, 30*time.Second),
		}, []domain.ClipID{"c"}},
		{"a new revision begins its story anew", []domain.ClipStep{
			ago("c", domain.StepCut, time.Hour/2), ago("c", domain.StepRendered, time.Hour/2), revised(ago("c", domain.StepCut, time.Minute), 2),
		}, []domain.ClipID{"c"}},
		{"what an old revision still says counts no more", []domain.ClipStep{
			revised(ago("c", domain.StepCut, time.Minute), 2), ago("c", domain.StepRendered, 0),
		}, []domain.ClipID{"c"}},
		{"the longest waiting comes first", []domain.ClipStep{
			ago("b", domain.StepCut, time.Minute), ago("a", domain.StepCut, 2*time.Minute), ago("c", domain.StepCut, 3*time.Minute),
		}, []domain.ClipID{"c", "a", "b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []domain.ClipID
			for _, c := range told(test.steps...).Waiting(domain.StepCut, domain.StepRendered, age) {
				got = append(got, c.Steps[domain.StepCut].Clip)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("waiting are %v, not %v", got, test.want)
			}
		})
	}
}

func TestAWaitingClipBringsItsStory(t *testing.T) {
	sent := ago("c", domain.StepSent, time.Second)
	sent.Destination = "folder"
	table := told(ago("c", domain.StepPublished, time.Minute), sent)
	want := []Clip{{
		Envelope: envelope(sent),
		Steps: map[domain.Step]domain.ClipStep{
			domain.StepPublished: ago("c", domain.StepPublished, time.Minute), domain.StepSent: sent,
		},
		Sent: map[string]domain.ClipStep{"folder": sent},
	}}
	if got := table.Waiting(domain.StepPublished, domain.StepTakenDown, 0); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestEndedStoriesAreLetGoWhenOld(t *testing.T) {
	table := told(
		ago("published", domain.StepPublished, 2*time.Hour), ago("failed", domain.StepFailed, 2*time.Hour),
		ago("fresh", domain.StepPublished, time.Minute), ago("open", domain.StepCut, 2*time.Hour),
		decided("undecided", domain.VerdictNeedsPerson, abandoned+time.Hour),
	)
	table.prune()
	var left []domain.ClipID
	for _, id := range []domain.ClipID{"failed", "fresh", "open", "published", "undecided"} {
		if table.clips[id] != nil {
			left = append(left, id)
		}
	}
	if want := []domain.ClipID{"fresh", "open"}; !reflect.DeepEqual(left, want) {
		t.Errorf("left are %v", left)
	}
}

func TestTheTableStaysWithinItsLimit(t *testing.T) {
	table := told()
	table.limit = 50
	for i := range 500 {
		s := ago(fmt.Sprint("c", i), domain.StepCut, time.Duration(1000-i)*time.Second)
		table.take(envelope(s), s)
		if len(table.clips) > table.limit {
			t.Fatalf("holds %d clips", len(table.clips))
		}
	}
	if table.clips["c499"] == nil {
		t.Error("the newest was let go")
	}
}

func TestTheSweeperPutsBackWhatTheStoryLacks(t *testing.T) {
	b := bustest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, s := range []domain.ClipStep{
		ago("lost", domain.StepCut, time.Minute), ago("well", domain.StepCut, time.Minute), ago("well", domain.StepRendered, 0),
	} {
		if err := b.Publish(ctx, event.Event{Envelope: envelope(s), Payload: s}); err != nil {
			t.Fatal(err)
		}
	}
	table := New(b, time.Hour, func() time.Time { return noon }, slog.New(slog.DiscardHandler))
	if got := table.Waiting(domain.StepCut, domain.StepRendered, 0); got != nil {
		t.Errorf("before the story was read %v wait", got)
	}
	ran := make(chan error, 2)
	running, stop := context.WithCancel(ctx)
	go func() { ran <- table.Run(running) }()
	back, tries := make(chan domain.ClipID, 8), atomic.Int32{}
	go func() {
		ran <- table.Sweep(running, domain.StepCut, domain.StepRendered, time.Second, 20*time.Millisecond, func(_ context.Context, c Clip) error {
			if tries.Add(1) == 1 {
				return errors.New("redis is away")
			}
			select {
			case back <- c.Steps[domain.StepCut].Clip:
			default:
			}
			return nil
		})
	}()
	for range 2 {
		select {
		case id := <-back:
			if id != "lost" {
				t.Errorf("put back %s", id)
			}
		case <-ctx.Done():
			t.Fatal("nothing was put back")
		}
	}
	stop()
	for range 2 {
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}
}
