package roomgen

import (
	"math"

	"liveclip/internal/domain"
)

// crowd writes the comments of a room.
type crowd struct {
	m     *Maker
	d     draw
	facts Facts
	lang  *language
	out   []arrival
}

// arrival is something the audience did and when it came here.
type arrival struct {
	at, came float64
	signal   domain.AudienceSignal
}

func (m *Maker) comments(seed uint64, f Facts, s script) []arrival {
	if f.NoComments {
		return nil
	}
	w := &crowd{m: m, d: newDraw(seed, "crowd"), facts: f, lang: m.language(f)}
	rate := w.rates(s.lulls)
	w.usual(rate)
	w.greeting()
	for _, c := range s.cues {
		w.answer(c, rate)
	}
	w.noise()
	return w.delivered()
}

// rates is the usual comments a second, for each second.
func (w *crowd) rates(lulls []span) []float64 {
	c := w.m.c.Crowd
	rates := make([]float64, int(w.m.c.Length)+1)
	x := w.d.normal(1)
	const memory = 300. // s over which the rate wanders
	for t := range rates {
		x += -x/memory + w.d.normal(math.Sqrt(2/memory))
		rates[t] = w.facts.CommentRate * math.Exp(c.Drift*x)
	}
	for _, l := range lulls {
		for t := int(l[0]) + 10; t < int(l[1]) && t < len(rates); t++ {
			rates[t] *= 0.5
		}
	}
	return rates
}

func (w *crowd) usual(rates []float64) {
	for t, rate := range rates {
		for range w.d.poisson(rate) {
			w.write(float64(t)+w.d.Float64(), w.d.from(w.m.c.Crowd.Mix))
		}
	}
}

func (w *crowd) greeting() {
	g := w.m.c.Crowd.Greeting
	within := w.d.in(g.Within)
	for range w.d.poisson(w.d.in(g.Gain) * w.facts.CommentRate * within) {
		w.write(1+within*w.d.Float64()*w.d.Float64(), "greet")
	}
}

// answer is the crowd's to a cue.
func (w *crowd) answer(c cue, rates []float64) {
	if c.cold {
		return
	}
	x, r := w.m.c.Distract, w.m.c.Response
	usual := 10 * rates[min(len(rates)-1, int(c.at))]
	many := func(gain span, least int) int { return max(least, w.d.poisson(w.d.in(gain)*usual)) }
	lag := w.facts.Lag
	var n int
	text := func() string { return "" }
	switch c.kind {
	case "moment":
		n, text = many(r.Gain, r.Least), func() string { return w.d.from(r.Mix) }
	case "reveal":
		n, text = many(r.Gain, 2*r.Least), func() string { return w.d.from(r.Reveal) }
	case "asked":
		n, text, lag = many(x.AskedGain, 4), func() string { return "asked" }, lag*0.8
	case "joke":
		n, text = many(x.JokeGain, 4), func() string { return "laugh" }
	case "trouble":
		n, text = many(x.TroubleGain, 4), func() string { return "complaint" }
	}
	spread := w.d.in(w.m.c.Crowd.Spread)
	for range n {
		w.write(c.at+max(1, lag+w.d.normal(w.m.c.Crowd.Jitter))+w.d.after(spread), text())
	}
}

// noise is accounts that repeat themselves, and many accounts that write the same.
func (w *crowd) noise() {
	x := w.m.c.Distract
	for _, at := range w.d.times(x.Bots/3600, w.m.c.Length) {
		user, text := w.user(), w.d.of(w.lang.Comments["spam"])
		for range int(w.d.in(x.BotMessages)) {
			w.put(at+10*w.d.Float64(), user, text)
		}
	}
	for _, at := range w.d.times(x.Swarm/3600, w.m.c.Length) {
		text := w.d.of(w.lang.Comments["spam"])
		for range int(w.d.in(x.SwarmUsers)) {
			w.put(at+12*w.d.Float64(), w.user(), text)
		}
	}
}

// user draws one of those who write; a few write most.
func (w *crowd) user() string {
	return "u" + itoa(int(float64(w.facts.Users)*math.Pow(w.d.Float64(), 1.7)))
}

func (w *crowd) write(at float64, kind string) {
	text := w.d.of(w.lang.Comments[kind])
	switch w.d.IntN(12) {
	case 0:
		text += "！！"
	case 1:
		text += "~"
	case 2:
		text += text
	}
	w.put(at, w.user(), text)
}

func (w *crowd) put(at float64, user, text string) {
	at += w.facts.Skew
	if at < 0 || at >= w.m.c.Length || at >= w.facts.StallFrom && at < w.facts.StallTo {
		return
	}
	w.out = append(w.out, arrival{at: at, signal: domain.AudienceSignal{Kind: domain.SignalComment, User: user, Text: text, Count: 1}})
}

// delivered says when each comment came, and gives each an ID; some come late, some twice.
func (w *crowd) delivered() []arrival {
	c := w.m.c.Crowd
	for i := range w.out {
		a := &w.out[i]
		a.signal.ID = "c" + itoa(i)
		a.came = max(a.at-w.facts.Skew, 0) + w.d.in(c.Delay)
		if w.d.chance(c.Late) {
			a.came += 6 * w.d.Float64()
		}
	}
	for i := range len(w.out) {
		if w.d.chance(c.Twice) {
			again := w.out[i]
			again.came += 2 * w.d.Float64()
			w.out = append(w.out, again)
		}
	}
	return w.out
}
