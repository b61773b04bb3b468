package asr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"liveclip/internal/embedded/embeddedtest"
	mediav1 "liveclip/proto/media/v1"
)

// inPool runs a pool of so many recognisers, each of a place, in a bubble whose time is its own.
func inPool(t *testing.T, workers int, heard func(*mediav1.Hear) error, test func(t *testing.T, p *pool, alive func() int)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(workers, func(context.Context) (loadedRecogniser, error) {
			return loadedRecogniser{&fakeRecogniser{heard: heard, answers: make(chan *mediav1.FromChild, 1), closed: make(chan struct{})}, 1, 100 * time.Millisecond, 0.5}, nil
		}, embeddedtest.Log(t), prometheus.NewRegistry())
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = p.run(ctx) })
		test(t, p, func() int {
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.alive
		})
		stop()
		running.Wait()
	})
}

func TestRecognisersThatNobodyNeedsAnyMoreStopButTheFirst(t *testing.T) {
	inPool(t, 3, func(*mediav1.Hear) error { return nil }, func(t *testing.T, p *pool, alive func() int) {
		archive := func() {
			u, answers := newUtterance("archive", false)
			u.ended = true
			p.enqueue(u)
			answer(t, answers)
		}
		archive()
		if n := alive(); n != 3 {
			t.Errorf("an archive is heard by %d recognisers", n)
		}
		for range 4 {
			time.Sleep(spareAfter / 2)
			archive()
		}
		if n := alive(); n != 3 {
			t.Errorf("while an archive is heard, %d recognisers are left", n)
		}
		for range 2 {
			p.admitRoom()
		}
		time.Sleep(4 * spareAfter)
		if n := alive(); n != 2 { // half a recogniser for each room, and some to spare
			t.Errorf("two rooms are heard by %d recognisers", n)
		}
		p.releaseRoom()
		time.Sleep(4 * spareAfter)
		if n := alive(); n != 1 {
			t.Errorf("one room is heard by %d recognisers", n)
		}
		archive()
		if n := alive(); n != 3 {
			t.Errorf("the next archive is heard by %d recognisers", n)
		}
		if got := testutil.ToFloat64(p.crashes); got != 0 {
			t.Errorf("%v recognisers count as crashed", got)
		}
	})
}

func TestARecogniserThatHearsIsNotSpare(t *testing.T) {
	hearing := make(chan struct{}, 10)
	inPool(t, 2, func(*mediav1.Hear) error { hearing <- struct{}{}; return nil }, func(t *testing.T, p *pool, alive func() int) {
		var said []*utterance
		var told []chan *mediav1.Heard
		for i := range 2 { // speak on, one before each recogniser
			u, answers := newUtterance(fmt.Sprint(i), true)
			p.admitRoom()
			if alive(); i == 1 {
				p.admitRoom()
				alive()
			}
			p.enqueue(u)
			<-hearing
			said, told = append(said, u), append(told, answers)
		}
		p.releaseRoom()
		p.releaseRoom()
		p.releaseRoom()
		time.Sleep(4 * spareAfter)
		if n := alive(); n != 2 {
			t.Errorf("%d recognisers are left", n)
		}
		for i, u := range said {
			p.endUtterance(u, nil)
			if answer(t, told[i]) == nil {
				t.Errorf("utterance %d was not heard", i)
			}
		}
	})
}

func TestSpeechThatNobodyWaitsForAnyMoreDoesNotCountAsHeard(t *testing.T) {
	inPool(t, 1, func(*mediav1.Hear) error { return nil }, func(t *testing.T, p *pool, alive func() int) {
		u, answers := newUtterance("abandoned", true)
		following := make(chan struct{}, 1)
		u.onPartial = func(*mediav1.Heard) { following <- struct{}{} }
		p.enqueue(u)
		<-following
		p.abandon(u)
		if answer(t, answers) != nil {
			t.Error("what was abandoned is answered")
		}
		next, answers := newUtterance("next", true)
		next.ended = true
		p.enqueue(next)
		answer(t, answers)
		if got := testutil.ToFloat64(p.heardSeconds); got != 1 {
			t.Errorf("%v s count as heard, want that of the second alone", got)
		}
	})
}

// slowRecogniser takes its time over each answer; from the one that is its last on it says nothing.
type slowRecogniser struct {
	answers chan *mediav1.FromChild
	left    atomic.Int64
	each    time.Duration
	closed  chan struct{}
	close   sync.Once
}

func (s *slowRecogniser) Send(m *mediav1.ToChild) error {
	s.answers <- &mediav1.FromChild{Message: &mediav1.FromChild_Heard{Heard: &mediav1.Heard{Utterance: m.GetHear().Utterance}}}
	return nil
}

func (s *slowRecogniser) Receive() (*mediav1.FromChild, error) {
	if s.left.Add(-1) < 0 {
		<-s.closed
		return nil, io.EOF
	}
	select {
	case <-time.After(s.each):
		return <-s.answers, nil
	case <-s.closed:
		return nil, io.EOF
	}
}

func (s *slowRecogniser) Close() error { s.close.Do(func() { close(s.closed) }); return nil }

func TestARecogniserIsSlowWhileItAnswersAnybodyAndHangsOnceItAnswersNobody(t *testing.T) {
	for name, c := range map[string]struct {
		answers int64
		heard   int
	}{"busy with many": {64, 64}, "silent from the fortieth on": {39, 39}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &slowRecogniser{answers: make(chan *mediav1.FromChild, 64), each: replyTimeout / 3, closed: make(chan struct{})}
				r.left.Store(c.answers)
				d := newRecogniserClient(r)
				var group, asked sync.WaitGroup
				group.Go(func() { _ = d.receiveReplies() })
				var heard atomic.Int64
				for i := range 64 {
					asked.Go(func() {
						h, err := d.request(t.Context(), &mediav1.Hear{Utterance: fmt.Sprint(i), End: true})
						if err == nil && h != nil {
							heard.Add(1)
						} else if !errors.Is(err, io.EOF) {
							t.Errorf("not heard: %v", err)
						}
					})
				}
				asked.Wait()
				if heard.Load() != int64(c.heard) {
					t.Errorf("%d were heard, want %d", heard.Load(), c.heard)
				}
				time.Sleep(2 * replyTimeout) // nobody asks: nothing hangs
				if hangs := c.answers < 64; hangs != closed(r.closed) {
					t.Errorf("it is ended: %v, want %v", !hangs, hangs)
				}
				_ = r.Close()
				group.Wait()
			})
		})
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
