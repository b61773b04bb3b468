package caption

import (
	"math"
	"slices"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

const ms = time.Millisecond

var whole = domain.Window{End: math.MaxInt64}

func word(text string, start, end int) domain.Word {
	return domain.Word{Text: text, Start: time.Duration(start) * ms, End: time.Duration(end) * ms}
}

func lineOf(words ...domain.Word) domain.TranscriptLine {
	return domain.TranscriptLine{Start: words[0].Start, End: words[len(words)-1].End, Words: words}
}

func TestALongLineBecomesSeveralCues(t *testing.T) {
	var words []domain.Word
	for i := range 30 {
		words = append(words, word("word", i*300, (i+1)*300))
	}
	spread := domain.TranscriptLine{Start: 10 * time.Second, End: 30 * time.Second, Text: "一二三四五六七八九十，一二三四五六七八九十，一二三四五六七八九十，and a word or two more, of which nobody knows when they were said"}
	cues := Of(0, []domain.TranscriptLine{lineOf(words...), spread}, whole)
	for i, c := range cues {
		if wording.Columns(c.Text) > width || c.End-c.Start > longest || i > 0 && c.Start < cues[i-1].End {
			t.Errorf("cue %d is %+v", i, c)
		}
	}
	if len(cues) != 9 {
		t.Errorf("%d cues, want 9: %v", len(cues), cues)
	}
}

func TestLinesThatOverlapGiveCuesThatDoNotAndNoWordTwice(t *testing.T) {
	got := Of(0, []domain.TranscriptLine{
		lineOf(word("Deal", 5300, 6000), word("ends", 6000, 6500)),
		lineOf(word("the", 4000, 4600), word("best", 4600, 5200), word("deal", 5200, 5900)),
	}, whole)
	want := []Cue{{0, 4000 * ms, 5900 * ms, "the best deal"}, {0, 6000 * ms, 6800 * ms, "ends"}}
	if !slices.Equal(got, want) {
		t.Errorf("cues %v, want %v", got, want)
	}
}

func TestShortCuesStandUntilTheNext(t *testing.T) {
	got := Of(1, []domain.TranscriptLine{lineOf(word("yes", 0, 200)), lineOf(word("no", 500, 600))}, whole)
	want := []Cue{{1, 0, 500 * ms, "yes"}, {1, 500 * ms, 1300 * ms, "no"}}
	if !slices.Equal(got, want) {
		t.Errorf("stand %v, want %v", got, want)
	}
}

func TestAWordIsSaidWhereItsMiddleLies(t *testing.T) {
	lines := []domain.TranscriptLine{
		lineOf(word("welcome", 150, 4000), word("back", 4000, 8500), word("only", 8500, 8820)),
		lineOf(word("only", 8600, 8800), word("three", 9000, 9400), word("left", 9400, 10200), word("today", 10200, 10400)),
		{Start: 9 * time.Second, End: 10900 * ms, Text: "国家 级,好茶"},
	}
	if got, want := Said(lines, domain.Window{Start: 8630 * ms, End: 10 * time.Second}), "only three left 国家级,"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

func TestSubtitlesKeepTheirTimesAndEscapeTheirText(t *testing.T) {
	cues := []Cue{{0, 1500 * ms, 3000 * ms, "last three minutes"}, {0, 3700 * time.Second, 3701 * time.Second, "a <b>\n\n--> c"}}
	wantSRT := "1\n00:00:01,500 --> 00:00:03,000\nlast three minutes\n\n2\n01:01:40,000 --> 01:01:41,000\na <b> → c\n\n"
	if got := SubRip(cues); got != wantSRT {
		t.Errorf("SubRip:\n%s", got)
	}
	wantVTT := "WEBVTT\n\n00:00:01.500 --> 00:00:03.000\nlast three minutes\n\n01:01:40.000 --> 01:01:41.000\na &lt;b&gt; → c\n"
	if got := WebVTT(cues); got != wantVTT {
		t.Errorf("WebVTT:\n%s", got)
	}
}
