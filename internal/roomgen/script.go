package roomgen

import (
	"math"
	"strings"

	"liveclip/internal/domain"
)

// sentence is something the host said.
type sentence struct {
	start, end float64
	text       string
	together   bool    // in one breath with the sentence before
	louder     float64 // LU above the host's usual
}

// Truth is a moment as it was meant.
type Truth struct {
	Kind        string
	First       float64 // start of its first sentence, s
	Said        float64 // end of the announcement
	End         float64 // end of its last sentence
	Cold        bool    // nobody answers
	Product     domain.Product
	announcedAt float64
}

// cue is something the audience answers.
type cue struct {
	at   float64 // when it was seen or heard
	kind string  // "moment", "reveal", "asked", "joke", "trouble"
	cold bool
}

// showing is a product that comes on show.
type showing struct {
	at      float64
	product domain.Product
	was     int
}

// script is what happens in a room before anybody hears it.
type script struct {
	sentences []sentence
	truths    []Truth
	cues      []cue
	shown     []showing
	lulls     []span
}

// writer writes a script.
type writer struct {
	m        *Maker
	d        draw
	facts    Facts
	lang     *language
	held     bool
	now      float64
	breath   int // sentences still to come in this breath
	product  domain.Product
	was, cut int
	tenths   int
	out      script
}

func (m *Maker) script(seed uint64, f Facts, held bool) script {
	w := &writer{m: m, d: newDraw(seed, "script"), facts: f, lang: m.language(f), held: held, now: 1}
	c := m.c
	w.choose()
	for until := w.d.in(span{40, 90}); w.now < until; {
		if w.d.chance(0.6) {
			w.say(w.d.of(w.lang.Greet), 0)
		} else {
			w.say(w.d.of(w.lang.Talk), 0)
		}
	}
	for w.now < c.Length-120 {
		w.choose()
		w.out.shown = append(w.out.shown, showing{w.now, w.product, w.was})
		w.talk(w.d.in(c.Segment.Talk))
		at, n := w.d.Float64(), 0
		for ; n < len(c.Segment.Moments)-1 && at > c.Segment.Moments[n]; n++ {
			at -= c.Segment.Moments[n]
		}
		for range n {
			if w.now > c.Length-60 {
				break
			}
			w.moment()
			w.talk(w.d.in(c.Segment.After))
		}
		if w.d.chance(c.Segment.Lull) {
			length := w.d.in(c.Segment.LullLength)
			w.out.lulls = append(w.out.lulls, span{w.now, w.now + length})
			w.now += length
			w.breath = 0
		}
	}
	return w.out
}

func (m *Maker) language(f Facts) *language {
	if f.Language == "zh" {
		return &m.p.Zh
	}
	return &m.p.En
}

// choose takes the next product and its prices.
func (w *writer) choose() {
	names := w.lang.Products[w.facts.Category]
	i := w.d.IntN(len(names))
	w.was = 29 + w.d.IntN(370)
	w.tenths = 5 + w.d.IntN(4)
	now := max(9, w.was*w.tenths/10)
	w.cut = w.was - now
	price := "¥"
	if w.facts.Language != "zh" {
		price = "$"
	}
	w.product = domain.Product{ID: itoa(i + 1), Name: names[i], Price: price + itoa(w.was)}
}

// say writes one sentence.
func (w *writer) say(phrase string, louder float64) sentence {
	c := w.m.c.Speech
	together := w.breath > 0
	if together {
		w.now += w.d.in(c.Breath)
		w.breath--
	} else {
		w.now += w.d.in(c.Pause)
		w.breath = w.d.between(c.Together) - 1
	}
	text := w.fill(phrase)
	length := float64(len([]rune(text))) / w.facts.Rate
	if w.facts.Language != "zh" {
		length = float64(len(strings.Fields(text))) / w.facts.Rate
	}
	s := sentence{w.now, w.now + max(0.6, length*(0.9+0.2*w.d.Float64())), text, together, louder}
	w.now = s.end
	w.out.sentences = append(w.out.sentences, s)
	return s
}

// talk goes on for a while, with what misleads among it.
func (w *writer) talk(length float64) {
	const sentences = 3600 / 3.8 // an hour
	x := w.m.c.Distract
	for until := w.now + length; w.now < until; {
		at := w.d.Float64() * sentences
		took := func(rate float64) bool { at -= rate; return at < 0 }
		switch {
		case took(x.Past):
			w.say(w.d.of(w.lang.Past), 0)
		case took(x.Passing):
			w.say(w.d.of(w.lang.Passing), 0)
		case took(x.Ask):
			w.cue("asked", w.say(w.d.of(w.lang.Ask), 0).end)
		case took(x.Joke):
			w.cue("joke", w.say(w.d.of(w.lang.Joke), 0).end)
		case took(x.Trouble):
			w.cue("trouble", w.say(w.d.of(w.lang.Trouble), 0).end)
		default:
			w.say(w.d.of(w.lang.Talk), 0)
		}
	}
}

func (w *writer) cue(kind string, at float64) {
	w.out.cues = append(w.out.cues, cue{at: at, kind: kind})
}

// moment is something that sells: perhaps a call for attention, the announcement, and what follows it.
func (w *writer) moment() {
	c := w.m.c
	t := Truth{Kind: w.d.from(c.Segment.Kinds), Product: w.product, Cold: w.d.chance(c.Response.Cold)}
	louder := 0.
	if w.d.chance(c.Sound.LouderAt) {
		louder = w.d.in(c.Sound.Louder)
	}
	w.breath = 0 // what is announced begins after a pause
	if w.d.chance(c.Segment.Lead) {
		t.First = w.say(w.d.of(w.lang.Lead), louder/2).start
	}
	said := w.say(w.announcement(t.Kind), louder)
	if t.First == 0 {
		t.First = said.start
	}
	t.announcedAt, t.Said = said.start, said.end
	again := w.d.chance(c.Segment.Again)
	for i := range w.d.between(c.Segment.Follow) {
		if again && i == 0 {
			w.say(w.announcement(t.Kind), louder)
			continue
		}
		w.say(w.d.of(w.lang.Follow), louder*0.7)
	}
	w.breath = 0
	t.End = w.now
	kind := "moment"
	if t.Kind == "reveal" {
		kind, t.Cold = "reveal", false // without an answer it were no moment
	}
	w.out.truths = append(w.out.truths, t)
	w.out.cues = append(w.out.cues, cue{t.announcedAt + 0.7*(t.Said-t.announcedAt), kind, t.Cold})
}

// announcement of a kind; in held-out rooms also one of those that no training room speaks.
func (w *writer) announcement(kind string) string {
	said := w.lang.Moments[kind]
	n := len(said.Said)
	if w.held {
		n += len(said.Held)
	}
	i := w.d.IntN(n)
	if i < len(said.Said) {
		return said.Said[i]
	}
	return said.Held[i-len(said.Said)]
}

// label is what a good editor would cut of t.
func (m *Maker) label(d draw, t Truth) span {
	l := m.c.Label
	start := max(0, t.First-l.Air+d.normal(l.Spread))
	end := min(t.End+l.Tail+d.normal(l.Spread), m.c.Length)
	return span{start, math.Min(math.Max(end, start+l.Shortest), start+l.Longest)}
}
