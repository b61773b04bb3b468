package detect

import (
	"cmp"
	"slices"
	"time"

	"liveclip/internal/domain"
)

// pitch is how a host sells without naming an offer: words that belong to one, calls to act, calls for attention. None of it
// is a moment by itself; what they stand beside is likelier one, and they show where it begins and how long it goes on.
type pitch struct{}

func (*pitch) take(h happening, r *room) []evidence {
	if h.Line == nil {
		return nil
	}
	l := h.Line
	var out []evidence
	for i := range l.sentences {
		s := &l.sentences[i]
		out = append(out, l.hints(s, r.rules)...)
		if said, at := l.saidIn(s.Window, l.calls); said {
			s.Calls = true
			out = append(out, l.pitched("speech.call", label{"calls to act", "催促下单"}, at))
		}
		if said, at := l.saidIn(s.Window, l.leads); said {
			s.Leads = true
			out = append(out, l.pitched("speech.lead", label{"calls for attention", "引起注意"}, at))
		}
	}
	return out
}

func (*pitch) values(func(string, float64)) {}

// saidIn gives the first of the matches that was said within a window.
func (l *spokenLine) saidIn(w domain.Window, of []match) (bool, match) {
	for _, m := range of {
		if at := l.spoken[m.first].Start; at >= w.Start && at <= w.End {
			return true, m
		}
	}
	return false, match{}
}

func (l *spokenLine) pitched(feature string, as label, m match) evidence {
	e := l.quoting(m.first, m.last, as)
	e.Signal, e.Feature, e.Value = signalSpeech, feature, 1
	return e
}

const (
	fullHints  = 3               // different words of offers, said together, that count fully
	hintsApart = 6 * time.Second // from the first of them: later ones are of another moment of the same sentence
)

// hints gives evidence of words of offers in a sentence. Their kind is that of most of them.
func (l *spokenLine) hints(s *sentence, r *Rules) []evidence {
	var out []evidence
	var together []match
	for _, m := range l.offered(r) {
		at := l.spoken[m.first].Start
		if at < s.Start || at > s.End {
			continue
		}
		if len(together) > 0 && at-l.spoken[together[0].first].Start > hintsApart {
			out = append(out, l.hint(together, r))
			together = nil
		}
		together = append(together, m)
	}
	if len(together) > 0 {
		out = append(out, l.hint(together, r))
	}
	return out
}

// offered are the words of offers in a line, in order, and what sounds like an offer's phrase.
func (l *spokenLine) offered(r *Rules) []match {
	words := slices.Clone(l.hinted)
	for _, a := range l.alike {
		words = append(words, match{group: r.hints + a.group, first: a.first, last: a.last, entry: -1 - a.group})
	}
	slices.SortStableFunc(words, func(a, b match) int { return cmp.Compare(a.first, b.first) })
	return words
}

// hint is the evidence of words that were said together.
func (l *spokenLine) hint(of []match, r *Rules) evidence {
	words, byGroup := map[int]bool{}, make([]int, len(r.Keywords))
	for _, m := range of {
		if !words[m.entry] {
			words[m.entry] = true
			byGroup[m.group-r.hints]++
		}
	}
	most := slices.Index(byGroup, slices.Max(byGroup))
	e := l.pitched("speech.hint", label{"words of an offer", "优惠用语"}, of[0])
	for _, m := range of[1:] {
		e.with(evidence{Phrases: []domain.Phrase{l.phrase(m.first, m.last)}})
	}
	e.Kind, e.Value = r.Keywords[most].Name, min(1, float64(len(words))/fullHints)
	return e
}

// sentenceOf gives the sentence of a moment: where the audience answers, the likeliest near the time that its answer is dated
// back to, else near what was said.
func (r *room) sentenceOf(anchor evidence, parts []evidence) domain.Window {
	at, spread := anchor.Moment.End, r.rules.Place.Spread
	if anchor.Said {
		at, spread = anchor.Moment.Start, 2*spread
	}
	weight := 0.
	for _, p := range parts {
		if w := r.rules.weights[p.Feature] * p.Value; p.Signal == signalComments && w > weight {
			at, spread, weight = p.Moment.End, r.rules.Place.Spread, w
		}
	}
	if s, ok := r.place(at, spread); ok {
		return s.Window
	}
	if anchor.Said {
		return anchor.Sentence
	}
	return domain.Window{Start: at, End: at}
}

const saidFor = 3 * time.Second // a sentence's first words, which an audience reacts to

// place finds the sentence that an audience reacts to: near the time it is dated back to, one that offers something, follows
// a call for attention, is spoken up, or is followed by calls to act. The time itself where nothing was said about it.
func (r *room) place(at, spread time.Duration) (sentence, bool) {
	var best sentence
	most, found := -1e9, false
	for i, s := range r.Sentences {
		if s.Start < at-placeBack || s.Start > at+placeOn {
			continue
		}
		if v := r.placed(i, at, spread); v > most {
			best, most, found = s, v, true
		}
	}
	return best, found
}

const (
	placeBack = 11 * time.Second
	placeOn   = 4 * time.Second
	callsFor  = 10 * time.Second // after a sentence: calls to act are of it
)

// placed weighs the sentence with number i as the one that an audience dated back to at reacts to.
func (r *room) placed(i int, at, spread time.Duration) float64 {
	s, p := r.Sentences[i], r.rules.Place
	said := min(s.End, s.Start+saidFor)
	off := (at - said).Seconds() / spread.Seconds()
	v := -off * off / 2
	v += p.Sells * min(3, r.sells(s.Window))
	v += p.Voice * max(-4, min(4, s.Above))
	if i > 0 {
		before := r.Sentences[i-1]
		v -= p.Voice * max(-4, min(4, before.Above))
		if before.Calls {
			v -= p.Call
		}
		if before.Leads && s.Start-before.End <= leadPause {
			v += p.Lead
		}
	}
	for _, later := range r.Sentences[i:] {
		if later.Calls && later.Start-s.Start <= callsFor {
			v += p.Call
			break
		}
	}
	if s.Leads {
		v += p.Lead
	}
	return v
}

// sells is the weight of what was said in a sentence that makes a moment.
func (r *room) sells(w domain.Window) float64 {
	best := map[string]float64{}
	for _, e := range r.Evidence {
		if e.Said && e.Kind != "" && e.Sentence.Start == w.Start {
			best[e.Feature] = max(best[e.Feature], r.rules.weights[e.Feature]*e.Value)
		}
	}
	sum := 0.
	for _, f := range r.rules.features {
		sum += best[f]
	}
	return sum
}
