package delivery

import (
	"encoding/json"
	"fmt"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Line is a delivery as a line of JSON.
type Line struct {
	Time        time.Time `json:"time"` // the request's start
	RequestID   string    `json:"request_id"`
	Tenant      string    `json:"tenant"`
	StreamID    string    `json:"stream_id,omitempty"`
	BroadcastID string    `json:"broadcast_id,omitempty"`
	ClipID      string    `json:"clip_id"`
	Hash        string    `json:"hash"`
	File        string    `json:"file"`
	Profile     string    `json:"profile,omitempty"` // the rung
	Method      string    `json:"method"`
	Status      int       `json:"status"`
	Asked       string    `json:"range,omitempty"` // as asked
	Ranges      int       `json:"ranges,omitempty"`
	From        int64     `json:"from"`            // first byte sent
	Sent        int64     `json:"sent"`            // bytes
	Acked       int64     `json:"acked,omitempty"` // bytes; -1: not known
	Size        int64     `json:"size,omitempty"`  // of the file
	Hit         bool      `json:"hit"`
	Session     string    `json:"session,omitempty"`
	Referer     string    `json:"referer,omitempty"`
	Purpose     string    `json:"purpose,omitempty"` // head, preload, fill
	FirstByteMS float64   `json:"first_byte_ms"`
	TookMS      float64   `json:"took_ms"`
	Origin      string    `json:"origin"` // liveclip, or the CDN that answered
}

// LineOf is the line of an event's delivery.
func LineOf(e event.Envelope, d domain.Delivery) Line {
	return Line{
		Time: d.Started.UTC(), RequestID: d.RequestID, Tenant: string(e.Tenant), StreamID: string(e.Stream), BroadcastID: string(e.Broadcast),
		ClipID: string(d.Clip), Hash: d.Hash, File: d.File, Profile: d.Profile, Method: d.Method, Status: d.Status, Asked: d.Asked,
		Ranges: d.Ranges, From: d.SentFrom, Sent: d.Sent, Acked: d.Acked, Size: d.Size, Hit: d.CacheHit, Session: d.Session,
		Referer: d.Referer, Purpose: string(d.Purpose), FirstByteMS: milliseconds(d.FirstByte), TookMS: milliseconds(d.Took), Origin: d.Origin,
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// delivery is the line's record; Started and times to the microsecond.
func (l Line) delivery() domain.Delivery {
	return domain.Delivery{
		RequestID: l.RequestID, Clip: domain.ClipID(l.ClipID), Hash: l.Hash, File: l.File, Profile: l.Profile, Method: l.Method,
		Status: l.Status, Asked: l.Asked, Ranges: l.Ranges, SentFrom: l.From, Sent: l.Sent, Acked: l.Acked, Size: l.Size, CacheHit: l.Hit,
		Session: l.Session, Referer: l.Referer, Purpose: domain.Purpose(l.Purpose), Started: l.Time.UTC(),
		FirstByte: duration(l.FirstByteMS), Took: duration(l.TookMS), Origin: l.Origin,
	}
}

// duration of a log's milliseconds; nonsense is none.
func duration(ms float64) time.Duration {
	if !(ms > 0 && ms < 1e10) {
		return 0
	}
	return time.Duration(ms*1000) * time.Microsecond
}

// readOwn reads a line of the VOD path's own log file.
func readOwn(_ *Importer, text string) (entry, error) {
	var l Line
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return entry{}, fmt.Errorf("no line of ours: %w", err)
	}
	tenant, err := domain.ParseTenant(l.Tenant)
	if err != nil {
		return entry{}, err
	}
	e := entry{tenant: tenant, Delivery: l.delivery(), stream: domain.StreamID(l.StreamID), broadcast: domain.BroadcastID(l.BroadcastID)}
	if e.Clip == "" || e.Started.IsZero() || e.Sent < 0 || e.Status < 100 || e.Status > 599 {
		return entry{}, fmt.Errorf("clip %q, status %d, %d bytes sent: that is no delivery", l.ClipID, l.Status, l.Sent)
	}
	return e, nil
}
