package event

import (
	"testing"
	"time"

	"liveclip/internal/domain"
)

// BenchmarkDeliveriesEncode is the topic with the most events: one per answer of the VOD path.
func BenchmarkDeliveriesEncode(b *testing.B) {
	e := Event{Envelope{ID: "an event's ID, as long as one", Tenant: "default", Stream: "room", Broadcast: "b1", Wall: time.Unix(1, 0)}, domain.Delivery{
		RequestID: "a request's ID", Clip: "clip", Hash: "hash", File: "720p.mp4", Profile: "720p", Method: "GET", Status: 206, Asked: "bytes=0-1023",
		Sent: 1024, Size: 1 << 20, Session: "viewer", Started: time.Unix(1, 0), FirstByte: time.Millisecond, Took: time.Millisecond, Origin: domain.OriginSelf,
	}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}
