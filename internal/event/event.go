package event

import (
	"strconv"
	"time"

	"liveclip/internal/domain"
)

// Envelope is what every event says of itself.
type Envelope struct {
	ID        string // the same when the same fact is told again
	Tenant    domain.Tenant
	Stream    domain.StreamID
	Broadcast domain.BroadcastID
	Epoch     int64         // of the stream's owner; lower than one already seen: stale
	Sequence  int64         // rising within (broadcast, epoch, topic)
	At        time.Duration // media time
	Wall      time.Time     // when the fact became known
	Cause     string        // ID of the event it follows from
	Lane      domain.Lane
	Trace     string // W3C traceparent; empty: none
}

// Ref is the stream the event belongs to.
func (e Envelope) Ref() domain.Ref { return domain.Ref{Tenant: e.Tenant, Stream: e.Stream} }

// Event is an envelope and its payload: a value (not a pointer) of one of the domain types TopicOf knows.
type Event struct {
	Envelope
	Payload any
}

// Follow makes the event that follows from e: the same stream, broadcast, lane and trace, e as its cause, and an ID that a
// repeat of e gives again. The discriminator tells apart several events of one payload type that follow from the same e.
func (e Envelope) Follow(payload any, wall time.Time, discriminator string) Event {
	next := e
	topic, _ := TopicOf(payload)
	next.ID = domain.H("event", string(topic), e.ID, discriminator)
	next.Cause = e.ID
	next.Wall = wall
	next.Sequence = 0
	return Event{next, payload}
}

// Key is the record's key. It begins with "tenant/stream"; clip.state adds the clip, the step and the destination, so
// that compaction keeps a clip's whole story.
func (e Event) Key() string {
	key := e.Ref().String()
	if p, ok := e.Payload.(domain.ClipStep); ok {
		key += "/" + string(p.Clip) + "/" + strconv.Itoa(p.Revision) + "/" + string(p.Step)
		if p.Destination != "" {
			key += "/" + p.Destination
		}
	}
	return key
}

// PartitionKey is the part of a record's key that places it: "tenant/stream". All events of a stream share a partition
// number on every topic.
func PartitionKey[K string | []byte](key K) K {
	slashes := 0
	for i := range len(key) {
		if key[i] == '/' {
			if slashes++; slashes == 2 {
				return key[:i]
			}
		}
	}
	return key
}
