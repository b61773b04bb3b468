package detect

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

// firedOn gives the reasons of the only highlight of a line, without their weights.
func firedOn(t *testing.T, line domain.TranscriptLine) []domain.Reason {
	t.Helper()
	line.ID, line.Final = "line", true
	got := found(t, finalLine{source{ID: "event"}, line})
	if len(got) != 1 {
		t.Fatalf("%q: %d highlights: %+v", line.Text, len(got), got)
	}
	reasons := got[0].Reasons
	for i := range reasons {
		reasons[i].Weight = 0
	}
	slices.SortStableFunc(reasons, func(a, b domain.Reason) int { return len(a.Signal) - len(b.Signal) })
	return reasons
}

func TestAReasonHasThePhrasesThatItRestsOn(t *testing.T) {
	s := seconds
	for name, c := range map[string]struct {
		line domain.TranscriptLine
		want []domain.Reason
	}{
		"a price, written otherwise than heard": {
			domain.TranscriptLine{Start: s(20), End: s(29), Text: "降价了，现在只要¥59.9！", Heard: "降价了现在只要五十九块九"},
			[]domain.Reason{{
				Signal: "speech", Detail: `words of an offer: "只要"`, Chinese: "优惠用语：“只要”", At: s(25),
				Phrases: []domain.Phrase{{Spoken: "只要", Written: "只要", Start: s(25), End: s(27)}},
			}, {
				Signal: "keyword", Detail: `price drop: "降价", "现在只要¥59.9"`, Chinese: "降价：“降价”“现在只要¥59.9”", At: s(20),
				Phrases: []domain.Phrase{
					{Spoken: "降价", Written: "降价", Start: s(20), End: s(22)},
					{Spoken: "现在只要五十九块九", Written: "现在只要¥59.9", Start: s(23), End: s(29)},
				},
				Offer: domain.Offer{Now: 59.9, Sign: "¥"},
			}},
		},
		"time that is left": {
			domain.TranscriptLine{Start: s(20), End: s(24), Text: "Only 5 minutes left", Heard: "only five minutes left"},
			[]domain.Reason{{
				Signal: "speech", Detail: `words of an offer: "minutes", "left"`, Chinese: "优惠用语：“minutes”“left”", At: s(22),
				Phrases: []domain.Phrase{{Spoken: "minutes", Written: "minutes", Start: s(22), End: s(23)}, {Spoken: "left", Written: "left", Start: s(23), End: s(24)}},
			}, {
				Signal: "keyword", Detail: `flash sale: "Only 5 minutes left"`, Chinese: "限时抢购：“Only 5 minutes left”", At: s(20),
				Phrases: []domain.Phrase{{Spoken: "only five minutes left", Written: "Only 5 minutes left", Start: s(20), End: s(24)}},
				Left:    5 * time.Minute,
			}},
		},
	} {
		if got := firedOn(t, c.line); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestTokensHaveWhatWasHeardForThem(t *testing.T) {
	f := testFolder(t)
	for name, c := range map[string]struct{ text, heard, want string }{
		"a price":                 {"now only $19.99 today", "now only nineteen ninety nine dollars today", "now|only|nineteen ninety nine|dollars|today"},
		"a unit said otherwise":   {"只要¥79包邮", "只要七十九块包邮", "只|要|七十九块||包|邮"},
		"more heard than written": {"half price", "um half uh price please", "half|price"},
		"less heard than written": {"half price today", "half price", "half|price|"},
		"nothing alike":           {"5折", "武则", "武则|"},
		"nothing else heard":      {"全场5折", "", "全|场|5|折"},
	} {
		var got []string
		for _, s := range f.hear(domain.TranscriptLine{Text: c.text, Heard: c.heard, End: time.Second}) {
			got = append(got, s.Heard)
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: got %q, want %q", name, strings.Join(got, "|"), c.want)
		}
	}
}

func TestWhatIsPartOfAnOffersWordsIsNeitherMisheardNorDenied(t *testing.T) {
	for text, want := range map[string]string{
		"还剩最后五分钟大家抓紧时间":   "flash_sale",
		"只剩最后五件了错过今天就没有了": "scarcity",
	} {
		r := &room{rules: builtIn(t)}
		for _, reason := range firedOn(t, domain.TranscriptLine{Start: seconds(20), End: seconds(24), Text: text}) {
			if reason.Signal == "keyword" && strings.Contains(reason.Chinese, "谐音") {
				t.Errorf("%q: %s", text, reason.Chinese)
			}
		}
		l := r.speak(said(20, 24, text))
		if kinds := kindsIn(r.rules, text); !strings.Contains(kinds, want) || len(l.away) > 0 {
			t.Errorf("%q is %q, and speaks of another time by %v", text, kinds, l.away)
		}
	}
}

func FuzzTokensHaveWhatWasHeardForThem(f *testing.F) {
	folder := testFolder(f)
	f.Add("now only $19.99", "now only nineteen ninety nine dollars")
	f.Add("", "only heard")
	f.Add("$5 $", "five dollars $6")
	f.Fuzz(func(t *testing.T, text, heard string) {
		for _, s := range folder.hear(domain.TranscriptLine{Text: text, Heard: heard, End: time.Second}) {
			if len(s.Heard) > len(heard) && s.Heard != s.Text {
				t.Errorf("%q was heard for %q of %q", s.Heard, s.Text, heard)
			}
		}
	})
}
