package asr

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/whisper/whispertest"
)

func remotePool(t *testing.T, s *whispertest.Server, requests int) *pool {
	cfg := EngineConfig{Kind: kindWhisper, Language: "zh", Recognisers: requests, Options: map[string]string{"url": s.URL, "model": "m", "timeout": "1m"}}
	return runPoolOf(t, 1, func(ctx context.Context) (loadedRecogniser, error) { return startWhisper(ctx, cfg) })
}

func TestATranscriptionServerHearsUtterancesWithTheirMediaTimesAndNotTooManyAtOnce(t *testing.T) {
	s := whispertest.New(t)
	s.Words = []whispertest.Word{{Word: "全场", Start: 0.25, End: 0.5}, {Word: "五折", Start: 0.5, End: 1}}
	p := remotePool(t, s, 2)
	for i := range 6 {
		u, answers := newUtterance(string(rune('a'+i)), i%2 == 0)
		u.start, u.ended = time.Duration(i)*time.Minute, true
		p.enqueue(u)
		defer func() {
			h := answer(t, answers)
			if len(h.GetWords()) != 2 || h.Words[0].Text != "全场" || h.Words[1].Start != int64(u.start+500*time.Millisecond) {
				t.Errorf("heard %v", h)
			}
			if _, most := s.Asked(); most > 2 {
				t.Errorf("%d requests at once", most)
			}
		}()
	}
}

func TestAnUtteranceThatAServerCannotHearIsSkippedAndTheNextIsHeard(t *testing.T) {
	s := whispertest.New(t)
	s.Words = []whispertest.Word{{Word: "hello", Start: 0, End: 1}}
	p := remotePool(t, s, 1)
	first, firstAnswer := newUtterance("first", true)
	first.ended = true
	p.enqueue(first)
	if h := answer(t, firstAnswer); h == nil {
		t.Fatal("not heard")
	}
	s.Fail(whispertest.Status(400, 0, "audio is odd"))
	odd, oddAnswer := newUtterance("odd", true)
	next, nextAnswer := newUtterance("next", true)
	odd.ended, next.ended = true, true
	p.enqueue(odd)
	if h := answer(t, oddAnswer); h != nil {
		t.Errorf("heard %v", h)
	}
	p.enqueue(next)
	if h := answer(t, nextAnswer); h == nil || p.deafness() != "" {
		t.Errorf("heard %v, deaf %q", h, p.deafness())
	}
}

func TestAServerThatIsGoneIsNamedAndNobodyWaitsForIt(t *testing.T) {
	for name, fail := range map[string]func(http.ResponseWriter, *http.Request){
		"from the start": whispertest.Status(401, 0, "no"),
		"later":          nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := whispertest.New(t)
			if fail != nil {
				s.Fail(fail)
			} else {
				s.Fail(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"text":""}`)) }, whispertest.Status(403, 0, "your plan has ended"))
			}
			p := remotePool(t, s, 1)
			u, answers := newUtterance("a", true)
			u.ended = true
			p.enqueue(u)
			for range maxFailures { // heard again by those that replace it, as long as nobody knows that it is gone
				if answer(t, answers) == nil {
					break
				}
			}
			if why := p.deafness(); !strings.Contains(why, "127.0.0.1") || !strings.Contains(why, "40") {
				t.Errorf("deaf because %q", why)
			}
		})
	}
}

func TestFaultsOfATranscriptionServersOptionsAreNamed(t *testing.T) {
	c := Defaults()
	c.Engines = map[string]EngineConfig{"w": {Kind: kindWhisper, Options: map[string]string{"url": "host", "timeout": "long", "colour": "red", "key_env": "LIVECLIP_TEST_UNSET"}}}
	want := []string{
		"asr.engines.w.options.colour: is unknown to whisper; it knows url, model, key, key_env and timeout",
		"asr.engines.w.options.key_env: the variable LIVECLIP_TEST_UNSET is empty",
		`asr.engines.w.options.timeout: must be a length of time, such as 8s, is "long"`,
		"asr.engines.w.options.url: must be http(s)://host/v1 of a transcription server",
	}
	if got := c.engineFaults(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
