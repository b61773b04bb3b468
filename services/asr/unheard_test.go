package asr

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/recording"
	mediav1 "liveclip/proto/media/v1"
	recordingv1 "liveclip/proto/recording/v1"
)

// silentPool takes utterances and answers that nobody could hear them, when they are put or when they end.
type silentPool struct {
	noListener
	full, atEnd bool
}

func (p *silentPool) admitRoom() bool { return !p.full }
func (p *silentPool) enqueue(u *utterance) {
	if !p.atEnd {
		u.onHeard(nil)
	}
}
func (p *silentPool) endUtterance(u *utterance, _ []byte) { u.onHeard(nil) }

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
			e := newTranscriber(transcriberConfig{broadcast: "b", live: c.live, behind: time.Minute, nextSettings: heardBy(c.by), now: time.Now,
				onLine:    func(domain.TranscriptLine) { lines++ },
				onUnheard: func(w domain.Window) { unheard = append(unheard, w) }})
			for i, level := range []float64{quietRoom, speech, speech, quietRoom, speech, quietRoom} {
				for step := range 10 {
					at := time.Duration(i)*time.Second + time.Duration(step)*100*time.Millisecond
					if err := e.accept(t.Context(), at, noise(100*time.Millisecond, level, rand.New(rand.NewPCG(1, 2))), 0); err != nil {
						t.Fatal(err)
					}
					mark := e.heardTo()
					if told := len(unheard); told == 0 && mark > 1200*time.Millisecond || told == 1 && mark > 4200*time.Millisecond {
						t.Fatalf("heard to %v with unheard %v", mark, unheard)
					}
				}
			}
			if err := e.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			e.abandonAll()
			if len(unheard) != 2 || unheard[0].Overlap(domain.Window{Start: time.Second, End: 3 * time.Second}) < 1800*time.Millisecond || unheard[1].Overlap(domain.Window{Start: 4 * time.Second, End: 5 * time.Second}) < 800*time.Millisecond || unheard[0].End > unheard[1].Start {
				t.Errorf("unheard %v", unheard)
			}
			if lines != 0 || !e.isDrained() {
				t.Errorf("%d lines, drained %t", lines, e.isDrained())
			}
		})
	}
}

func TestAnUtteranceThatIsHeardIsNotToldAsUnheard(t *testing.T) {
	var unheard []domain.Window
	e := newTranscriber(transcriberConfig{broadcast: "b", live: true, behind: time.Minute, nextSettings: heardBy(&stuckPool{}), now: time.Now,
		onLine: func(domain.TranscriptLine) {}, onUnheard: func(w domain.Window) { unheard = append(unheard, w) }})
	for i, level := range []float64{quietRoom, speech, quietRoom} {
		if err := e.accept(t.Context(), time.Duration(i)*time.Second, noise(time.Second, level, rand.New(rand.NewPCG(1, 2))), 0); err != nil {
			t.Fatal(err)
		}
	}
	e.complete(e.queue[0], &mediav1.Heard{})
	if e.abandonAll(); len(unheard) != 0 {
		t.Errorf("unheard %v", unheard)
	}
}

// fixedRoom is a room as it is asked to be heard.
type fixedRoom struct {
	by   domain.Hearing
	caps bool
}

func (r fixedRoom) chosenHearing() domain.Hearing { return r.by }
func (r fixedRoom) usesCaptions() bool            { return r.caps }
func (r fixedRoom) hearingOff() bool              { return r.by == domain.Hearing{Engine: engineNone} }

// deafPool cannot hear.
type deafPool struct{ noListener }

func (deafPool) deafness() string { return "no model" }

