package whisper_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/whisper"
	"liveclip/internal/whisper/whispertest"
)

// client waits for nothing and tells how long it would have.
func client(s *whispertest.Server, change func(*whisper.Config)) (*whisper.Client, *[]time.Duration) {
	cfg := whisper.Config{URL: s.URL, Key: "secret", Model: "large-v3", Language: "en-US", Timeout: time.Minute}
	if change != nil {
		change(&cfg)
	}
	var waited []time.Duration
	return whisper.New(cfg, func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil }), &waited
}

var second = make([]byte, 32000)

func word(text string, start, end int, confidence float64) domain.Word {
	return domain.Word{Text: text, Start: time.Duration(start) * time.Millisecond, End: time.Duration(end) * time.Millisecond, Confidence: confidence}
}

func TestAnUtteranceIsAskedForAsServersWantItAndGivesItsWords(t *testing.T) {
	s := whispertest.New(t)
	s.Key, s.Words = "secret", []whispertest.Word{{Word: "Flash", Start: 0.1, End: 0.4}, {Word: "sale!", Start: 0.4, End: 0.9}}
	c, _ := client(s, nil)
	got, err := c.Transcribe(t.Context(), second, []string{"保温杯", "iPhone"})
	want := []domain.Word{word("Flash", 100, 400, 0.9), word("sale!", 400, 900, 0.9)}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("heard %v, %v", got, err)
	}
	asked, _ := s.Asked()
	if want := (whispertest.Asked{Model: "large-v3", Language: "en", Prompt: "保温杯, iPhone", Format: "verbose_json", Length: time.Second}); len(asked) != 1 || asked[0] != want {
		t.Errorf("asked %+v", asked)
	}
}

func TestAServerThatKnowsLessIsUsedForWhatItKnows(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*whispertest.Server)
		want []domain.Word
	}{
		"segments only": {func(s *whispertest.Server) { s.NoWords = true }, []domain.Word{word("Flash sale", 0, 1000, 0.8187307530779818)}},
		"text only":     {func(s *whispertest.Server) { s.NoTimes = true }, []domain.Word{word("Flash sale", 0, 1000, 0)}},
		"nothing said":  {func(s *whispertest.Server) { s.Words = nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := whispertest.New(t)
			s.Words = []whispertest.Word{{Word: "Flash", Start: 0, End: 0.5}, {Word: "sale", Start: 0.5, End: 1}}
			c.set(s)
			client, _ := client(s, nil)
			for range 2 { // the second time it is known what the server knows
				if got, err := client.Transcribe(t.Context(), second, nil); err != nil || !slices.Equal(got, c.want) {
					t.Errorf("heard %v, %v", got, err)
				}
			}
			if asked, _ := s.Asked(); len(asked) != 2 {
				t.Errorf("asked %d times", len(asked))
			}
		})
	}
}

func TestAServerThatFailsForNowIsAskedAgain(t *testing.T) {
	for name, fail := range map[string]func(http.ResponseWriter, *http.Request){
		"busy":           whispertest.Status(429, 3, "slow down"),
		"overloaded":     whispertest.Status(503, 0, ""),
		"broken":         whispertest.Status(500, 0, "Internal Server Error"),
		"hangs up":       whispertest.HangUp,
		"a page":         whispertest.Status(200, 0, "<html><body>Welcome to nginx!</body></html>"),
		"half an answer": whispertest.Status(200, 0, `{"text": "flash`),
		"another answer": whispertest.Status(200, 0, `{"ok": true}`),
		"a wrong type":   whispertest.Status(200, 0, `{"text": "a", "words": [{"word": "a", "start": "soon"}]}`),
		"too much":       whispertest.Status(200, 0, `{"text": "`+strings.Repeat("a", 5<<20)+`"}`),
	} {
		t.Run(name, func(t *testing.T) {
			s := whispertest.New(t)
			s.Words = []whispertest.Word{{Word: "now", Start: 0, End: 1}}
			s.Fail(fail)
			c, waited := client(s, nil)
			got, err := c.Transcribe(t.Context(), second, nil)
			if err != nil || len(got) != 1 || len(*waited) != 1 {
				t.Fatalf("heard %v, %v, after waiting %v", got, err, *waited)
			}
			if want := map[bool]time.Duration{true: 3 * time.Second, false: 250 * time.Millisecond}[name == "busy"]; (*waited)[0] != want {
				t.Errorf("waited %v, want %v", *waited, want)
			}
		})
	}
}

