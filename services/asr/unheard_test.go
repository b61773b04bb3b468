package asr

import (
	"math/rand/v2"
	"testing"
	"time"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// silentPool takes utterances and answers that nobody could hear them, when they are put or when they end.
type silentPool struct {
	nobody
	full, atEnd bool
}

func (p *silentPool) enter() bool { return !p.full }
func (p *silentPool) put(u *utterance) {
	if !p.atEnd {
		u.answered(nil)
	}
}
func (p *silentPool) end(u *utterance, _ []byte) { u.answered(nil) }

func TestSpeechThatNobodyHeardIsToldBeforeTheMarkPassesItWhateverTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		by   listener
		live bool
	}{
		"its engine is deaf":                        {&silentPool{}, true},
		"a recording's engine is deaf":              {&silentPool{}, false},
		"given up, or refused by a server":          {&silentPool{atEnd: true}, true},
		"a recording's utterance is given up":       {&silentPool{atEnd: true}, false},
		"no place for the room":                     {&silentPool{full: true}, true},
		"nobody answered before the broadcast ends": {&stuckPool{hearing: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var unheard []domain.Window
			var lines int
			var e *ear
			e = newEar(earConfig{broadcast: "b", live: c.live, behind: time.Minute, wish: heardBy(c.by), now: time.Now,
				line: func(domain.TranscriptLine) { lines++ },
				skip: func(w domain.Window) { unheard = append(unheard, w) }})
			for i, level := range []float64{quietRoom, speech, speech, quietRoom, speech, quietRoom} {
				for step := range 10 {
					at := time.Duration(i)*time.Second + time.Duration(step)*100*time.Millisecond
					if err := e.hear(t.Context(), at, noise(100*time.Millisecond, level, rand.New(rand.NewPCG(1, 2))), 0); err != nil {
						t.Fatal(err)
					}
					mark := e.mark()
					if told := len(unheard); told == 0 && mark > 1200*time.Millisecond || told == 1 && mark > 4200*time.Millisecond {
						t.Fatalf("heard to %v with unheard %v", mark, unheard)
					}
				}
			}
			if err := e.pauseHere(t.Context()); err != nil {
				t.Fatal(err)
			}
			e.giveUp()
			if len(unheard) != 2 || unheard[0].Overlap(domain.Window{Start: time.Second, End: 3 * time.Second}) < 1800*time.Millisecond || unheard[1].Overlap(domain.Window{Start: 4 * time.Second, End: 5 * time.Second}) < 800*time.Millisecond || unheard[0].End > unheard[1].Start {
				t.Errorf("unheard %v", unheard)
			}
			if lines != 0 || !e.drained() {
				t.Errorf("%d lines, drained %t", lines, e.drained())
			}
		})
	}
}

func TestAnUtteranceThatIsHeardIsNotToldAsUnheard(t *testing.T) {
	var unheard []domain.Window
	e := newEar(earConfig{broadcast: "b", live: true, behind: time.Minute, wish: heardBy(&stuckPool{}), now: time.Now,
		line: func(domain.TranscriptLine) {}, skip: func(w domain.Window) { unheard = append(unheard, w) }})
	for i, level := range []float64{quietRoom, speech, quietRoom} {
		if err := e.hear(t.Context(), time.Duration(i)*time.Second, noise(time.Second, level, rand.New(rand.NewPCG(1, 2))), 0); err != nil {
			t.Fatal(err)
		}
	}
	e.answer(e.queue[0], &mediav1.Heard{})
	if e.giveUp(); len(unheard) != 0 {
		t.Errorf("unheard %v", unheard)
	}
}
