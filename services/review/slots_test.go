package review

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"liveclip/internal/domain"
)

// queued waits until so many wait for a slot.
func (s *slots) queued(n int) {
	for {
		s.mu.Lock()
		waiting := len(s.waiting)
		s.mu.Unlock()
		if waiting == n {
			return
		}
		runtime.Gosched()
	}
}

func TestPlacesGoToLiveThenManualThenBatch(t *testing.T) {
	s := newSlots(1)
	release, err := s.take(t.Context(), domain.LaneBatch)
	if err != nil {
		t.Fatal(err)
	}
	order := make(chan domain.Lane)
	for i, lane := range []domain.Lane{domain.LaneBatch, domain.LaneManual, domain.LaneLive, domain.LaneLive} {
		go func() {
			release, err := s.take(t.Context(), lane)
			if err != nil {
				t.Error(err)
			}
			order <- lane
			release()
		}()
		s.queued(i + 1)
	}
	release()
	release() // again changes nothing
	var got []domain.Lane
	for range 4 {
		got = append(got, <-order)
	}
	if want := []domain.Lane{domain.LaneLive, domain.LaneLive, domain.LaneManual, domain.LaneBatch}; !slices.Equal(got, want) {
		t.Errorf("places went to %v, want %v", got, want)
	}
}

func TestBatchLeavesHalfOfThePlacesToMoments(t *testing.T) {
	s := newSlots(4)
	for want := 1; want <= 2; want++ {
		if _, err := s.take(t.Context(), domain.LaneBatch); err != nil || s.atOnce() != want {
			t.Fatalf("%d at once, error %v", s.atOnce(), err)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	third := make(chan error)
	go func() {
		_, err := s.take(stopped, domain.LaneBatch)
		third <- err
	}()
	s.queued(1)
	for want := 3; want <= 4; want++ {
		if _, err := s.take(t.Context(), domain.LaneLive); err != nil || s.atOnce() != want {
			t.Fatalf("%d at once, error %v", s.atOnce(), err)
		}
	}
	stop()
	if err := <-third; !errors.Is(err, context.Canceled) {
		t.Errorf("a third batch clip ended its wait with %v", err)
	}
	s.queued(0)
}

func TestClipsThatWaitForAPlaceCountAsMadeAtOnceButForTheArchive(t *testing.T) {
	s := newSlots(1)
	if _, err := s.take(t.Context(), domain.LaneManual); err != nil {
		t.Fatal(err)
	}
	for i, lane := range []domain.Lane{domain.LaneLive, domain.LaneManual, domain.LaneBatch} {
		go func() { _, _ = s.take(t.Context(), lane) }()
		s.queued(i + 1)
	}
	if n := s.atOnce(); n != 3 {
		t.Errorf("%d at once, not 3", n)
	}
}