func TestWhatFailsForGoodIsNamedWithoutTheKey(t *testing.T) {
	busy := whispertest.Status(429, 0, "busy")
	for name, c := range map[string]struct {
		fail      []func(http.ResponseWriter, *http.Request)
		change    func(*whisper.Config)
		permanent bool
		want      string
	}{
		"always busy":      {[]func(http.ResponseWriter, *http.Request){busy, busy, busy, busy}, nil, false, "after 4 tries: answered 429"},
		"busy for an hour": {[]func(http.ResponseWriter, *http.Request){whispertest.Status(429, 3600, "later")}, nil, false, "after 1 tries: answered 429"},
		"a wrong key":      {nil, func(c *whisper.Config) { c.Key = "wrong" }, true, "Incorrect API key"},
		"a wrong path":     {nil, func(c *whisper.Config) { c.URL += "/api" }, true, "404"},
		"a redirection": {[]func(http.ResponseWriter, *http.Request){func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://else.example/", http.StatusFound)
		}}, nil, true, "302"},
		"an utterance it hates": {[]func(http.ResponseWriter, *http.Request){whispertest.Status(400, 0, "no audio")}, nil, false, "utterance refused"},
		"slow":                  {slices.Repeat([]func(http.ResponseWriter, *http.Request){whispertest.Stall}, 4), func(c *whisper.Config) { c.Timeout = 100 * time.Millisecond }, false, "deadline exceeded"},
		"down":                  {nil, func(c *whisper.Config) { c.URL = "http://127.0.0.1:1/v1" }, false, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			s := whispertest.New(t)
			s.Key = "secret"
			s.Fail(c.fail...)
			client, _ := client(s, c.change)
			_, err := client.Transcribe(t.Context(), second, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) || domain.IsPermanent(err) != c.permanent || errors.Is(err, whisper.ErrUtterance) != strings.Contains(c.want, "utterance") {
				t.Errorf("got %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong\"")) {
				t.Errorf("tells the key: %v", err)
			}
		})
	}
}

func TestWordsLieWithinTheUtteranceWhateverTheServerSays(t *testing.T) {
	s := whispertest.New(t)
	c, _ := client(s, nil)
	for body, want := range map[string][]domain.Word{
		`{"text": "a b c", "words": [{"word":"a","start":-5,"end":9e300},{"word":"b","start":0.2,"end":0.1},{"word":" ","start":0.3,"end":0.4},{"word":"c","start":0.1,"end":0.4}]}`: {
			word("a", 0, 1000, 0), word("b", 200, 200, 0), word("c", 200, 400, 0)},
		`{"text": "Thank you.", "segments": [{"text":"Thank you.","start":0,"end":1,"avg_logprob":-1.4,"no_speech_prob":0.9}]}`:                                                                                                        nil,
		`{"text": "好谢谢", "words": [{"word":"好","start":0.1,"end":0.2},{"word":"谢谢","start":0.6,"end":0.8}], "segments": [{"text":"好","start":0,"end":0.5},{"text":"谢谢","start":0.5,"end":1,"avg_logprob":-1.4,"no_speech_prob":0.9}]}`: {word("好", 100, 200, 0)},
		`{"text": "好", "segments": [{"text":"好","start":0,"end":1,"words":[{"word":"好","start":0.5,"end":0.75,"probability":7}]}]}`:                                                                                                    {word("好", 500, 750, 1)},
	} {
		s.Fail(whispertest.Status(200, 0, body))
		if got, err := c.Transcribe(t.Context(), second, nil); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: heard %v, %v", body, got, err)
		}
	}
}

func TestAConfigurationNamesItsFaults(t *testing.T) {
	if got := (whisper.Config{URL: "ftp://x", Timeout: time.Hour, Key: "a\nb"}).Faults(); len(got) != 3 {
		t.Errorf("faults %q", got)
	}
	if got := (whisper.Config{URL: "http://u:p@x/v1", Timeout: time.Second}).Faults(); len(got) != 1 || strings.Contains(got[0], "u:p") {
		t.Errorf("faults %q", got)
	}
}
