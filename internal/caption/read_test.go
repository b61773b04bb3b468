package caption

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func at(start, end int, text string) Cue {
	return Cue{Start: time.Duration(start) * ms, End: time.Duration(end) * ms, Text: text}
}

func TestCaptionFilesAreReadAsTheyComeInTheWild(t *testing.T) {
	gb := "\xd7\xee\xba\xf3\xc8\xfd\xb7\xd6\xd6\xd3" // 最后三分钟
	for name, c := range map[string]struct {
		file   string
		want   []Cue
		faults Faults
	}{
		"WebVTT": {"WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE nothing\n\nintro\n00:01.000 --> 00:02.500 align:start\n<v Host><b>flash</b> sale</v>\nnow &amp; here\n\n1:00:00.5 --> 1:00:01\nlate\n",
			[]Cue{at(1000, 2500, "flash sale now & here"), at(3600500, 3601000, "late")}, Faults{}},
		"SubRip":             {"\xef\xbb\xbf1\r\n00:00:01,000 --> 00:00:02,000\r\n{\\an8}全场五折\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nonly ten left\r\n", []Cue{at(1000, 2000, "全场五折"), at(3000, 4000, "only ten left")}, Faults{}},
		"no empty lines":     {"1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:03,000 --> 00:00:04,000\ntwo\n", []Cue{at(1000, 2000, "one"), at(3000, 4000, "two")}, Faults{}},
		"backwards":          {"00:05.000 --> 00:04.000\nb\n\n00:01.000 --> 00:02.000\na\n", []Cue{at(1000, 2000, "a"), at(5000, 5800, "b")}, Faults{Backwards: 1, Unordered: 1}},
		"UTF-16":             {"\xff\xfe0\x000\x00:\x000\x001\x00 \x00-\x00-\x00>\x00 \x000\x000\x00:\x000\x002\x00\n\x00\x00\x4e\n\x00", []Cue{at(1000, 2000, "一")}, Faults{}},
		"GB 18030":           {"00:01.000 --> 00:02.000\n" + gb + "\n", []Cue{at(1000, 2000, "最后三分钟")}, Faults{}},
		"lines of nonsense":  {"what\n00:01 -> 00:02\n99:99:99 --> x\n\n00:01.000 --> 00:02.000\nyes\n\nmore", []Cue{at(1000, 2000, "yes")}, Faults{}},
		"an endless caption": {"00:01.000 --> 00:02.000\nyes\n" + strings.Repeat("a", 3000) + "\n", []Cue{at(1000, 2000, "yes")}, Faults{Cut: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, faults, err := Read(strings.NewReader(c.file))
			if err != nil || !slices.Equal(got, c.want) || faults != c.faults {
				t.Errorf("read %v, %+v, %v", got, faults, err)
			}
		})
	}
	if _, _, err := Read(strings.NewReader("<html>")); !errors.Is(err, ErrNoCaptions) {
		t.Errorf("a page: %v", err)
	}
	if _, _, err := Read(&endless{}); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("100 MB: %v", err)
	}
}

// endless is a file of 100 MB.
type endless struct{ given int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.given += len(p)
	return len(p), nil
}

func FuzzCaptionsComeInOrderWithText(f *testing.F) {
	for _, seed := range []string{"WEBVTT\n\n00:01.000 --> 00:02.000\na", "1\n00:00:01,000 --> 00:00:00,000\n<b>x\n2\n00:00:01,0 --> 00:00:01\n&lt;", "\xff\xfe\x00", "9999:59:59.999999999 --> 0:0\n\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cues, _, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		last := time.Duration(0)
		for _, c := range cues {
			if c.Text == "" || c.Start < last || c.End < c.Start {
				t.Fatalf("cue %+v after %v", c, last)
			}
			last = c.Start
		}
	})
}

func TestPacketsOfTracksAreReadWithoutTheirMarkup(t *testing.T) {
	for _, c := range []struct{ codec, packet, want string }{
		{"subrip", "<i>全场</i>\r\n五折", "全场五折"},
		{"webvtt", "<v Host>flash &amp; sale", "flash & sale"},
		{"webvtt", "<" + strings.Repeat("播", 200) + ">flash", "flash"},
		{"webvtt", "1 <" + strings.Repeat("2", 201) + "> 3", "1 <" + strings.Repeat("2", 201) + "> 3"},
		{"mov_text", "\x00\x05hello\x00\x00\x00\x0cstyl", "hello"},
		{"mov_text", "\xff\xffcut", "cut"},
		{"mov_text", "\x00", ""},
		{"ass", `3,0,Default,,0,0,0,,{\b1}one\Ntwo, three`, "one two, three"},
		{"webvtt", "\x00\x00\x00\x08vttc", ""},
	} {
		if got := OfTrack(c.codec, []byte(c.packet)); got != c.want {
			t.Errorf("%s %q: %q", c.codec, c.packet, got)
		}
	}
}

func FuzzPacketsOfTracksHarmNobody(f *testing.F) {
	f.Add("mov_text", []byte("\x00\x05hello"))
	f.Add("ass", []byte("1,2,3,4,5,6,7,8,{\\an8}a"))
	f.Fuzz(func(t *testing.T, codec string, packet []byte) {
		if text := OfTrack(codec, packet); len(text) > mostText || strings.TrimSpace(text) != text {
			t.Fatalf("%q", text)
		}
	})
}
