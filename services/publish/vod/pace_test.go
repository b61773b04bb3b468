package vod

import (
	"net/http"
	"testing"
	"time"
)

func TestAnAnswerNobodyBoundedGoesOutAsTheFilmPlays(t *testing.T) {
	content := noise(1 << 20)
	o := newOrigin(t, content)
	o.writeLength(t, 10*time.Second)
	o.pacing = Pace{Multiple: 2, Head: 2 * time.Second}
	var rests int // read when the answer is over
	o.pause = func(_ *http.Request, d time.Duration) { rests++; o.clock.advance(d) }
	for _, c := range []struct {
		asked string
		rests int
	}{
		{"", 17},               // ten seconds: two at once, eight at two a second, of which the last rest sends all
		{"bytes=0-", 17},       //
		{"bytes=524288-", 7},   // five: two at once
		{"bytes=0-1048575", 0}, // what a player bounds it wants
		{"bytes=-1048576", 0},
		{"bytes=0-1,5000-", 0},
		{"bytes=900000-", 0}, // the head is all there is
	} {
		rests = 0
		var fields []string
		if c.asked != "" {
			fields = []string{"Range: " + c.asked}
		}
		got := o.ask(t, "GET", o.path("720p.mp4"), fields...)
		if got.status >= 300 || rests < c.rests-1 || rests > c.rests {
			t.Errorf("%q: %d after %d rests, expected %d", c.asked, got.status, rests, c.rests)
		}
	}
}

func TestThePaceFollowsTheIndex(t *testing.T) {
	o := filmed(t, film(t, "+global_sidx"))
	m, err := o.catalog.find(t.Context(), clipKey{"default", testClip})
	if err != nil {
		t.Fatal(err)
	}
	rendition := m.manifest.Rendered.Renditions[0]
	rendition.Length = 7 * time.Second
	o.pacing = Pace{Multiple: 1, Head: 0}
	p, ok := o.pace(t.Context(), reply{size: int64(len(o.content)), film: &rendition}, span{0, int64(len(o.content)) - 1})
	if !ok {
		t.Fatal("it is not paced")
	}
	index, err := o.indexes.of(t.Context(), rendition)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range index.Fragments {
		if got := p.offset(f.StartS); i > 0 && got != f.Offset {
			t.Errorf("to play up to fragment %d: %d bytes, it begins at %d", i, got, f.Offset)
		}
		if got := p.second(f.Offset); got != f.StartS {
			t.Errorf("byte %d is of second %g, is said to be of %g", f.Offset, f.StartS, got)
		}
	}
	if got := p.due(time.Hour); got != int64(len(o.content)) {
		t.Errorf("in the end %d bytes of %d", got, len(o.content))
	}
}
