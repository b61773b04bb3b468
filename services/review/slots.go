package review

import (
	"context"
	"slices"
	"sync"

	"liveclip/internal/domain"
)

// slots are the clips that are finished at once. Live goes before manual, manual before batch, and batch never takes more
// than half: a moment must not wait for the archive.
type slots struct {
	mu      sync.Mutex
	all     int
	batch   int // that batch may take
	taken   map[domain.Lane]int
	waiting []*waiter // in order of coming
}

type waiter struct {
	lane domain.Lane
	turn chan struct{} // closed: the slot is taken
}

func newSlots(n int) *slots {
	return &slots{all: n, batch: max(1, n/2), taken: map[domain.Lane]int{}}
}

// take waits for a slot.
func (s *slots) take(ctx context.Context, lane domain.Lane) (release func(), err error) {
	w := &waiter{lane: lane, turn: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, w)
	s.next()
	s.mu.Unlock()
	select {
	case <-w.turn:
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(s.waiting, w); i >= 0 {
			s.waiting = slices.Delete(s.waiting, i, i+1)
		} else {
			s.give(lane)
		}
		return nil, ctx.Err()
	}
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.give(lane)
	}), nil
}

// atOnce is how many clips are finished now, or would be if there were more slots. The archive's wait their turn anyway.
func (s *slots) atOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.running()
	for _, w := range s.waiting {
		if w.lane != domain.LaneBatch {
			n++
		}
	}
	return n
}

func (s *slots) running() int {
	n := 0
	for _, taken := range s.taken {
		n += taken
	}
	return n
}

func (s *slots) give(lane domain.Lane) {
	s.taken[lane]--
	s.next()
}

// next gives free slots to those that wait.
func (s *slots) next() {
	for s.running() < s.all {
		i := s.first()
		if i < 0 {
			return
		}
		w := s.waiting[i]
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.taken[w.lane]++
		close(w.turn)
	}
}

// first is the index of who is next; -1: nobody may.
func (s *slots) first() int {
	for _, lane := range []domain.Lane{domain.LaneLive, domain.LaneManual, domain.LaneBatch} {
		if lane == domain.LaneBatch && s.taken[lane] >= s.batch {
			continue
		}
		if i := slices.IndexFunc(s.waiting, func(w *waiter) bool { return w.lane == lane }); i >= 0 {
			return i
		}
	}
	return -1
}

// laneOf is live for a lane that is none.
func laneOf(lane domain.Lane) domain.Lane {
	if lane == domain.LaneManual || lane == domain.LaneBatch {
		return lane
	}
	return domain.LaneLive
}
