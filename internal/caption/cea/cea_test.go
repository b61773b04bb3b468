package cea_test

import (
	"slices"
	"testing"
	"time"

	"liveclip/internal/caption/cea"
	"liveclip/internal/caption/cea/ceatest"
)

const second = time.Second

// read decodes so many seconds of captions.
func read(c *ceatest.Captions, channel string, seconds int) (lines []cea.Line) {
	d := cea.NewDecoder(channel)
	for frame := range seconds * ceatest.FrameRate {
		lines = append(lines, d.Add(ceatest.Time(frame), c.Data(frame))...)
	}
	return append(lines, d.End(time.Duration(seconds)*second)...)
}

// same compares lines; times may differ by so much.
func same(t *testing.T, got, want []cea.Line, within time.Duration) {
	t.Helper()
	near := func(a, b cea.Line) bool {
		return a.Text == b.Text && a.Channel == b.Channel && (a.Start-b.Start).Abs() <= within && (a.End-b.End).Abs() <= within
	}
	if !slices.EqualFunc(got, want, near) {
		t.Errorf("lines\n%+v\nwant\n%+v", got, want)
	}
}

func TestPopOnCaptionsStandFromWhenTheyAreShownUntilTheyAreErased(t *testing.T) {
	c := ceatest.New()
	c.Pop(0, 0, 2*second, 4*second, "LAST THREE MINUTES", "HALF PRICE")
	c.Pop(0, 0, 7*second, 0, "ONE TAKES")
	c.Pop(0, 0, 9*second, 10*second, "THE PLACE OF ANOTHER")
	same(t, read(c, "cc1", 12), []cea.Line{
		{2 * second, 4 * second, "LAST THREE MINUTES HALF PRICE", "cc1"},
		{7 * second, 9 * second, "ONE TAKES", "cc1"},
		{9 * second, 10 * second, "THE PLACE OF ANOTHER", "cc1"},
	}, 0)
}

func TestRowsThatRollUpAreLinesOneByOne(t *testing.T) {
	c := ceatest.New()
	began := c.Roll(0, 0, 2, 2*second, "welcome back", "only ten left", "and it is gone")
	end := ceatest.Time(ceatest.Frame(began[2]) + 6) // its last pair
	same(t, read(c, "cc1", 10), []cea.Line{
		{began[0], began[1], "welcome back", "cc1"},
		{began[1], began[2], "only ten left", "cc1"},
		{began[2], end + 2*second, "and it is gone", "cc1"},
	}, 7*second/ceatest.FrameRate) // the codes between two rows
}

func TestPaintedCaptionsAndEveryChannelAreRead(t *testing.T) {
	for i, channel := range []string{"cc1", "cc2", "cc3", "cc4"} {
		c := ceatest.New()
		field, of := i/2, i%2
		other := 1 - of
		c.Put(field, 30, slices.Concat(ceatest.Control(of, 0x14, 0x29), ceatest.Row(of, 14, 0), ceatest.Text("painted"), ceatest.Row(of, 15, 0), ceatest.Text("here"))...)
		c.Pop(field, other, 3*second, 4*second, "of another channel")
		c.Put(field, 150, ceatest.Control(of, 0x14, 0x2c)...)
		same(t, read(c, channel, 7), []cea.Line{{ceatest.Time(34), 5 * second, "painted here", channel}}, 0)
	}
}

func TestACaptionThatStandsForeverIsALineAfterAWhile(t *testing.T) {
	c := ceatest.New()
	c.Pop(0, 0, second, 0, "stands")
	c.Pop(0, 0, 40*second, 0, "ends with the stream")
	same(t, read(c, cea.Any, 42), []cea.Line{{second, 16 * second, "stands", "cc1"}, {40 * second, 42 * second, "ends with the stream", "cc1"}}, 0)
}

