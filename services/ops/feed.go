package ops

import (
	"fmt"
	"sync"

	"liveclip/internal/domain"
)

const (
	subscriberQueue = 256 // full: the subscriber is dropped, and comes back with Last-Event-ID; the others can't wait for it
	feedKept        = 1024
)

// feedEvent is one event as subscribers read it.
type feedEvent struct {
	id   string
	name string
	ref  domain.Ref
	body []byte // one line of JSON
}

func (n feedEvent) text() string {
	return fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", n.id, n.name, n.body)
}

// subscriber is a client of the feed: of a tenant's streams, or of one of them unless only is empty.
type subscriber struct {
	tenant domain.Tenant
	only   domain.StreamID
	events chan feedEvent
}

func (r *subscriber) matches(n feedEvent) bool {
	return n.ref.Tenant == r.tenant && (r.only == "" || r.only == n.ref.Stream)
}

// feed hands events to every subscriber, and keeps the last ones for those who come back. Safe for concurrent use.
type feed struct {
	most    int
	metrics metrics

	mu          sync.Mutex
	subscribers map[*subscriber]struct{}
	kept        []feedEvent // a ring once full
	next        int         // where the ring goes on
	closed      bool
}

func newFeed(most int, m metrics) *feed {
	return &feed{most: most, metrics: m, subscribers: map[*subscriber]struct{}{}}
}

func (f *feed) send(n feedEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	if len(f.kept) < feedKept {
		f.kept = append(f.kept, n)
	} else {
		f.kept[f.next] = n
		f.next = (f.next + 1) % feedKept
	}
	for r := range f.subscribers {
		if !r.matches(n) {
			continue
		}
		select {
		case r.events <- n:
		default:
			f.drop(r)
			f.metrics.slow.Inc()
		}
	}
}

// subscribe adds a subscriber and gives the events since the one of ID last; missed is nil when the feed no longer holds that
// event. A new client, with last empty, is given the last lines and highlights, at most recent. Not ok: there are too many.
func (f *feed) subscribe(t domain.Tenant, only domain.StreamID, last string, recent int) (r *subscriber, missed []feedEvent, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.subscribers) >= f.most {
		return nil, nil, false
	}
	r = &subscriber{tenant: t, only: only, events: make(chan feedEvent, subscriberQueue)}
	f.subscribers[r] = struct{}{}
	f.metrics.readers.Set(float64(len(f.subscribers)))
	if last != "" {
		missed = f.since(r, last)
	} else {
		missed = f.recent(r, recent)
	}
	return r, missed, true
}

func (f *feed) recent(r *subscriber, most int) []feedEvent {
	var recent []feedEvent
	for i := range f.kept {
		if n := f.kept[(f.next+i)%len(f.kept)]; r.matches(n) && (n.name == "line" || n.name == "highlight") {
			recent = append(recent, n)
		}
	}
	return recent[max(0, len(recent)-most):]
}

func (f *feed) since(r *subscriber, last string) []feedEvent {
	var missed []feedEvent
	for i := range f.kept {
		n := f.kept[(f.next+i)%len(f.kept)]
		switch {
		case n.id == last && n.ref.Tenant == r.tenant:
			missed = []feedEvent{}
		case missed != nil && r.matches(n):
			missed = append(missed, n)
		}
	}
	return missed
}

func (f *feed) unsubscribe(r *subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, here := f.subscribers[r]; here {
		f.drop(r)
	}
}

func (f *feed) drop(r *subscriber) {
	delete(f.subscribers, r)
	close(r.events)
	f.metrics.readers.Set(float64(len(f.subscribers)))
}

// close drops every subscriber.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for r := range f.subscribers {
		f.drop(r)
	}
}
