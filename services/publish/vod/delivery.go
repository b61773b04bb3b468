package vod

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"liveclip/internal/cmcd"
	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Delivery is a delivery and the envelope of the clip it belongs to. The envelope has no ID yet: whoever tells of it gives
// one, off the way of the answer.
type Delivery struct {
	event.Envelope
	domain.Delivery
}

func (v *Handler) deliveryOf(r *http.Request, a *asked, s Served) Delivery {
	m := a.found.manifest
	said := saidBy(r)
	d := Delivery{
		Envelope: event.Envelope{Tenant: m.Tenant, Stream: m.Stream, Broadcast: m.Broadcast, Wall: a.started},
		Delivery: domain.Delivery{
			RequestID: said.requestID,
			Clip:      a.clip,
			Hash:      a.hash,
			File:      cut(a.file, 128),
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
			Referer:   cut(r.Referer(), 256),
			Purpose:   said.purpose,
			Started:   a.started,
			FirstByte: s.FirstByte,
			Took:      s.Took,
			Origin:    domain.OriginSelf,
		},
	}
	if d.Session == "" {
		d.Session = cut(said.session, 128)
	}
	if d.RequestID == "" {
		d.RequestID = v.requests.next()
	}
	return d
}

// said is what a request says of itself, and nobody has checked.
type said struct {
	requestID string
	session   string
	purpose   domain.Purpose
}

// saidBy reads the request's own ID and colour, of its header or its query, so that a player's reports can be joined with
// deliveries here and in a CDN's log: X-Request-Id or rid, X-Purpose or purpose (head, preload, fill, or P0, P1, P3), and
// CMCD.
func saidBy(r *http.Request) said {
	s := said{requestID: r.Header.Get("X-Request-Id"), purpose: purposeOf(r.Header.Get("X-Purpose"))}
	query := url.Values{}
	if raw := r.URL.RawQuery; strings.Contains(raw, "rid=") || strings.Contains(raw, "purpose=") || strings.Contains(raw, cmcd.Query+"=") {
		query = r.URL.Query()
	}
	if s.requestID == "" {
		s.requestID = query.Get("rid")
	}
	if !idPattern.MatchString(s.requestID) {
		s.requestID = ""
	}
	if s.purpose == "" {
		s.purpose = purposeOf(query.Get("purpose"))
	}
	data, _ := cmcd.Of(r.Header, query.Get(cmcd.Query)) // what cannot be read says nothing
	s.session = data.Session
	if s.purpose == "" {
		s.purpose = purposeSaid(data)
	}
	return s
}

// purposeKey is the player's own key in CMCD.
const purposeKey = "com.liveclip-purpose"

// purposeSaid takes the purpose out of CMCD: our own key, else what the standard's keys tell of it.
func purposeSaid(d cmcd.Data) domain.Purpose {
	if p := purposeOf(d.Custom[purposeKey]); p != "" {
		return p
	}
	switch {
	case d.Startup || d.Starved:
		return domain.PurposeHead
	case d.Buffered > 0:
		return domain.PurposeFill
	}
	return ""
}

func purposeOf(name string) domain.Purpose {
	switch name {
	case "head", "P0", "p0":
		return domain.PurposeHead
	case "preload", "P1", "p1":
		return domain.PurposePreload
	case "fill", "P3", "p3":
		return domain.PurposeFill
	}
	return ""
}

// numbers gives IDs to requests that have none, unique over processes and their restarts.
type numbers struct {
	prefix string
	n      atomic.Uint64
}

func newNumbers() *numbers { return &numbers{prefix: rand.Text()[:16] + "-"} }

func (n *numbers) next() string { return n.prefix + strconv.FormatUint(n.n.Add(1), 36) }

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "�")
}
