package review

import (
	"testing"
	"time"

	"liveclip/internal/domain"
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
	p := piece{at: at(2000), window: domain.Window{Start: at(10000), End: at(20000)}}
	var cues []cue
	for _, line := range lines {
		cues = append(cues, s.cuesOf(line, p)...)
	}
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
}

func TestALongLineBecomesSeveralCues(t *testing.T) {
	s := &Service{lists: shippedLists(t)}
	var line domain.TranscriptLine
	for i := range 30 {
		start := time.Duration(i) * 300 * time.Millisecond
		line.Words = append(line.Words, domain.Word{Text: "word", Start: start, End: start + 300*time.Millisecond})
	}
	cues := s.cuesOf(line, piece{window: domain.Window{End: time.Minute}})
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
