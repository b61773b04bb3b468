package speech

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

// spotting hears samples in keyword mode.
func spotting(t *testing.T, k *Keywords, samples []int16) Result {
	t.Helper()
	u, err := k.Begin(Known{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	u.Hear(samples[:len(samples)/2])
	u.Hear(samples[len(samples)/2:])
	u.End()
	if err := k.Work([]Utterance{u}); err != nil {
		t.Fatal(err)
	}
	r, err := u.Final()
	if err != nil || u.Busy() {
		t.Fatal(err)
	}
	return r
}

func TestKeywordModeHearsPhrasesWithTheirTimesAndNothingElse(t *testing.T) {
	k, err := OpenKeywords(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for said, want := range map[string]string{
		"okay everyone last three minutes so do not wait":                   "last three minutes",
		"we have a flash sale here for all of you":                          "flash sale",
		"the road to the village is narrow and winds through a dark forest": "",
		"my sister bought the same one and she is really happy with it":     "",
	} {
		samples := say(t, "rms", said)
		got := spotting(t, k, samples)
		if want == "" && got.Text != "" || !strings.Contains(got.Text, want) {
			t.Errorf("%q: heard %q", said, got.Text)
		}
		length, last := time.Duration(len(samples))*time.Second/SampleRate, time.Duration(0)
		for _, w := range got.Words {
			if w.Start < last || w.End < w.Start || w.End > length {
				t.Errorf("%q: word %+v after %v", said, w, last)
			}
			last = w.Start
		}
	}
	if got := spotting(t, k, nil); got.Text != "" {
		t.Errorf("heard %q in nothing", got.Text)
	}
}

func TestKeywordsThatCannotBeSpottedAreNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "words.txt")
	for list, want := range map[string]string{
		"flash sale\nxyzzyq now here\n":         `line 2: "xyzzyq now here" has a word that is not in the dictionary`,
		"now only":                              `"now only" is too short`,
		"# nothing":                             "there is no phrase",
		"flash sale /1e-90/":                    "is no phrase",
		strings.Repeat("flash sale now\n", 600): "more than 500",
		strings.Repeat("flash sale now\n", 1e5): "longer than",
	} {
		if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeywords(map[string]string{"keywords": path}); !domain.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", list, err, want)
		}
	}
	if _, err := OpenKeywords(map[string]string{"keywords": "/nowhere"}); !domain.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func FuzzKeywordLists(f *testing.F) {
	f.Add("flash sale # a remark\n\n last  CHANCE\n")
	f.Add("a/1e-3/\x00")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseKeywords(text)
		if err != nil {
			return
		}
		for _, k := range all {
			if k.text == "" || k.line < 1 || strings.ContainsAny(k.text, "/\n#") {
				t.Fatalf("read %+v", k)
			}
		}
	})
}
