package review

import (
	"slices"
	"testing"
	"time"

	"liveclip/internal/caption"
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
	cues := inClipTime(s.cues(1, lines, domain.Window{Start: at(10000), End: at(20000)}), []*mediav1.FinishedPart{{End: 2e9}, {At: 2e9, Start: 10e9, End: 20e9}})
	want := `WEBVTT

00:00:02.000 --> 00:00:03.000
only three minutes

00:00:05.900 --> 00:00:08.000
left

00:00:08.000 --> 00:00:10.500
***好茶&lt;b&gt;&amp;

00:00:11.500 --> 00:00:12.000
a line
`
	if got := caption.WebVTT(cues); got != want {
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
a line

`
	if got := caption.SubRip(cues); got != wantSRT {
		t.Errorf("SubRip is\n%s\nwant\n%s", got, wantSRT)
	}
}

func TestCuesAreWhereTheirWordsAreThoughPartsBeginElsewhere(t *testing.T) {
	second := time.Second
	cues := []caption.Cue{{Part: 0, Start: 10 * second, End: 12 * second, Text: "across the beginning"}, {Part: 0, Start: 19 * second, End: 20 * second, Text: "across the end"}, {Part: 0, Start: 25 * second, End: 26 * second, Text: "after"},
		{Part: 1, Start: 40 * second, End: 41 * second, Text: "in the second part"}, {Part: 7, Start: 0, End: second, Text: "of no part"}}
	parts := []*mediav1.FinishedPart{{At: 0, Start: 11e9, End: 19500e6}, {At: 8500e6, Start: 39980e6, End: 45e9}}
	want := []caption.Cue{{Part: 0, Start: 0, End: second, Text: "across the beginning"}, {Part: 0, Start: 8 * second, End: 8500 * time.Millisecond, Text: "across the end"},
		{Part: 1, Start: 8520 * time.Millisecond, End: 9520 * time.Millisecond, Text: "in the second part"}}
	if got := inClipTime(cues, parts); !slices.Equal(got, want) {
		t.Errorf("laid %v, want %v", got, want)
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
	want := []caption.Cue{{Start: 2 * time.Second, End: 7 * time.Second, Text: "one"}, {Start: 7 * time.Second, End: 8 * time.Second, Text: "three"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	c.plan.Value.Chapters = nil
	if got := s.chapters(c, []*mediav1.FinishedPart{{}, {At: 0, End: 9}}); got != nil {
		t.Errorf("a clip that is no recap has chapters %v", got)
	}
}
