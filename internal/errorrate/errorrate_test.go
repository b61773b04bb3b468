package errorrate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

func TestErrorsAreCountedInWordsAndCharacters(t *testing.T) {
	w, err := wording.New()
	if err != nil {
		t.Fatal(err)
	}
	s := New(w)
	for name, c := range map[string]struct {
		said, heard       string
		words, characters Rate
	}{
		"the same, written otherwise": {"last three minutes, nineteen dollars!", "Last 3 minutes $19", Rate{0, 4}, Rate{0, 15}},
		"one word for another":        {"flash sale now", "flash sail now", Rate{1, 3}, Rate{2, 12}},
		"one left out, one put in":    {"only ten left today", "only left to day", Rate{3, 4}, Rate{2, 15}},
		"Mandarin":                    {"全场五折", "全厂五折。", Rate{1, 4}, Rate{1, 4}},
		"nothing heard":               {"半价", "", Rate{2, 2}, Rate{2, 2}},
		"nothing said":                {"", "hm", Rate{1, 0}, Rate{2, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := s.Words(c.said, c.heard); got != c.words {
				t.Errorf("words %v, want %v", got, c.words)
			}
			if got := s.Characters(c.said, c.heard); got != c.characters {
				t.Errorf("characters %v, want %v", got, c.characters)
			}
		})
	}
}

func TestTimesAreComparedWhereTheWordIsRightAndTheTruthKnown(t *testing.T) {
	word := func(text string, start, end time.Duration) domain.Word {
		return domain.Word{Text: text, Start: start, End: end}
	}
	got := Times([]domain.Word{word("Last", 100, 200), word("three", -1, -1), word("minutes", -1, 900)},
		[]domain.Word{word("um", 0, 50), word("last", 130, 220), word("tree", 230, 400), word("minutes", 400, 850)})
	if want := []time.Duration{30, 20, 50}; !slices.Equal(got, want) {
		t.Errorf("off by %v, want %v", got, want)
	}
}

func FuzzAlignmentsHoldEveryUnitOnce(f *testing.F) {
	f.Add("a b c", "a c d")
	f.Fuzz(func(t *testing.T, a, b string) {
		said, heard := strings.Fields(a), strings.Fields(b)
		if len(said) > 200 || len(heard) > 200 {
			return
		}
		i, j := 0, 0
		for _, p := range align(said, heard) {
			if p.said >= 0 {
				if p.said != i {
					t.Fatal("said out of order")
				}
				i++
			}
			if p.heard >= 0 {
				if p.heard != j {
					t.Fatal("heard out of order")
				}
				j++
			}
		}
		if i != len(said) || j != len(heard) {
			t.Fatal("units are missing")
		}
	})
}
