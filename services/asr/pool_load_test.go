package asr

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	mediav1 "liveclip/proto/media/v1"
)

func TestAsManyRoomsAreAdmittedAsTheMeasuredCostAllows(t *testing.T) {
	for name, c := range map[string]struct {
		load        load
		room, needs int
	}{
		"nothing known":     {load{maxRecognisers: 2, rooms: 3}, math.MaxInt, 3},
		"a tenth of a core": {load{maxRecognisers: 2, factor: 0.1, rooms: 9}, 17, 2},
		"next to nothing":   {load{maxRecognisers: 2, streams: 8, factor: 0.001, rooms: 9}, 16, 1},
		"one after another": {load{maxRecognisers: 1, streams: 1, factor: 0.2, rooms: 5}, 4, 2},
		"slower than life":  {load{maxRecognisers: 1, factor: 3, rooms: 1}, 1, 4},
		"as configured":     {load{maxRecognisers: 1, factor: 0.1, maxRooms: 3}, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if room, needs := c.load.capacity(), c.load.recognisersNeeded(); room != c.room || needs != c.needs {
				t.Errorf("room for %d with %d, want %d with %d", room, needs, c.room, c.needs)
			}
		})
	}
	var l load
	for _, f := range []float64{0, math.NaN(), math.Inf(1), -1} {
		if l.learn(f, 1); l.factor != 0 {
			t.Errorf("%v was learnt", f)
		}
	}
	if l.learn(0.2, 0.05); l.factor != 0.2 {
		t.Errorf("the first measurement counts %v", l.factor)
	}
}

