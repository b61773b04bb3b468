package asr

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
	"liveclip/internal/recording"
	mediav1 "liveclip/proto/media/v1"
)

func TestLoudnessIsToldInFewEventsOfBoundedSize(t *testing.T) {
	const step = 100 * time.Millisecond
	var measured []domain.SoundMeasured
	for i := range 20_000 {
		measured = append(measured, domain.SoundMeasured{Start: time.Duration(i) * step, Step: step, Momentary: []float64{-20}})
	}
	measured = append(measured, domain.SoundMeasured{Start: time.Hour, Step: step, Momentary: []float64{-20}}) // after a gap
	var got []int
	for _, s := range mergeSound(measured) {
		got = append(got, len(s.Momentary))
	}
	if want := []int{6000, 6000, 6000, 2000, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatIsNoticedIsToldWithTheSoundItWasNoticedIn(t *testing.T) {
	const step = 100 * time.Millisecond
	applause := []domain.SoundEvent{{Kind: "applause", Window: domain.Window{End: time.Second}, Confidence: 1}}
	var measured []domain.SoundMeasured
	for i := range 5 {
		measured = append(measured, domain.SoundMeasured{Start: time.Duration(i) * step, Step: step, Momentary: []float64{-20}})
	}
	measured[2].Events = applause
	want := []domain.SoundMeasured{
		{Start: 0, Step: step, Momentary: []float64{-20, -20}},
		{Start: 2 * step, Step: step, Momentary: []float64{-20, -20, -20}, Events: applause},
	}
	if got := mergeSound(measured); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// unsteadyBus takes every third of what is published without saying so.
type unsteadyBus struct {
	calls int
	taken []any
}

func (u *unsteadyBus) Publish(_ context.Context, events ...event.Event) error {
	for _, e := range events {
		u.taken = append(u.taken, e.Payload)
	}
	if u.calls++; u.calls%3 == 0 {
		return errors.New("the broker went away")
	}
	return nil
}

// unheardRoom is one that no engine hears.
type unheardRoom struct{}

func (unheardRoom) chosenHearing() domain.Hearing { return domain.Hearing{Engine: engineNone} }
func (unheardRoom) usesCaptions() bool            { return false }
func (unheardRoom) hearingOff() bool              { return true }

func TestNoMarkCoversSoundThatIsToldAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spool, err := recording.Create(recording.WriterConfig{Folder: t.TempDir(), Ref: ref("a"), Broadcast: "b", Epoch: 1}, nil, embeddedtest.Log(t))
		if err != nil {
			t.Fatal(err)
		}
		told := &unsteadyBus{}
		b := &broadcast{broadcastIdentity: broadcastIdentity{id: "b", live: true}, bus: told, now: time.Now, writer: spool, room: unheardRoom{}, onAir: true,
			lastSound: time.Now(), parameters: domain.MediaParameters{SampleRate: 44100}, sequence: map[event.Topic]int64{}, log: embeddedtest.Log(t)}
		random := rand.New(rand.NewPCG(5, 5))
		loud := &mediav1.Loudness{Step: int64(100 * time.Millisecond)}
		for range 300 {
			switch random.IntN(3) {
			case 0: // the picture is up to a second ahead of its sound
				b.recordedTo = max(b.recordedTo, b.loudTo+time.Duration(random.Int64N(int64(time.Second))))
			case 1:
				loud.Momentary = slices.Repeat([]float64{-20}, 1+random.IntN(8))
				b.addLoudness(loud)
				loud.Start += int64(len(loud.Momentary)) * loud.Step
			case 2:
				if err := b.publishNow(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		var measured, covered, heard time.Duration
		marks := 0
		for _, payload := range told.taken {
			switch p := payload.(type) {
			case domain.SoundMeasured:
				measured = max(measured, p.Start+time.Duration(len(p.Momentary))*p.Step)
			case domain.StreamProgress:
				covered, heard, marks = p.RecordedTo-p.Unmeasured, p.HeardTo, marks+1
				if covered > measured || heard > measured {
					t.Fatalf("a mark covers %v and says %v was heard; sound was told to %v", covered, heard, measured)
				}
			}
		}
		if marks < 20 || covered < 10*time.Second || heard < 10*time.Second {
			t.Errorf("%d marks to %v, heard to %v", marks, covered, heard)
		}
	})
}
