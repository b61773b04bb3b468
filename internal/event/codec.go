package event

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"liveclip/internal/domain"
	eventv1 "liveclip/proto/event/v1"
)

// The codec copies fields by name between the domain types and their messages: a field "RemoteID" here is "remote_id"
// there, a time.Duration is its nanoseconds, a time.Time its Unix nanoseconds (0: zero time). A test holds every domain
// field against its message, so that none can be forgotten.

// Encode gives the record value of e. It fails when the payload has no topic.
func Encode(e Event) ([]byte, error) { return Append(nil, e) }

// Append appends what Encode gives.
func Append(b []byte, e Event) ([]byte, error) {
	if d, ok := e.Payload.(domain.Delivery); ok {
		if all, ok := appendDelivery(b, &e.Envelope, &d); ok {
			return all, nil
		}
	}
	message := &eventv1.Event{Envelope: &eventv1.Envelope{}}
	copyStruct(reflect.ValueOf(message.Envelope).Elem(), reflect.ValueOf(e.Envelope))
	if err := setPayload(message, e.Payload); err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	all, err := proto.MarshalOptions{}.MarshalAppend(b, message)
	if err != nil {
		return nil, domain.Permanent(fmt.Errorf("encode event %s: %w", e.ID, err))
	}
	return all, nil
}

// Decode reads what Encode wrote. It fails permanently on bytes that are no event, or one of a kind it does not know.
func Decode(value []byte) (Event, error) {
	var message eventv1.Event
	if err := proto.Unmarshal(value, &message); err != nil {
		return Event{}, domain.Permanent(fmt.Errorf("decode event: %w", err))
	}
	var e Event
	if message.Envelope != nil {
		copyStruct(reflect.ValueOf(&e.Envelope).Elem(), reflect.ValueOf(message.Envelope).Elem())
	}
	payload, err := getPayload(&message)
	if err != nil {
		return Event{}, fmt.Errorf("decode event %s: %w", e.ID, err)
	}
	e.Payload = payload
	return e, nil
}

// setPayload fills the oneof whose wrapper field has the message type of the payload's topic.
func setPayload(message *eventv1.Event, payload any) error {
	topic, err := TopicOf(payload)
	if err != nil {
		return err
	}
	wrapper := reflect.New(wrappers[topic])
	field := wrapper.Elem().Field(0)
	field.Set(reflect.New(field.Type().Elem()))
	copyStruct(field.Elem(), reflect.ValueOf(payload))
	reflect.ValueOf(message).Elem().Field(payloadField).Set(wrapper)
	return nil
}

func getPayload(message *eventv1.Event) (any, error) {
	if message.Payload == nil {
		return nil, domain.Permanent(fmt.Errorf("no payload, or one of a later version"))
	}
	wrapper := reflect.ValueOf(message.Payload).Elem()
	kind, ok := payloads[wrapper.Type()]
	if !ok {
		return nil, domain.Permanent(fmt.Errorf("payload %s is unknown", wrapper.Type()))
	}
	payload := reflect.New(kind).Elem()
	if inner := wrapper.Field(0); !inner.IsNil() {
		copyStruct(payload, inner.Elem())
	}
	return payload.Interface(), nil
}

var payloadField = func() int {
	field, _ := reflect.TypeFor[eventv1.Event]().FieldByName("Payload")
	return field.Index[0]
}()

var wrappers = map[Topic]reflect.Type{
	StreamState:        reflect.TypeFor[eventv1.Event_StreamState](),
	BroadcastChanged:   reflect.TypeFor[eventv1.Event_BroadcastChanged](),
	StreamProgress:     reflect.TypeFor[eventv1.Event_StreamProgress](),
	SegmentRecorded:    reflect.TypeFor[eventv1.Event_SegmentRecorded](),
	TranscriptLine:     reflect.TypeFor[eventv1.Event_TranscriptLine](),
	SoundMeasured:      reflect.TypeFor[eventv1.Event_SoundMeasured](),
	AudienceSignal:     reflect.TypeFor[eventv1.Event_AudienceSignal](),
	HighlightFound:     reflect.TypeFor[eventv1.Event_HighlightFound](),
	ClipRequested:      reflect.TypeFor[eventv1.Event_ClipRequested](),
	PlanMade:           reflect.TypeFor[eventv1.Event_PlanMade](),
	CutReady:           reflect.TypeFor[eventv1.Event_CutReady](),
	ClipRendered:       reflect.TypeFor[eventv1.Event_ClipRendered](),
	ClipDecided:        reflect.TypeFor[eventv1.Event_ClipDecided](),
	PublicationChanged: reflect.TypeFor[eventv1.Event_PublicationChanged](),
	ClipState:          reflect.TypeFor[eventv1.Event_ClipState](),
	DeliveryLogged:     reflect.TypeFor[eventv1.Event_DeliveryLogged](),
	PlaybackReported:   reflect.TypeFor[eventv1.Event_PlaybackReported](),
}

