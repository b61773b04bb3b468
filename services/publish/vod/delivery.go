package vod

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"sync/atomic"

	"liveclip/internal/delivery"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Delivery is a delivery and the envelope of the clip it belongs to. The envelope has no ID yet: whoever tells of it gives
// one, off the way of the answer.
type Delivery struct {
	event.Envelope
	domain.Delivery
}

// tell writes d, all of it.
func (v *Handler) tell(d *Delivery, r *http.Request, a *request, s Served) {
	m := &a.found.manifest
	said := delivery.SaidBy(r.Header, a.in.colour)
	*d = Delivery{
		Envelope: event.Envelope{Tenant: m.Tenant, Stream: m.Stream, Broadcast: m.Broadcast, Wall: a.started},
		Delivery: domain.Delivery{
			RequestID: said.RequestID,
			Clip:      a.clip,
			Hash:      a.hash,
			File:      delivery.Cut(a.file, 128),
			Profile:   a.profile,
			Method:    r.Method,
			Status:    s.Status,
			Asked:     s.Asked,
			Ranges:    s.Ranges,
			SentFrom:  s.From,
			Sent:      s.Sent,
			Acked:     s.Acked,
			Size:      s.Size,
			CacheHit:  s.CacheHit,
			Session:   a.in.Session,
			Referer:   delivery.Cut(r.Referer(), 256),
			Purpose:   said.Purpose,
			Started:   a.started,
			FirstByte: s.FirstByte,
			Took:      s.Took,
			Origin:    domain.OriginSelf,
		},
	}
	if d.Session == "" {
		d.Session = said.Session
	}
	if d.RequestID == "" {
		d.RequestID = v.requests.next()
	}
}

// numbers gives IDs to requests that have none, unique over processes and their restarts.
type numbers struct {
	prefix string
	n      atomic.Uint64
}

func newNumbers() *numbers { return &numbers{prefix: rand.Text()[:16] + "-"} }

func (n *numbers) next() string { return n.prefix + strconv.FormatUint(n.n.Add(1), 36) }