func TestABroadcastSaysWhoHearsItAndWhichChangeHasToWait(t *testing.T) {
	by := func(l listener, name string) *transcriber {
		return newTranscriber(transcriberConfig{nextSettings: func() hearingSettings { return hearingSettings{engine: &engine{name: name, listener: l}} }, now: time.Now})
	}
	house, none := domain.Hearing{Engine: "house"}, domain.Hearing{Engine: engineNone}
	foreign := domain.Hearing{Engine: engineNone, Trouble: domain.HearingForeign, About: "zh"}
	asked := domain.Hearing{Engine: kindCaptions}
	for name, c := range map[string]struct {
		transcriber *transcriber
		captions    *captions
		room        fixedRoom
		want        domain.Hearing
	}{
		"heard":                         {by(&stuckPool{}, "house"), nil, fixedRoom{by: house}, house},
		"its engine does not work":      {by(deafPool{}, "house"), nil, fixedRoom{by: house}, domain.Hearing{Engine: "house", Trouble: domain.HearingDeaf, About: "no model"}},
		"by nobody, as asked":           {nil, nil, fixedRoom{by: none}, none},
		"by nobody in its language":     {nil, nil, fixedRoom{by: foreign}, foreign},
		"nobody any more, at once":      {by(noListener{}, engineNone), nil, fixedRoom{by: none}, none},
		"somebody, the next time":       {nil, nil, fixedRoom{by: house}, domain.Hearing{Engine: engineNone, Trouble: domain.HearingLater, About: "house"}},
		"captions, the next time":       {by(&stuckPool{}, "house"), nil, fixedRoom{asked, true}, domain.Hearing{Engine: "house", Trouble: domain.HearingLater, About: kindCaptions}},
		"captions":                      {nil, &captions{}, fixedRoom{asked, true}, asked},
		"captions, an engine next time": {nil, &captions{}, fixedRoom{by: house}, domain.Hearing{Engine: kindCaptions, Trouble: domain.HearingLater, About: "house"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &broadcast{transcriber: c.transcriber, captions: c.captions, room: c.room, log: embeddedtest.Log(t)}
			if got := b.hearing(); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestWhatIsRecordedWhileNobodyListensIsKeptAsUnheard(t *testing.T) {
	whole := domain.Window{End: 5 * time.Second}
	now := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		captions *captions
		room     fixedRoom
		want     []domain.Unheard
	}{
		"as its operator wants":    {nil, fixedRoom{by: domain.Hearing{Engine: engineNone}}, []domain.Unheard{{Window: whole, Chosen: true}}},
		"no engine for it":         {nil, fixedRoom{by: domain.Hearing{Engine: engineNone, Trouble: domain.HearingForeign}}, []domain.Unheard{{Window: whole}}},
		"captions nobody sends":    {&captions{}, fixedRoom{caps: true}, []domain.Unheard{{Window: whole}}},
		"captions that came":       {&captions{source: captionsSent, sent: sentLines{called: now.Add(-time.Second)}}, fixedRoom{caps: true}, nil},
		"captions that stopped":    {&captions{source: captionsSent, sent: sentLines{called: now.Add(-2 * senderTimeout)}}, fixedRoom{caps: true}, []domain.Unheard{{Window: whole}}},
		"captions in a file":       {&captions{source: captionsBeside}, fixedRoom{caps: true}, nil},
		"captions in the stream":   {&captions{source: captionsWithin}, fixedRoom{caps: true}, nil},
		"a sender without a line ": {&captions{sent: sentLines{called: now}}, fixedRoom{caps: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := recording.Create(recording.WriterConfig{Folder: t.TempDir(), Ref: ref("a"), Broadcast: "b", Epoch: 1}, nil, embeddedtest.Log(t))
			if err != nil {
				t.Fatal(err)
			}
			b := &broadcast{writer: w, captions: c.captions, room: c.room, now: func() time.Time { return now }}
			if c.captions != nil {
				c.captions.broadcast = b
			}
			for _, to := range []time.Duration{2 * time.Second, 2 * time.Second, 5 * time.Second} {
				if err := b.storeHeardTo(to); err != nil {
					t.Fatal(err)
				}
			}
			hot := recording.NewHot()
			defer hot.Add(w)()
			reply, err := hot.Lines(t.Context(), &recordingv1.LinesRequest{Range: &recordingv1.Range{Stream: string(ref("a").Stream), Tenant: string(ref("a").Tenant), Broadcast: "b", End: int64(whole.End)}})
			if err != nil {
				t.Fatal(err)
			}
			var got []domain.Unheard
			for _, u := range reply.Unheard {
				got = append(got, domain.Unheard{Window: domain.Window{Start: time.Duration(u.Start), End: time.Duration(u.End)}, Chosen: u.Chosen})
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("unheard %+v, want %+v", got, c.want)
			}
		})
	}
}