func TestEditingCommandsAreHeeded(t *testing.T) {
	c := ceatest.New()
	c.Put(0, 0, slices.Concat(ceatest.Control(0, 0x14, 0x2e), ceatest.Control(0, 0x14, 0x20), ceatest.Row(0, 15, 0), ceatest.Text("pricex"), ceatest.Control(0, 0x14, 0x21),
		ceatest.Control(0, 0x17, 0x21), ceatest.Text("up and away"), ceatest.Row(0, 15, 2), ceatest.Control(0, 0x14, 0x24), ceatest.Text("y"), ceatest.Control(0, 0x14, 0x2f))...)
	got := read(c, "cc1", 3)
	if len(got) != 1 || got[0].Text != "price upy" {
		t.Errorf("lines %+v", got)
	}
}

func TestDamagedPairsAreLeftOutAndALostRepetitionIsNoHarm(t *testing.T) {
	c := ceatest.New()
	c.Pop(0, 0, 2*second, 4*second, "ab", "cd")
	d := cea.NewDecoder("cc1")
	var lines []cea.Line
	repeats := map[[2]byte]int{}
	for frame := range 180 {
		data := c.Data(frame)
		pair := [2]byte{data[1] & 0x7f, data[2] & 0x7f}
		if pair[0] == 'c' {
			data[1] ^= 0x80 // of "cd" the c
		}
		if pair[0] >= 0x10 && pair[0] < 0x20 {
			if repeats[pair]++; repeats[pair]%2 == 0 {
				data[0], data[1], data[2] = 0xfc, 0x80, 0x80
			}
		}
		lines = append(lines, d.Add(ceatest.Time(frame), data)...)
	}
	same(t, lines, []cea.Line{{2 * second, 4 * second, "ab d", "cc1"}}, 0)
}

func TestServiceOneIsReadInAnyLanguage(t *testing.T) {
	c := ceatest.New()
	hidden := ceatest.Window(0, false, 2, 32)
	text := slices.Concat(hidden, ceatest.P16("最后三分钟"), []byte{0x0d}, ceatest.P16("全场五折😀"))
	c.Digital(second, text...)
	c.Digital(2*second, 0x89, 1) // display
	c.Digital(4*second, 0x8a, 1) // hide
	c.Digital(5*second, slices.Concat(ceatest.Window(1, false, 1, 32), []byte("caf\xe9 "), []byte{0x10, 0x33}, []byte("ok"), []byte{0x10, 0x34, 0x7f}, []byte{0x89, 2})...)
	c.Digital(6*second, 0x8c, 0xff) // delete all
	same(t, read(c, cea.Any, 8), []cea.Line{
		{2 * second, 4 * second, "最后三分钟全场五折😀", "service1"},
		{5 * second, 6 * second, "café “ok”♪", "service1"},
	}, 0)
}

func TestServiceOneRollsUpTooAndTwoWindowsAreOneCaption(t *testing.T) {
	c := ceatest.New()
	c.Digital(second, slices.Concat(ceatest.Window(0, true, 2, 32), []byte("first"))...)
	c.Digital(2*second, slices.Concat([]byte{0x0d}, []byte("second"))...)
	c.Digital(3*second, slices.Concat([]byte{0x0d}, []byte("third"))...)
	c.Digital(4*second, 0x8f)
	low, high := ceatest.Window(2, false, 1, 32), ceatest.Window(3, false, 1, 32)
	low[2], high[2] = 90, 80
	c.Digital(5*second, slices.Concat(low, []byte("below"), high, []byte("above"), []byte{0x89, 0x0c})...)
	c.Digital(6*second, 0x88, 0x0c)
	same(t, read(c, "service1", 8), []cea.Line{
		{1 * second, 2 * second, "first", "service1"},
		{2 * second, 3 * second, "second", "service1"},
		{3 * second, 4 * second, "third", "service1"},
		{5 * second, 6 * second, "above below", "service1"},
	}, 0)
}

