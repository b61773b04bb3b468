package detect

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"liveclip/internal/domain"
)

// archived reads Bilibili's comment XML, well-formed or not: seconds, …, user hash, ID; in order of time.
func archived(t *testing.T, name string) []domain.AudienceSignal {
	t.Helper()
	folder := os.Getenv("LIVECLIP_CORPUS")
	if folder == "" {
		t.Skip("LIVECLIP_CORPUS does not name the folder of outside files")
	}
	text, err := os.ReadFile(filepath.Join(folder, "chat", name))
	if err != nil {
		t.Fatal(err)
	}
	var out []domain.AudienceSignal
	pattern := regexp.MustCompile(`<d p="([0-9.]+),[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,([^,]*),([^,"]*)[^"]*">([^<]*)`)
	for _, m := range pattern.FindAllSubmatch(text, -1) {
		at, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, domain.AudienceSignal{
			ID: string(m[3]), Kind: domain.SignalComment, At: seconds(at), User: string(m[2]), Text: string(m[4]), Count: 1,
		})
	}
	slices.SortFunc(out, func(a, b domain.AudienceSignal) int { return cmp.Compare(a.At, b.At) })
	return out
}

func TestRealCommentFeedsHaveNoHighlightWhereEverybodySaysHello(t *testing.T) {
	for _, name := range []string{"danmuku.xml", "danmuku-v2.xml", "danmuku-v3.xml", "flamemaster.xml"} {
		t.Run(name, func(t *testing.T) {
			signals := archived(t, name)
			if len(signals) < 100 {
				t.Fatalf("read %d comments", len(signals))
			}
			r := newRoom(t)
			for _, s := range signals {
				if !r.write(s) {
					t.Fatalf("comment %s was lost", s.ID)
				}
			}
			end := signals[len(signals)-1].At
			for _, d := range r.finish(end) {
				t.Logf("%s: %+v", d.Outcome, d.Highlight.Reasons)
				if at := d.Anchor.At; at < 20*time.Second {
					t.Errorf("a moment at %s: %+v", at, d.Highlight)
				}
			}
		})
	}
}

func TestABurstInARealCommentFeedIsFound(t *testing.T) {
	r := newRoom(t)
	for _, s := range archived(t, "danmuku-v3.xml") {
		r.write(s)
	}
	crowd(r, 406, 120)
	fired := highlights(r.finish(seconds(780)))
	near := func(h domain.Highlight) bool {
		return h.Kind == kindBurst && h.Window.Start <= seconds(402) && h.Window.End >= seconds(400)
	}
	if !slices.ContainsFunc(fired, near) {
		t.Errorf("got %+v", fired)
	}
}
