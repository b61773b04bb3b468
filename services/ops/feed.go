package ops

import (
	"fmt"
	"sync"

	"liveclip/internal/domain"
)

const (
	readerQueue = 256 // full: the reader is let go, and comes back with Last-Event-ID; the others can't wait for it
	feedKept    = 1024
)

// news is one event as readers see it.
type news struct {
	id   string
	name string
	ref  domain.Ref
	body []byte // one line of JSON
}

func (n news) text() string {
	return fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", n.id, n.name, n.body)
}

// reader is someone who reads the feed: of a tenant, and of one stream unless only is empty.
type reader struct {
	tenant domain.Tenant
	only   domain.StreamID
	news   chan news
}

func (r *reader) wants(n news) bool {
	return n.ref.Tenant == r.tenant && (r.only == "" || r.only == n.ref.Stream)
}

// feed hands news to every reader, and keeps the last for those who come back. Safe for concurrent use.
type feed struct {
	most    int
	metrics metrics

	mu      sync.Mutex
	readers map[*reader]struct{}
	kept    []news // a ring once full
	next    int    // where the ring goes on
	closed  bool
}

func newFeed(most int, m metrics) *feed {
	return &feed{most: most, metrics: m, readers: map[*reader]struct{}{}}
}

func (f *feed) send(n news) {
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
	for r := range f.readers {
		if !r.wants(n) {
			continue
		}
		select {
		case r.news <- n:
		default:
			f.drop(r)
			f.metrics.slow.Inc()
		}
	}
}

// join gives a reader and what it missed since the event of ID last; missed is nil when that is not at hand any more. A
// reader that comes first, last being empty, is given the recent lines and highlights, at most so many.
func (f *feed) join(t domain.Tenant, only domain.StreamID, last string, recent int) (r *reader, missed []news, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.readers) >= f.most {
		return nil, nil, false
	}
	r = &reader{tenant: t, only: only, news: make(chan news, readerQueue)}
	f.readers[r] = struct{}{}
	f.metrics.readers.Set(float64(len(f.readers)))
	if last != "" {
		missed = f.since(r, last)
	} else {
		missed = f.recent(r, recent)
	}
	return r, missed, true
}

func (f *feed) recent(r *reader, most int) []news {
	var recent []news
	for i := range f.kept {
		if n := f.kept[(f.next+i)%len(f.kept)]; r.wants(n) && (n.name == "line" || n.name == "highlight") {
			recent = append(recent, n)
		}
	}
	return recent[max(0, len(recent)-most):]
}

func (f *feed) since(r *reader, last string) []news {
	var missed []news
	for i := range f.kept {
		n := f.kept[(f.next+i)%len(f.kept)]
		switch {
		case n.id == last && n.ref.Tenant == r.tenant:
			missed = []news{}
		case missed != nil && r.wants(n):
			missed = append(missed, n)
		}
	}
	return missed
}

func (f *feed) leave(r *reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, here := f.readers[r]; here {
		f.drop(r)
	}
}

func (f *feed) drop(r *reader) {
	delete(f.readers, r)
	close(r.news)
	f.metrics.readers.Set(float64(len(f.readers)))
}

// close lets every reader go.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for r := range f.readers {
		f.drop(r)
	}
}
