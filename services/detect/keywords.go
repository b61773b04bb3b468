package detect

import (
	"slices"
	"strings"

	"liveclip/internal/domain"
)

// keywords are the phrases of the rules: literally, or by their sound. It remembers nothing: the line before is the room's.
type keywords struct{}

func (*keywords) take(h happening, r *room) []evidence {
	if h.Line == nil {
		return nil
	}
	var out []evidence
	for _, m := range h.Line.matches {
		out = append(out, keyword(h.Line, m, r.rules.Keywords[m.group], 1))
	}
	for _, a := range h.Line.alike {
		out = append(out, keyword(h.Line, a.match, r.rules.Keywords[a.group], 1-a.apart))
	}
	return append(out, h.Line.elsewhere(out)...)
}

// elsewhereReach is how many tokens around it tell that a phrase speaks of another time.
const elsewhereReach = 8

// elsewhere gives, for every phrase beside which another time or a denial was named, evidence that it speaks of that.
func (l *spokenLine) elsewhere(said []evidence) []evidence {
	var out []evidence
	for _, e := range said {
		for _, away := range l.away {
			if away.last < e.first-elsewhereReach || away.first > e.last+elsewhereReach || l.span(away.first, away.last).Overlap(e.Sentence) == 0 {
				continue
			}
			other := l.evidence(e.first, e.last)
			other.Signal, other.Feature, other.Value = signalKeyword, "speech.elsewhere", 1
			other.label, other.Phrases = label{"speaks of another time", "说的是别的时候"}, []domain.Phrase{l.phrase(away.first, away.last)}
			out = append(out, other)
			break
		}
	}
	return out
}

func keyword(l *spokenLine, m match, group Group, value float64) evidence {
	as := label{group.english(), group.label()}
	if value < 1 {
		as = label{as.english + ", by its sound", as.chinese + "（谐音）"}
	}
	from, to, offer := l.withOffer(m.first, m.last)
	e := l.quoting(m.first, m.last, as)
	e.Signal, e.Feature, e.Kind, e.Value = signalKeyword, featureOf(group.Name), group.Name, value
	e.Phrases[0], e.Offer, e.Left = l.phrase(from, to), offer, l.left(from, to)
	return e
}

func featureOf(group string) string { return signalKeyword + "." + group }

func (*keywords) values(func(string, float64)) {}

// alike is a phrase that something sounds like.
type alike struct {
	match
	apart  float64 // a token in the mean
	phrase phrase
}

// soundsLike gives the phrases that sound like what was said and are not among the literal matches. Short ones sound like too
// much: a phrase needs three tokens, and some of them must be its own.
func (r *Rules) soundsLike(tokens []token, literal []match) []alike {
	var out []alike
	for _, m := range r.bySound.find(tokens) {
		p := r.bySound.entries[m.entry].phrase
		known := slices.ContainsFunc(literal, func(l match) bool {
			return l.first <= m.last && m.first <= l.last && (l.group == m.group || r.misreads(p, m, tokens, l))
		})
		if known {
			continue
		}
		apart, own := r.sounds.likeness(p, tokens[m.first:m.last+1])
		if own*3 >= len(p) && apart <= r.Keywords[m.group].loose(r.Loose) {
			out = append(out, alike{m, apart, p})
		}
	}
	return out
}

// misreads tells a phrase that takes for misheard what is part of a literal one: 最后5份 in 最后5分钟.
func (r *Rules) misreads(p phrase, m match, tokens []token, literal match) bool {
	for i, part := range p.over(m.last - m.first + 1) {
		at := m.first + i
		if at >= literal.first && at <= literal.last && part != numberMark && r.sounds.apart(part, tokens[at].text) > apartStem {
			return true
		}
	}
	return false
}

const leastAlike = 3 // tokens of a phrase that is looked for by its sound

// loose is how far apart a token may be in the mean.
func (g Group) loose(otherwise float64) float64 {
	if g.Loose != nil {
		return *g.Loose
	}
	return otherwise
}

// english is what a group is called in English: "flash sale".
func (g Group) english() string { return strings.ReplaceAll(g.Name, "_", " ") }

func (g Group) label() string {
	if g.Chinese != "" {
		return g.Chinese
	}
	return g.Name
}
