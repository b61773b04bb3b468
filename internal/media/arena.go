package media

import "bytes"

const (
	slabSize  = 256 << 10
	slabsKept = 8
)

// arena holds the bytes of samples from when they are read until their part is cut, in slabs that are used again: a recorder
// makes next to no garbage.
type arena struct {
	current *slab
	free    []*slab
}

type slab struct {
	bytes []byte
	live  int // samples that lie in it
}

// keep copies data; release lets it go.
func (a *arena) keep(data []byte) ([]byte, *slab) {
	if len(data) > slabSize {
		return bytes.Clone(data), nil
	}
	if a.current == nil || cap(a.current.bytes)-len(a.current.bytes) < len(data) {
		a.current = a.next()
	}
	s := a.current
	from := len(s.bytes)
	s.bytes = append(s.bytes, data...)
	s.live++
	return s.bytes[from:len(s.bytes):len(s.bytes)], s
}

func (a *arena) next() *slab {
	if n := len(a.free); n > 0 {
		s := a.free[n-1]
		a.free = a.free[:n-1]
		return s
	}
	return &slab{bytes: make([]byte, 0, slabSize)}
}

func (a *arena) release(s *slab) {
	if s == nil {
		return
	}
	if s.live--; s.live > 0 {
		return
	}
	s.bytes = s.bytes[:0]
	if s != a.current && len(a.free) < slabsKept {
		a.free = append(a.free, s)
	}
}
