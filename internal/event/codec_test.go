package event

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

// fill sets every field under v to a value that is not its zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == timeType:
		v.Set(reflect.ValueOf(time.Unix(1_700_000_000, int64(*n)).UTC()))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, n)
		v.SetMapIndex(reflect.ValueOf("key").Convert(v.Type().Key()), value)
	case v.Kind() == reflect.String:
		v.SetString("s" + time.Duration(*n).String())
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.CanFloat():
		v.SetFloat(float64(*n) + 0.5)
	}
}

func TestEveryFieldOfEveryEventSurvivesTheCodec(t *testing.T) {
	for _, kind := range payloads {
		t.Run(kind.Name(), func(t *testing.T) {
			n := 0
			payload := reflect.New(kind).Elem()
			fill(payload, &n)
			var want Event
			fill(reflect.ValueOf(&want.Envelope).Elem(), &n)
			want.Payload = payload.Interface()
			value, err := Encode(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(value)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestADeliveryThatIsNoTextIsAPermanentError(t *testing.T) {
	if _, err := Encode(Event{Payload: domain.Delivery{Referer: "\xff"}}); !domain.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestARequestedHighlightGoesToItsOwnTopic(t *testing.T) {
	for by, want := range map[string]Topic{"": HighlightFound, "operator": ClipRequested} {
		if got, err := TopicOf(domain.Highlight{By: by}); err != nil || got != want {
			t.Errorf("by %q: got %s, %v; want %s", by, got, err, want)
		}
	}
}

func TestAnUnknownPayloadIsAPermanentError(t *testing.T) {
	if _, err := Encode(Event{Payload: 7}); !domain.IsPermanent(err) || !strings.Contains(err.Error(), "int") {
		t.Errorf("got %v", err)
	}
}

func TestTheSameCauseGivesTheSameEventID(t *testing.T) {
	cause := Envelope{ID: "cause", Broadcast: "b"}
	first := cause.Follow(domain.Plan{}, time.Unix(1, 0), "")
	again := cause.Follow(domain.Plan{}, time.Unix(9, 0), "")
	if first.ID != again.ID || first.Cause != "cause" || first.Broadcast != "b" {
		t.Errorf("got %+v and %+v", first.Envelope, again.Envelope)
	}
	if other := cause.Follow(domain.Cut{}, time.Unix(1, 0), ""); other.ID == first.ID {
		t.Error("a plan and a cut that follow from one event share an ID")
	}
}

func TestAClipsStoryIsKeyedByStepAndPlacedByStream(t *testing.T) {
	e := Event{Envelope{Tenant: "t", Stream: "s"}, domain.ClipStep{Clip: "c", Step: domain.StepSent, Destination: "folder"}}
	if got, want := e.Key(), "t/s/c/0/sent/folder"; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
	if got := PartitionKey(e.Key()); got != "t/s" {
		t.Errorf("partition key %q", got)
	}
}

func FuzzDecodeNeverPanics(f *testing.F) {
	value, _ := Encode(Event{Envelope{ID: "e"}, domain.Plan{Clip: "c", Shots: []domain.Shot{{Kind: domain.ShotFootage}}}})
	f.Add(value)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		if e, err := Decode(value); err == nil {
			if _, err := Encode(e); err != nil && !domain.IsPermanent(err) {
				t.Fatal(err)
			}
		}
	})
}
