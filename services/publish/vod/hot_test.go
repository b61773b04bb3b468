package vod

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"liveclip/internal/outlet"
)

// sink is a Writer that sends nothing.
type sink struct {
	header http.Header
	sent   int64
}

func (s *sink) Header() http.Header                  { return s.header }
func (s *sink) WriteHeader(int)                      {}
func (s *sink) Write(p []byte) (int, error)          { s.sent += int64(len(p)); return len(p), nil }
func (s *sink) WriteHead(int, int64, []byte, []byte) {}
func (s *sink) SendFile(_ *os.File, _, n int64) (int64, error) {
	s.sent += n
	return n, nil
}
func (s *sink) LimitUnsent(int)         {}
func (s *sink) While(outlet.Going)      {}
func (s *sink) Gone() bool              { return false }
func (s *sink) Settle(o outlet.Settled) { o.Settled(s.sent) }

var _ outlet.Writer = &sink{}

// hot is a request for a range as players send it, and somebody to answer it.
func hot(t testing.TB, o *origin) (*sink, *http.Request) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, o.path("720p.mp4"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Range", "bytes=100000-165535")
	r.RemoteAddr = "192.0.2.1:4711"
	o.deps.Deliver = func(*Delivery) {}
	return &sink{header: http.Header{}}, r
}

func TestAHotRangeIsAnsweredWithAlmostNoGarbage(t *testing.T) {
	o := newOrigin(t, strings.Repeat(digits, 200))
	w, r := hot(t, o)
	allocations := testing.AllocsPerRun(1000, func() { o.ServeHTTP(w, r) })
	if allocations > 2 { // the ID of the request, which the account keeps
		t.Errorf("%g allocations", allocations)
	}
}

func BenchmarkAHotRange(b *testing.B) {
	o := newOrigin(b, strings.Repeat(digits, 200))
	w, r := hot(b, o)
	b.ReportAllocs()
	for b.Loop() {
		o.ServeHTTP(w, r)
	}
}
