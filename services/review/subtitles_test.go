package review

import (
	"slices"
	"testing"
	"time"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

func TestSubtitlesAreCutForReadingInClipTime(t *testing.T) {
	s := &Service{lists: shippedLists(t)}
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	word := func(text string, start, end int) domain.Word {
		return domain.Word{Text: text, Start: at(start), End: at(end)}
	}
	lines := []domain.TranscriptLine{
		{Start: at(9000), End: at(14000), Words: []domain.Word{
			word("before", 9000, 9500), word("only", 9800, 10200), word("three", 10200, 10600), word("minutes", 10600, 11000), word("left", 13900, 16000),
		}},
		{Start: at(16000), End: at(18500), Words: []domain.Word{word("国家级", 16000, 17000), word("好茶", 17000, 18000), word("<b>&", 18000, 18500)}},
		{Start: at(19500), End: at(21000), Text: "a line without words"},
		{Start: at(22000), End: at(23000), Text: "after"},
	}
	var cues []cue
	for _, line := range lines {
		cues = append(cues, s.cuesOf(line, 1, domain.Window{Start: at(10000), End: at(20000)})...)
	}
	cues = laid(standing(cues), []*mediav1.FinishedPart{{End: 2e9}, {At: 2e9, Start: 10e9, End: 20e9}})
	want := `WEBVTT

00:00:02.000 --> 00:00:03.000
only three minutes

00:00:05.900 --> 00:00:08.000
left

00:00:08.000 --> 00:00:10.500
***好茶&lt;b&gt;&amp;

00:00:11.500 --> 00:00:12.000
a line without words
`
	if got := webVTT(cues); got != want {
		t.Errorf("subtitles are\n%s\nwant\n%s", got, want)
	}
	wantSRT := `1
00:00:02,000 --> 00:00:03,000
only three minutes

2
00:00:05,900 --> 00:00:08,000
left

3
00:00:08,000 --> 00:00:10,500
***好茶<b>&

4
00:00:11,500 --> 00:00:12,000
a line without words

`
	if got := subRip(cues); got != wantSRT {
		t.Errorf("SubRip is\n%s\nwant\n%s", got, wantSRT)
	}
}

func TestCuesAreWhereTheirWordsAreThoughPartsBeginElsewhere(t *testing.T) {
	second := time.Second
	cues := []cue{{0, 10 * second, 12 * second, "across the beginning"}, {0, 19 * second, 20 * second, "across the end"}, {0, 25 * second, 26 * second, "after"},
		{1, 40 * second, 41 * second, "in the second part"}, {7, 0, second, "of no part"}}
	parts := []*mediav1.FinishedPart{{At: 0, Start: 11e9, End: 19500e6}, {At: 8500e6, Start: 39980e6, End: 45e9}}
	want := []cue{{0, 0, second, "across the beginning"}, {0, 8 * second, 8500 * time.Millisecond, "across the end"},
		{1, 8520 * time.Millisecond, 9520 * time.Millisecond, "in the second part"}}
	if got := laid(cues, parts); !slices.Equal(got, want) {
		t.Errorf("laid %v, want %v", got, want)
	}
}

func TestShortCuesStandUntilTheNext(t *testing.T) {
	ms := time.Millisecond
	got := standing([]cue{{0, 0, 200 * ms, "yes"}, {0, 500 * ms, 600 * ms, "no"}, {1, 0, 2000 * ms, "of another part"}})
	want := []cue{{0, 0, 500 * ms, "yes"}, {0, 500 * ms, 1300 * ms, "no"}, {1, 0, 2000 * ms, "of another part"}}
	if !slices.Equal(got, want) {
		t.Errorf("stand %v, want %v", got, want)
	}
}

func TestALongLineBecomesSeveralCues(t *testing.T) {
	s := &Service{lists: shippedLists(t)}
	var line domain.TranscriptLine
	for i := range 30 {
		start := time.Duration(i) * 300 * time.Millisecond
		line.Words = append(line.Words, domain.Word{Text: "word", Start: start, End: start + 300*time.Millisecond})
	}
	cues := s.cuesOf(line, 0, domain.Window{End: time.Minute})
	for i, c := range cues {
		if columns(c.text) > cueWidth || c.end-c.start > cueLength || i > 0 && c.start < cues[i-1].end {
			t.Errorf("cue %d is %+v", i, c)
		}
	}
	if len(cues) != 4 {
		t.Errorf("%d cues, want 4", len(cues))
	}
}

func TestAnOrderThatCannotBeDoneSaysWhy(t *testing.T) {
	good := domain.Profile{Name: "720p", Width: 1280, Height: 720}
	for _, c := range []struct {
		profiles []domain.Profile
		want     string
	}{
		{nil, "the plan has 0 profiles, must have 1 to 8"},
		{[]domain.Profile{good, good}, "profile 720p: there are two"},
		{[]domain.Profile{{Name: "../up", Width: 1280, Height: 720}}, `profile "../up": a name is lower-case letters, digits, '_' and '-'`},
		{[]domain.Profile{{Name: "odd", Width: 1281, Height: 720}}, "profile odd: 1281x720: sides must be even, 16 to 3840"},
	} {
		if _, err := profiles(c.profiles); err == nil || err.Error() != c.want || !domain.IsPermanent(err) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestARecapsChaptersLieWhereItsPiecesPlay(t *testing.T) {
	s := &Service{lists: shippedLists(t)}
	var c clip
	c.plan.Value.Chapters = []domain.Chapter{{Title: "one"}, {Title: "two"}, {Title: "three"}}
	c.cut.Value.Parts = []domain.CutPart{{File: "opening.mp4"}, {Window: domain.Window{Start: 1, End: 2}}, {Window: domain.Window{Start: 3, End: 4}}, {Window: domain.Window{Start: 5, End: 6}}}
	got := s.chapters(c, []*mediav1.FinishedPart{{End: 2e9}, {At: 2e9, Start: 10e9, End: 15e9}, {At: 7e9, Start: 30e9, End: 30e9}, {At: 7e9, Start: 40e9, End: 41e9}})
	want := []cue{{start: 2 * time.Second, end: 7 * time.Second, text: "one"}, {start: 7 * time.Second, end: 8 * time.Second, text: "three"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	c.plan.Value.Chapters = nil
	if got := s.chapters(c, []*mediav1.FinishedPart{{}, {At: 0, End: 9}}); got != nil {
		t.Errorf("a clip that is no recap has chapters %v", got)
	}
}
