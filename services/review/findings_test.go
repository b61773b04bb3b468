package review

import (
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/wordlist"
)

func shippedLists(t testing.TB) *wordlist.Lists {
	t.Helper()
	l, err := wordlist.Load(nil, wordlist.Person)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSpokenTermsCarryTheTimeOfTheirFirstWordAndLieInsideTheWindow(t *testing.T) {
	l := shippedLists(t)
	word := func(text string, start, end int) domain.Word {
		return domain.Word{Text: text, Start: time.Duration(start) * time.Second, End: time.Duration(end) * time.Second}
	}
	lines := []domain.TranscriptLine{{
		Start: 0, End: 20 * time.Second,
		Words: []domain.Word{word("cures", 1, 2), word("with", 11, 12), word("guaranteed", 12, 13), word("returns", 13, 14), word("cocaine", 21, 22)},
	}, {
		Start: 15 * time.Second, End: 16 * time.Second, Text: "这是最佳选择",
	}}
	got := spoken(l, lines, domain.Window{Start: 10 * time.Second, End: 20 * time.Second})
	want := []domain.Finding{
		{List: "investment", Term: "guaranteed returns", Where: inTranscript, At: 12 * time.Second, Severity: wordlist.Person},
		{List: "absolute", Term: "最佳", Where: inTranscript, At: 15 * time.Second, Severity: wordlist.Person},
	}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("found %+v, want %+v", got, want)
	}
}
