package event

import (
	"fmt"

	"liveclip/internal/domain"
)

// Topic is the name of a Kafka topic.
type Topic string

const (
	StreamState        Topic = "stream.state.v1"
	BroadcastChanged   Topic = "broadcast.changed.v1"
	StreamProgress     Topic = "stream.progress.v1"
	SegmentRecorded    Topic = "segment.recorded.v1"
	TranscriptLine     Topic = "transcript.line.v1"
	SoundMeasured      Topic = "sound.measured.v1"
	AudienceSignal     Topic = "audience.signal.v1"
	HighlightFound     Topic = "highlight.found.v1"
	ClipRequested      Topic = "clip.requested.v1"
	PlanMade           Topic = "plan.made.v1"
	CutReady           Topic = "cut.ready.v1"
	ClipRendered       Topic = "clip.rendered.v1"
	ClipDecided        Topic = "clip.decided.v1"
	PublicationChanged Topic = "publication.changed.v1"
	ClipState          Topic = "clip.state.v1"
	DeliveryLogged     Topic = "delivery.logged.v1"
	PlaybackReported   Topic = "playback.reported.v1"
)

// Spec is a row of the topic table.
type Spec struct {
	Topic     Topic
	Compacted bool
	From, To  []string // services that publish and consume it
}

// Table is the way of the data. A test holds it against what the services declare and what the README draws.
var Table = []Spec{
	{StreamState, true, []string{"ops", "asr"}, []string{"asr", "detect", "prompt", "ops"}},
	{BroadcastChanged, false, []string{"asr"}, []string{"detect", "prompt", "ops"}},
	{StreamProgress, false, []string{"asr", "detect"}, []string{"detect", "ops"}},
	{SegmentRecorded, false, []string{"asr"}, []string{"ops"}},
	{TranscriptLine, false, []string{"asr"}, []string{"detect", "ops"}},
	{SoundMeasured, false, []string{"asr"}, []string{"detect"}},
	{AudienceSignal, false, []string{"ops"}, []string{"detect"}},
	{HighlightFound, false, []string{"detect"}, []string{"prompt", "ops"}},
	{ClipRequested, false, []string{"ops"}, []string{"prompt"}},
	{PlanMade, false, []string{"prompt"}, []string{"t2v"}},
	{CutReady, false, []string{"t2v"}, []string{"review"}},
	{ClipRendered, false, []string{"review"}, []string{"ops"}},
	{ClipDecided, false, []string{"review", "ops"}, []string{"t2v", "review", "publish"}},
	{PublicationChanged, false, []string{"publish"}, []string{"ops"}},
	{ClipState, true, []string{"prompt", "t2v", "review", "publish", "ops"}, []string{"asr", "t2v", "review", "ops"}},
	{DeliveryLogged, false, []string{"publish"}, nil},
	{PlaybackReported, false, []string{"ops"}, nil},
}

// Dead is the topic of what could not be handled from t: reason, error, original, where from.
func Dead(t Topic) Topic { return t + ".dead" }

// TopicOf is the topic a payload belongs on. Highlights go to HighlightFound, or to ClipRequested when By is set.
func TopicOf(payload any) (Topic, error) {
	switch p := payload.(type) {
	case domain.StreamState:
		return StreamState, nil
	case domain.BroadcastChanged:
		return BroadcastChanged, nil
	case domain.StreamProgress:
		return StreamProgress, nil
	case domain.SegmentRecorded:
		return SegmentRecorded, nil
	case domain.TranscriptLine:
		return TranscriptLine, nil
	case domain.SoundMeasured:
		return SoundMeasured, nil
	case domain.AudienceSignal:
		return AudienceSignal, nil
	case domain.Highlight:
		if p.By != "" {
			return ClipRequested, nil
		}
		return HighlightFound, nil
	case domain.Plan:
		return PlanMade, nil
	case domain.Cut:
		return CutReady, nil
	case domain.Rendered:
		return ClipRendered, nil
	case domain.Decided:
		return ClipDecided, nil
	case domain.PublicationChanged:
		return PublicationChanged, nil
	case domain.ClipStep:
		return ClipState, nil
	case domain.Delivery:
		return DeliveryLogged, nil
	case domain.PlaybackReport:
		return PlaybackReported, nil
	}
	return "", domain.Permanent(fmt.Errorf("no topic for a payload of type %T", payload))
}