func TestARoomThatFindsTheRecognisersFullIsToldSoAndHeardOnceAnotherLeft(t *testing.T) {
	p := newPool(1, nil, embeddedtest.Log(t), prometheus.NewRegistry())
	p.load.maxRooms = 1
	if !p.admitRoom() || p.admitRoom() {
		t.Fatal("one room has a place, two were let in or none")
	}
	var unheard []domain.Window
	stuck := &stuckPool{full: true}
	e := newTranscriber(transcriberConfig{broadcast: "b", live: true, behind: time.Minute, nextSettings: heardBy(stuck), onLine: func(domain.TranscriptLine) {},
		onUnheard: func(w domain.Window) { unheard = append(unheard, w) }, now: time.Now})
	hear := func(from time.Duration) {
		for i, level := range []float64{quietRoom, speech, quietRoom} {
			if err := e.accept(t.Context(), from+time.Duration(i)*time.Second, noise(time.Second, level, rand.New(rand.NewPCG(1, 2))), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	hear(0)
	if len(stuck.waiting) != 0 || len(unheard) != 1 || unheard[0].End-unheard[0].Start < time.Second || e.health(time.Now()) != domain.HealthMissing {
		t.Errorf("%d utterances wait, unheard %v, health %s", len(stuck.waiting), unheard, e.health(time.Now()))
	}
	stuck.full = false
	hear(3 * time.Second)
	if len(stuck.waiting) != 1 || len(unheard) != 1 || e.health(time.Now()) != domain.HealthPresent {
		t.Errorf("%d utterances wait, unheard %v, health %s", len(stuck.waiting), unheard, e.health(time.Now()))
	}
	if e.releasePlace(); stuck.left != 1 {
		t.Errorf("left %d times", stuck.left)
	}
}

func TestAnUtteranceThatKillsEveryRecogniserTakesNoOtherWithIt(t *testing.T) {
	var mu sync.Mutex
	deaths := 0
	p := runPoolOf(t, 1, func(context.Context) (loadedRecogniser, error) {
		return loadedRecogniser{&fakeRecogniser{heard: func(h *mediav1.Hear) error {
			if strings.HasPrefix(h.Utterance, "bad") && h.End {
				mu.Lock()
				defer mu.Unlock()
				deaths++
				return io.ErrUnexpectedEOF
			}
			return nil
		}, answers: make(chan *mediav1.FromChild, 100), closed: make(chan struct{})}, 8, 100 * time.Millisecond, 0.1}, nil
	})
	names := []string{"bad", "a", "b", "c", "d", "e", "f"}
	answers := map[string]chan *mediav1.Heard{}
	p.mu.Lock() // all at once
	for _, name := range names {
		u, a := newUtterance(name, true)
		u.ended, answers[name] = true, a
		p.waiting = append(p.waiting, u)
	}
	p.preload()
	p.notify()
	p.mu.Unlock()
	var unheard []string
	for _, name := range names {
		if answer(t, answers[name]) == nil {
			unheard = append(unheard, name)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(unheard, []string{"bad"}) || deaths != maxFailures {
		t.Errorf("unheard %v after %d deaths", unheard, deaths)
	}
}

func TestARecogniserThatDiesOverItsModelMakesThePoolDeafAndBlocksNobody(t *testing.T) {
	p := runPoolOf(t, 1, func(context.Context) (loadedRecogniser, error) {
		return loadedRecogniser{}, errors.New("crashed: signal: aborted")
	})
	u, answers := newUtterance("u", false)
	p.enqueue(u)
	if got := answer(t, answers); got != nil || !strings.Contains(p.deafness(), "aborted") {
		t.Errorf("heard %v, deaf because %q", got, p.deafness())
	}
}

func TestWhileTheVoiceDetectorIsAwayVoiceIsToldByItsLoudness(t *testing.T) {
	var mu sync.Mutex
	die := false
	v := newVoiceDetector(func(context.Context) (loadedRecogniser, error) {
		return loadedRecogniser{recogniser: &fakeDetector{answers: make(chan *mediav1.FromChild, 1), dead: func() bool { mu.Lock(); defer mu.Unlock(); return die }}}, nil
	}, embeddedtest.Log(t), prometheus.NewRegistry())
	v.preload()
	ended := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() { defer close(ended); _ = v.run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	pool := &stuckPool{}
	e := newTranscriber(transcriberConfig{broadcast: "b", live: true, behind: time.Minute, nextSettings: heardBy(pool), voiceDetector: v, onLine: func(domain.TranscriptLine) {}, now: time.Now})
	for !v.present() {
		time.Sleep(time.Millisecond)
	}
	hear := func(from time.Duration) {
		for at := from; at < from+3*time.Second; at += 100 * time.Millisecond {
			level := float64(quietRoom)
			if at >= from+time.Second && at < from+2*time.Second {
				level = speech
			}
			if err := e.accept(t.Context(), at, noise(100*time.Millisecond, level, rand.New(rand.NewPCG(1, 2))), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	hear(0) // the detector says that nobody speaks
	if len(pool.waiting) != 0 {
		t.Errorf("%d utterances of what is no voice", len(pool.waiting))
	}
	mu.Lock()
	die = true
	mu.Unlock()
	hear(3 * time.Second)
	if len(pool.waiting) != 1 {
		t.Errorf("%d utterances without a detector", len(pool.waiting))
	}
}

func TestAnArchiveWaitsForItsVoiceDetectorUnlessThatDoesNotWork(t *testing.T) {
	slow := func(context.Context) (loadedRecogniser, error) {
		time.Sleep(10 * time.Second)
		return loadedRecogniser{recogniser: &fakeDetector{answers: make(chan *mediav1.FromChild, 1), dead: func() bool { return false }}}, nil
	}
	broken := func(context.Context) (loadedRecogniser, error) {
		return loadedRecogniser{}, domain.Permanent(errors.New("no such model"))
	}
	heard := func(start func(context.Context) (loadedRecogniser, error)) (utterances int) {
		synctest.Test(t, func(t *testing.T) {
			v := newVoiceDetector(start, embeddedtest.Log(t), prometheus.NewRegistry())
			ended := make(chan struct{})
			ctx, stop := context.WithCancel(t.Context())
			go func() { defer close(ended); _ = v.run(ctx) }()
			defer func() { stop(); <-ended }()
			pool := &stuckPool{}
			e := newTranscriber(transcriberConfig{broadcast: "b", nextSettings: heardBy(pool), voiceDetector: v, onLine: func(domain.TranscriptLine) {}, now: time.Now})
			if err := e.accept(t.Context(), 0, noise(3*time.Second, speech, rand.New(rand.NewPCG(1, 2))), 0); err != nil {
				t.Fatal(err)
			}
			utterances = len(pool.waiting)
		})
		return utterances
	}
	if with, without := heard(slow), heard(broken); with != 0 || without != 1 {
		t.Errorf("%d utterances of what a detector calls no voice, and %d without one", with, without)
	}
}

// fakeDetector hears no voice in anything.
type fakeDetector struct {
	answers chan *mediav1.FromChild
	dead    func() bool
}

func (f *fakeDetector) Send(m *mediav1.ToChild) error {
	if f.dead() {
		return io.ErrClosedPipe
	}
	l := m.GetListen()
	f.answers <- &mediav1.FromChild{Message: &mediav1.FromChild_Voiced{Voiced: &mediav1.Voiced{Voice: l.Voice, Step: int64(32 * time.Millisecond),
		Probability: make([]float32, len(l.Samples)/1024)}}}
	return nil
}
func (f *fakeDetector) Receive() (*mediav1.FromChild, error) { return <-f.answers, nil }
func (f *fakeDetector) Close() error                         { return nil }

func TestWhatARecogniserIsTooSlowAtIsGivenUpSoThatTheDelayDoesNotGrow(t *testing.T) {
	pool := &stuckPool{hearing: true}
	var unheard []domain.Window
	e := newTranscriber(transcriberConfig{broadcast: "b", live: true, behind: 2 * time.Second, nextSettings: heardBy(pool), onLine: func(domain.TranscriptLine) {},
		onUnheard: func(w domain.Window) { unheard = append(unheard, w) }, now: time.Now})
	for i := range 30 { // a second of speech, a second of pause
		level := float64(quietRoom)
		if i%2 == 1 {
			level = speech
		}
		if err := e.accept(t.Context(), time.Duration(i)*time.Second, noise(time.Second, level, rand.New(rand.NewPCG(1, 2))), 0); err != nil {
			t.Fatal(err)
		}
		if lag := e.speechLag(); lag > 6*time.Second {
			t.Fatalf("%v late after %d s", lag, i)
		}
	}
	if len(unheard) < 10 || pool.abandoned != len(unheard) {
		t.Errorf("%d skipped, %d given up", len(unheard), pool.abandoned)
	}
}

func TestAnUtteranceThatIsGivenUpIsDroppedByItsRecogniserWhichHearsTheNext(t *testing.T) {
	dropped := make(chan string, 10)
	p := runPool(t, 1, func(h *mediav1.Hear) error {
		if h.Drop {
			dropped <- h.Utterance
		}
		return nil
	})
	u, _ := newUtterance("slow", true)
	following := make(chan struct{}, 1)
	u.onPartial = func(*mediav1.Heard) { following <- struct{}{} }
	p.enqueue(u)
	<-following
	p.abandon(u)
	if name := <-dropped; !strings.HasPrefix(name, "slow/") {
		t.Errorf("dropped %q", name)
	}
	next, answers := newUtterance("next", true)
	next.ended = true
	p.enqueue(next)
	if answer(t, answers) == nil {
		t.Error("the next was not heard")
	}
}

// present: the voice detector has its model.
func (v *voiceDetector) present() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.child != nil
}
