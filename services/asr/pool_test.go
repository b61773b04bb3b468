package asr

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	mediav1 "liveclip/proto/media/v1"
)

// fakeRecogniser answers what its script says.
type fakeRecogniser struct {
	heard   func(*mediav1.Hear) error // called with each; an error is a crash
	answers chan *mediav1.FromChild
	closed  chan struct{}
	close   sync.Once
}

func (f *fakeRecogniser) Send(m *mediav1.ToChild) error {
	h := m.GetHear()
	if f.heard(h) != nil { // it crashes once it has the message
		return f.Close()
	}
	if h.End || h.Partial {
		f.answers <- &mediav1.FromChild{Message: &mediav1.FromChild_Heard{Heard: &mediav1.Heard{Utterance: h.Utterance, Final: h.End, Text: "text"}}}
	}
	return nil
}

func (f *fakeRecogniser) Receive() (*mediav1.FromChild, error) {
	select {
	case m := <-f.answers:
		return m, nil
	case <-f.closed:
		return nil, errors.New("crashed")
	}
}

func (f *fakeRecogniser) Close() error { f.close.Do(func() { close(f.closed) }); return nil }

// runPool runs a pool of fakes until the test ends.
func runPool(t *testing.T, workers int, heard func(*mediav1.Hear) error) *pool {
	t.Helper()
	start := func(context.Context) (loadedRecogniser, error) {
		return loadedRecogniser{&fakeRecogniser{heard: heard, answers: make(chan *mediav1.FromChild, 1), closed: make(chan struct{})}, 1, 100 * time.Millisecond, 0}, nil
	}
	return runPoolOf(t, workers, start)
}

func runPoolOf(t *testing.T, workers int, start func(context.Context) (loadedRecogniser, error)) *pool {
	t.Helper()
	p := newPool(workers, start, embeddedtest.Log(t), prometheus.NewRegistry())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

func newUtterance(id string, live bool) (*utterance, chan *mediav1.Heard) {
	answers := make(chan *mediav1.Heard, 1)
	return &utterance{id: id, live: live, sound: make([]byte, 32000), more: make(chan struct{}, 1),
		channel:   func() []float32 { return nil },
		onPartial: func(*mediav1.Heard) {}, onHeard: func(h *mediav1.Heard) { answers <- h }}, answers
}

func answer(t *testing.T, answers chan *mediav1.Heard) *mediav1.Heard {
	t.Helper()
	select {
	case h := <-answers:
		return h
	case <-time.After(patience):
		t.Fatal("never answered")
		return nil
	}
}

func TestACrashedRecognisersUtteranceIsHeardByAnotherOnce(t *testing.T) {
	for name, crashes := range map[string]int{"one crash": 1, "it kills every recogniser": 100} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			left := crashes
			p := runPool(t, 1, func(h *mediav1.Hear) error {
				mu.Lock()
				defer mu.Unlock()
				if left > 0 && strings.HasPrefix(h.Utterance, "bad") {
					left--
					return io.ErrUnexpectedEOF
				}
				return nil
			})
			bad, badAnswer := newUtterance("bad", true)
			good, goodAnswer := newUtterance("good", true)
			bad.ended, good.ended = true, true
			p.enqueue(bad)
			p.enqueue(good)
			if got := answer(t, badAnswer); (got != nil) != (crashes == 1) {
				t.Errorf("the bad one: %v", got)
			}
			if got := answer(t, goodAnswer); got == nil {
				t.Error("the good one was not heard")
			}
			if mu.Lock(); crashes > 2 && left != crashes-maxFailures {
				t.Errorf("%d recognisers died of one utterance", crashes-left)
			}
			mu.Unlock()
		})
	}
}