var payloads = map[reflect.Type]reflect.Type{
	wrappers[StreamState]:        reflect.TypeFor[domain.StreamState](),
	wrappers[BroadcastChanged]:   reflect.TypeFor[domain.BroadcastChanged](),
	wrappers[StreamProgress]:     reflect.TypeFor[domain.StreamProgress](),
	wrappers[SegmentRecorded]:    reflect.TypeFor[domain.SegmentRecorded](),
	wrappers[TranscriptLine]:     reflect.TypeFor[domain.TranscriptLine](),
	wrappers[SoundMeasured]:      reflect.TypeFor[domain.SoundMeasured](),
	wrappers[AudienceSignal]:     reflect.TypeFor[domain.AudienceSignal](),
	wrappers[HighlightFound]:     reflect.TypeFor[domain.Highlight](),
	wrappers[ClipRequested]:      reflect.TypeFor[domain.Highlight](),
	wrappers[PlanMade]:           reflect.TypeFor[domain.Plan](),
	wrappers[CutReady]:           reflect.TypeFor[domain.Cut](),
	wrappers[ClipRendered]:       reflect.TypeFor[domain.Rendered](),
	wrappers[ClipDecided]:        reflect.TypeFor[domain.Decided](),
	wrappers[PublicationChanged]: reflect.TypeFor[domain.PublicationChanged](),
	wrappers[ClipState]:          reflect.TypeFor[domain.ClipStep](),
	wrappers[DeliveryLogged]:     reflect.TypeFor[domain.Delivery](),
	wrappers[PlaybackReported]:   reflect.TypeFor[domain.PlaybackReport](),
}

var timeType = reflect.TypeFor[time.Time]()

// pair is a field of the destination and its namesake in the source.
type pair struct{ to, from int }

var pairs sync.Map // [2]reflect.Type → []pair

func pairsOf(to, from reflect.Type) []pair {
	key := [2]reflect.Type{to, from}
	if known, ok := pairs.Load(key); ok {
		return known.([]pair)
	}
	var found []pair
	for i := range to.NumField() {
		for j := range from.NumField() {
			if to.Field(i).IsExported() && from.Field(j).IsExported() && strings.EqualFold(to.Field(i).Name, from.Field(j).Name) {
				found = append(found, pair{i, j})
			}
		}
	}
	pairs.Store(key, found)
	return found
}

func copyStruct(to, from reflect.Value) {
	for _, p := range pairsOf(to.Type(), from.Type()) {
		copyValue(to.Field(p.to), from.Field(p.from))
	}
}

// copyValue copies between a domain value and its message's, in either direction.
func copyValue(to, from reflect.Value) {
	switch {
	case from.Type() == timeType:
		if t := from.Interface().(time.Time); !t.IsZero() {
			to.SetInt(t.UnixNano())
		}
	case to.Type() == timeType:
		if from.Int() != 0 {
			to.Set(reflect.ValueOf(time.Unix(0, from.Int()).UTC()))
		}
	case from.Kind() == reflect.Pointer:
		if !from.IsNil() {
			copyValue(to, from.Elem())
		}
	case to.Kind() == reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		copyValue(to.Elem(), from)
	case to.Kind() == reflect.Struct:
		copyStruct(to, from)
	case to.Kind() == reflect.Slice:
		if from.Len() == 0 {
			return
		}
		to.Set(reflect.MakeSlice(to.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			copyValue(to.Index(i), from.Index(i))
		}
	case to.Kind() == reflect.Map:
		if from.Len() == 0 {
			return
		}
		to.Set(reflect.MakeMapWithSize(to.Type(), from.Len()))
		for key, value := range from.Seq2() {
			to.SetMapIndex(key.Convert(to.Type().Key()), value.Convert(to.Type().Elem()))
		}
	case to.Kind() == reflect.String && from.Kind() == reflect.String: // Convert would allocate
		to.SetString(from.String())
	case to.CanInt() && from.CanInt():
		to.SetInt(from.Int())
	default:
		to.Set(from.Convert(to.Type()))
	}
}
