package vod

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Delivery is a delivery and the envelope of the clip it belongs to.
type Delivery struct {
	event.Envelope
	domain.Delivery
}

var purposes = map[string]bool{"head": true, "preload": true, "fill": true}

func (v *Handler) deliveryOf(r *http.Request, a asked, s Served) Delivery {
	m := a.found.manifest
	d := Delivery{
		Envelope: event.Envelope{Tenant: m.Tenant, Stream: m.Stream, Broadcast: m.Broadcast, Wall: a.started},
		Delivery: domain.Delivery{
			RequestID: requestID(r),
			Clip:      a.clip,
			Hash:      a.hash,
			File:      cut(a.file, 128),
			Method:    r.Method,
			Status:    s.Status,
			Asked:     s.Asked,
			SentFrom:  s.From,
			Sent:      s.Sent,
			Session:   a.grant.Session,
			Referer:   cut(r.Referer(), 256),
			Started:   a.started,
			FirstByte: s.FirstByte,
			Took:      s.Took,
		},
	}
	if purpose := r.URL.Query().Get("purpose"); purposes[purpose] {
		d.Purpose = domain.Purpose(purpose)
	}
	d.ID = domain.H("delivery", d.RequestID, strconv.FormatInt(a.started.UnixNano(), 10), rand.Text())
	return d
}

// requestID is the client's, when it looks like one, so that players' reports can be joined with it.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); idPattern.MatchString(id) {
		return id
	}
	return rand.Text()
}

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "�")
}
