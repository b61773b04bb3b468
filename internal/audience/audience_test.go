package audience

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func TestABrokenDocumentGivesTheCommentsThatAreWhole(t *testing.T) {
	got, err := Parse([]byte(`<?xml version="1.0"?><i><d p="2.5,1,25,1,1,0,u2,9">再来 &amp; 一次</d><d p="x,1">no time</d><d p="3"><d p="1.5,1,25,1,1,0,u1,8">first!</d></bad>`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].At != 1500*time.Millisecond || got[0].Text != "first!" || got[1].Text != "再来 & 一次" {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(got[0].User, "u1") {
		t.Errorf("user %q is not hidden", got[0].User)
	}
}

func TestAJSONArrayIsRead(t *testing.T) {
	got, err := Parse([]byte(`[{"at_s": 3, "user": "b", "text": "two"}, {"at_s": 1, "user": "a", "text": "one"}]`))
	if err != nil || len(got) != 2 || got[0].Text != "one" || got[0].Kind != domain.SignalComment {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatIsNeitherIsRefused(t *testing.T) {
	for _, text := range []string{"", "hello", "<i></i>", `[{"text":"no time"}]`, `[{"at_s":-1}]`, `[1]`} {
		if got, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q gave %+v", text, got)
		}
	}
}

func TestRealFilesAreRead(t *testing.T) {
	corpus := os.Getenv("LIVECLIP_CORPUS")
	if corpus == "" {
		t.Skip("LIVECLIP_CORPUS is not set: real comment files are not read")
	}
	for name, least := range map[string]int{"danmuku.xml": 499, "danmuku-v2.xml": 1700, "danmuku-v3.xml": 1224, "flamemaster.xml": 1000} {
		got, err := ReadFile(filepath.Join(corpus, "chat", name))
		if err != nil || len(got) < least {
			t.Errorf("%s: %d comments, %v; want at least %d", name, len(got), err, least)
		}
		if !slices.IsSortedFunc(got, func(a, b domain.AudienceSignal) int { return cmp.Compare(a.At, b.At) }) {
			t.Errorf("%s: not in order", name)
		}
	}
}

func FuzzParseNeverPanics(f *testing.F) {
	f.Add([]byte(`<i><d p="1,1,25">x</d></i>`))
	f.Add([]byte(`[{"at_s":1}]`))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = Parse(text) })
}
