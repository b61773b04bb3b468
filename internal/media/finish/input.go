package finish

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"liveclip/internal/domain"
)

// maxWaiting is how many bytes may lie in a Feed. A source that is being read holds its sender up when it is full; sources
// sent before their turn can't hold anyone up, so too much of them is an error.
const maxWaiting = 64 << 20

// Feed hands the bytes of many sources from the one who receives them to a Clip that reads one source after another.
// One goroutine adds, another reads.
type Feed struct {
	mu      sync.Mutex
	changed *sync.Cond
	sources map[int64]*feedSource
	held    int
	starved bool // the reader waits for source reading
	reading int64
	err     error
}

type feedSource struct {
	chunks  [][]byte
	ended   bool
	reason  string
	dropped bool
}

// NewFeed makes an empty feed.
func NewFeed() *Feed {
	f := &Feed{sources: map[int64]*feedSource{}, reading: -1}
	f.changed = sync.NewCond(&f.mu)
	return f
}

func (f *Feed) source(n int64) *feedSource {
	if f.sources[n] == nil {
		f.sources[n] = &feedSource{}
	}
	return f.sources[n]
}

// Add gives the next bytes of a source; it blocks while the feed is full.
func (f *Feed) Add(source int64, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.source(source)
	if s.ended {
		return domain.Permanent(fmt.Errorf("input of source %d after its end", source))
	}
	for f.err == nil && !s.dropped && f.held > 0 && f.held+len(data) > maxWaiting {
		if f.starved && f.reading != source {
			return domain.Permanent(fmt.Errorf("input of source %d fills the memory while source %d is awaited", source, f.reading))
		}
		f.changed.Wait()
	}
	if s.dropped || len(data) == 0 {
		return nil
	}
	s.chunks = append(s.chunks, data)
	f.held += len(data)
	f.changed.Broadcast()
	return f.err
}

// End says that nothing more of a source will come, and why when that is early.
func (f *Feed) End(source int64, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.source(source)
	s.ended, s.reason = true, reason
	f.changed.Broadcast()
}

// Close ends every source that has not ended, with an error for whoever waits for it.
func (f *Feed) Close(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
	f.changed.Broadcast()
}

// drop forgets a source whose window is complete: what still comes of it is thrown away.
func (f *Feed) drop(source int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.source(source)
	for _, c := range s.chunks {
		f.held -= len(c)
	}
	s.chunks, s.dropped = nil, true
	f.changed.Broadcast()
}

// next gives a source's next bytes; io.EOF after its last, with the reason.
func (f *Feed) next(ctx context.Context, source int64) (data []byte, reason string, err error) {
	stop := context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.changed.Broadcast()
	})
	defer stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.starved = false }()
	f.reading = source
	s := f.source(source)
	for {
		switch {
		case ctx.Err() != nil:
			return nil, "", ctx.Err()
		case len(s.chunks) > 0:
			data, s.chunks = s.chunks[0], s.chunks[1:]
			f.held -= len(data)
			f.changed.Broadcast()
			return data, "", nil
		case s.ended:
			return nil, s.reason, io.EOF
		case f.err != nil:
			return nil, "", f.err
		}
		f.starved = true
		f.changed.Broadcast() // a sender of another source that fills the feed has to know
		f.changed.Wait()
	}
}

// runs reads one source as a row of runs: each begins with an initialisation segment (a box "ftyp") and ends before the next.
type runs struct {
	next   func() (data []byte, reason string, err error)
	data   []byte // received, not yet given
	box    uint64 // bytes left of the box being given
	begun  bool   // the current run's ftyp has been given
	ended  error
	reason string
}

// more makes at least n bytes ready; false at the end of the source.
func (r *runs) more(n int) bool {
	for len(r.data) < n && r.ended == nil {
		data, reason, err := r.next()
		if err != nil {
			r.ended, r.reason = err, reason
			break
		}
		if len(r.data) == 0 {
			r.data = data
		} else {
			r.data = append(r.data[:len(r.data):len(r.data)], data...)
		}
	}
	return len(r.data) >= n
}

// nextRun goes on to the next run; false when the source has no more.
func (r *runs) nextRun() bool {
	r.begun = false
	for {
		kind, ok := r.header()
		if !ok || kind == "ftyp" {
			return ok
		}
		for r.box > 0 && r.more(1) {
			r.take(len(r.data))
		}
		if r.box > 0 {
			return false
		}
	}
}

// header reads where a box begins without giving it.
func (r *runs) header() (kind string, ok bool) {
	if r.box > 0 {
		return "", true
	}
	if !r.more(8) {
		return "", false
	}
	r.box = uint64(binary.BigEndian.Uint32(r.data))
	switch {
	case r.box == 1 && r.more(16):
		r.box = binary.BigEndian.Uint64(r.data[8:])
	case r.box == 0: // to the end of the file
		r.box = 1 << 62
	}
	r.box = max(r.box, 8)
	return string(r.data[4:8]), true
}

func (r *runs) take(n int) []byte {
	n = int(min(uint64(n), r.box, uint64(len(r.data))))
	taken := r.data[:n]
	r.data, r.box = r.data[n:], r.box-uint64(n)
	return taken
}

// Read gives the current run's bytes as they come; io.EOF where it ends.
func (r *runs) Read(b []byte) (int, error) {
	kind, ok := r.header()
	switch {
	case !ok && (r.ended == nil || errors.Is(r.ended, io.EOF)):
		return 0, io.EOF // what is left is no whole box
	case !ok:
		return 0, r.ended
	case kind == "ftyp" && r.begun:
		r.box = 0 // header is read again by nextRun
		return 0, io.EOF
	}
	r.begun = true
	if !r.more(1) {
		if errors.Is(r.ended, io.EOF) {
			return 0, io.EOF
		}
		return 0, r.ended
	}
	return copy(b, r.take(len(b))), nil
}