func TestWhoHasFinishedSpeakingGoesBeforeWhoStillSpeaksAndLiveBeforeBatch(t *testing.T) {
	var mu sync.Mutex
	var order []string
	following := make(chan struct{}, 1)
	p := runPool(t, 1, func(h *mediav1.Hear) error {
		mu.Lock()
		defer mu.Unlock()
		if h.End {
			order = append(order, h.Utterance[:strings.IndexByte(h.Utterance, '/')])
		} else {
			select {
			case following <- struct{}{}:
			default:
			}
		}
		return nil
	})
	speaking, speakingAnswer := newUtterance("speaking", true)
	p.enqueue(speaking)
	<-following
	batch, batchAnswer := newUtterance("batch", false)
	live, liveAnswer := newUtterance("live", true)
	batch.ended, live.ended = true, true
	p.mu.Lock() // both at once
	p.waiting = append(p.waiting, batch, live)
	p.notify()
	p.mu.Unlock()
	speaking.add(make([]byte, 3200), false)
	for _, a := range []chan *mediav1.Heard{liveAnswer, batchAnswer} {
		answer(t, a)
	}
	p.endUtterance(speaking, nil)
	answer(t, speakingAnswer)
	if want := []string{"live", "batch", "speaking"}; !slices.Equal(order, want) {
		t.Errorf("heard %v, want %v", order, want)
	}
}

func TestWithoutAModelNothingBlocks(t *testing.T) {
	p := runPoolOf(t, 1, func(context.Context) (loadedRecogniser, error) {
		return loadedRecogniser{}, domain.Permanent(errors.New("no model"))
	})
	u, answers := newUtterance("u", true)
	p.enqueue(u)
	if got := answer(t, answers); got != nil || p.deafness() == "" {
		t.Errorf("heard %v, deaf because %q", got, p.deafness())
	}
}

// stuckPool never hears anybody.
type stuckPool struct {
	waiting []*utterance
	full    bool
	left    int

	hearing   bool // what waits is being heard, and never to its end
	abandoned int
}

func (s *stuckPool) abandon(u *utterance)                    { s.abandoned++ }
func (s *stuckPool) admitRoom() bool                         { return !s.full }
func (s *stuckPool) releaseRoom()                            { s.left++ }
func (s *stuckPool) preload()                                {}
func (s *stuckPool) enqueue(u *utterance)                    { s.waiting = append(s.waiting, u) }
func (s *stuckPool) endUtterance(u *utterance, sound []byte) { u.add(sound, true) }
func (s *stuckPool) withdraw(u *utterance) bool              { return !s.hearing && slices.Contains(s.waiting, u) }
func (s *stuckPool) deafness() string                        { return "" }

func heardBy(l listener) func() hearingSettings {
	return func() hearingSettings { return hearingSettings{engine: &engine{name: "e", listener: l}} }
}

func TestLiveSpeechThatIsNotHeardInTimeIsSkippedAndCounted(t *testing.T) {
	var skipped []domain.Window
	var lines []domain.TranscriptLine
	pool := &stuckPool{}
	e := newTranscriber(transcriberConfig{broadcast: "b", live: true, behind: 2 * time.Second, nextSettings: heardBy(pool), onLine: func(l domain.TranscriptLine) { lines = append(lines, l) },
		onUnheard: func(w domain.Window) { skipped = append(skipped, w) }, now: time.Now})
	say := func(at time.Duration, level float64) {
		sound := noise(time.Second, level, rand.New(rand.NewPCG(1, 2)))
		if err := e.accept(t.Context(), at, sound, 0); err != nil {
			t.Fatal(err)
		}
	}
	say(0, quietRoom)
	say(time.Second, speech)
	say(2*time.Second, quietRoom)
	if mark := e.heardTo(); mark > time.Second || len(skipped) != 0 {
		t.Fatalf("marked %v while speech was waited for, skipped %v", mark, skipped)
	}
	say(3*time.Second, quietRoom)
	say(4*time.Second, quietRoom)
	if len(skipped) != 1 || skipped[0].Start > time.Second || skipped[0].End < 2*time.Second || skipped[0].End > 3*time.Second || len(lines) != 0 {
		t.Errorf("skipped %v, lines %v", skipped, lines)
	}
	if mark := e.heardTo(); mark < 4*time.Second {
		t.Errorf("still waits at %v", mark)
	}
	if got := e.health(time.Now()); got != domain.HealthBehind {
		t.Errorf("health %s", got)
	}
}