func TestOfServiceOneAndCC1WithTheSameWordsOneIsRead(t *testing.T) {
	c := ceatest.New()
	for at := 2 * second; at < 11*second; at += 3 * second {
		c.Pop(0, 0, at, at+second, "same words")
		c.Digital(at+100*time.Millisecond, slices.Concat(ceatest.Window(0, false, 1, 32), []byte("same words"), []byte{0x89, 1})...)
		c.Digital(at+1100*time.Millisecond, 0x8c, 1)
	}
	got := read(c, cea.Any, 12)
	if len(got) != 3 || slices.ContainsFunc(got, func(l cea.Line) bool { return l.Channel != "service1" }) {
		t.Errorf("lines %+v", got)
	}
}

func TestPicturesComeInTheOrderOfShowing(t *testing.T) {
	var got []int
	o := new(cea.Order)
	give := func(_ time.Duration, data []byte) { got = append(got, int(data[0])) }
	for i, show := range []int{0, 4, 2, 1, 3, 8, 6, 5, 7} {
		o.Add(time.Duration(i-2), time.Duration(show), []byte{byte(show)}, give)
	}
	o.End(give)
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(got, want) {
		t.Errorf("pictures %v", got)
	}
}

func TestCaptionsAreFoundInPicturesOfBothCodecs(t *testing.T) {
	data := slices.Repeat([]byte{0xfc, 0x80, 0x80, 0xff, 0, 0, 0xfe, 0, 1}, 3)
	for codec, hevc := range map[cea.Codec]bool{cea.H264: false, cea.HEVC: true} {
		nal := ceatest.SEI(hevc, data)
		for lengthSize := 1; lengthSize <= 4; lengthSize++ {
			picture := make([]byte, lengthSize)
			picture[lengthSize-1] = byte(len(nal))
			picture = append(picture, nal...)
			if got := cea.Find(codec, lengthSize, append(picture, 0xff)); !slices.Equal(got, data) {
				t.Errorf("%v, lengths of %d: %x", codec, lengthSize, got)
			}
		}
	}
}

func FuzzNoCaptionHarmsTheDecoder(f *testing.F) {
	c := ceatest.New()
	c.Pop(0, 0, 500*time.Millisecond, 0, "abc")
	c.Roll(1, 1, 4, 0, "abc", "def")
	c.Digital(0, slices.Concat(ceatest.Window(0, true, 15, 42), ceatest.P16("最后"), []byte("\x0d\x0d\x92\xff\xff\x10\x90\x1f"))...)
	var all []byte
	for frame := range 40 {
		all = append(all, c.Data(frame)...)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := cea.NewDecoder(cea.Any)
		at, longest := time.Duration(0), 0
		check := func(lines []cea.Line) {
			for _, l := range lines {
				if l.Text == "" || l.Start < 0 || l.End < l.Start || l.End > at {
					t.Fatalf("line %+v at %v", l, at)
				}
				longest = max(longest, len(l.Text))
			}
		}
		for len(data) > 0 {
			n := min(len(data), 9)
			check(d.Add(at, data[:n]))
			if from, ok := d.Opened(); ok && (from > at || at-from > 15*time.Second) {
				t.Fatalf("open since %v at %v", from, at)
			}
			data = data[n:]
			at += 33 * time.Millisecond
		}
		check(d.End(at))
		if longest > 20_000 {
			t.Fatalf("a line of %d bytes", longest)
		}
	})
}

func FuzzNoPictureHarmsTheSearch(f *testing.F) {
	f.Add(append([]byte{0, 0, 0, 60}, ceatest.SEI(false, make([]byte, 40))...), false, 4)
	f.Add(append([]byte{60}, ceatest.SEI(true, make([]byte, 40))...), true, 1)
	f.Fuzz(func(t *testing.T, picture []byte, hevc bool, lengthSize int) {
		codec := cea.H264
		if hevc {
			codec = cea.HEVC
		}
		if found := cea.Find(codec, 1+(lengthSize&3), picture); len(found)%3 != 0 || len(found) > len(picture) {
			t.Fatalf("%d bytes of %d", len(found), len(picture))
		}
	})
}