func TestLinesComeInOrderWhateverOrderTheyWereHeardIn(t *testing.T) {
	var got []string
	var unheard []domain.Window
	pool := &stuckPool{}
	e := newTranscriber(transcriberConfig{broadcast: "b", nextSettings: heardBy(pool), onLine: func(l domain.TranscriptLine) { got = append(got, l.Text) },
		onUnheard: func(w domain.Window) { unheard = append(unheard, w) }, now: time.Now})
	for i := range 6 {
		sound := noise(time.Second, []float64{quietRoom, speech}[i%2], rand.New(rand.NewPCG(1, 2)))
		if err := e.accept(t.Context(), time.Duration(i)*time.Second, sound, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(pool.waiting) != 3 {
		t.Fatalf("%d utterances", len(pool.waiting))
	}
	pool.waiting[2].onHeard(&mediav1.Heard{Text: "three", Words: words("three")})
	pool.waiting[0].onHeard(&mediav1.Heard{Text: "one", Words: words("one")})
	if mark := e.heardTo(); !slices.Equal(got, []string{"one"}) || mark != pool.waiting[1].start {
		t.Errorf("lines %v, mark %v", got, mark)
	}
	pool.waiting[1].onHeard(nil)
	if !slices.Equal(got, []string{"one", "three"}) || len(unheard) != 1 || !e.isDrained() {
		t.Errorf("lines %v, unheard %v", got, unheard)
	}
}

func TestWhatWasLearntOfARoomsVoiceGoesWithItsNextUtterance(t *testing.T) {
	pool := &stuckPool{}
	e := newTranscriber(transcriberConfig{broadcast: "b", nextSettings: heardBy(pool), onLine: func(domain.TranscriptLine) {}, now: time.Now})
	for i := range 5 {
		sound := noise(time.Second, []float64{quietRoom, speech}[i%2], rand.New(rand.NewPCG(1, 2)))
		if err := e.accept(t.Context(), time.Duration(i)*time.Second, sound, 0); err != nil {
			t.Fatal(err)
		}
	}
	first, second := pool.waiting[0], pool.waiting[1]
	if known := second.channel(); known != nil {
		t.Errorf("known before anything was heard: %v", known)
	}
	first.onHeard(&mediav1.Heard{Channel: []float32{1, 2}})
	var sent [][]float32
	p := runPool(t, 1, func(h *mediav1.Hear) error {
		sent = append(sent, h.Channel)
		return nil
	})
	heard := make(chan *mediav1.Heard, 1)
	second.onHeard = func(h *mediav1.Heard) { heard <- h }
	p.enqueue(second)
	answer(t, heard)
	if !slices.EqualFunc(sent, [][]float32{{1, 2}}, slices.Equal) {
		t.Errorf("sent to the recogniser: %v", sent)
	}
}

func TestAnEarThatWasHeldUpUntilItWasStoppedCanStillBeClosed(t *testing.T) {
	e := newTranscriber(transcriberConfig{broadcast: "b", nextSettings: heardBy(&stuckPool{}), onLine: func(domain.TranscriptLine) {}, now: time.Now})
	for range maxPending {
		e.queueSpace <- struct{}{}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	sound := noise(time.Second, speech, rand.New(rand.NewPCG(1, 2)))
	if err := e.accept(stopped, 0, sound, 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("heard: %v", err)
	}
	if err := e.flush(t.Context()); err != nil || !e.isDrained() {
		t.Errorf("closed with %v", err)
	}
}

func words(texts ...string) (out []*mediav1.HeardWord) {
	for _, text := range texts {
		out = append(out, &mediav1.HeardWord{Text: text, End: 1})
	}
	return out
}
