package detect

import (
	"fmt"
	"slices"
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
			other.Detail = fmt.Sprintf("speaks of another time: %q", quote(l.spoken[away.first:away.last+1]))
			other.Chinese = fmt.Sprintf("说的是别的时候：“%s”", quote(l.spoken[away.first:away.last+1]))
			out = append(out, other)
			break
		}
	}
	return out
}

func keyword(l *spokenLine, m match, group Group, value float64) evidence {
	e := l.evidence(m.first, m.last)
	e.Signal, e.Feature, e.Kind, e.Value = signalKeyword, featureOf(group.Name), group.Name, value
	e.Detail = fmt.Sprintf("%s: %q", group.Name, quote(l.spoken[m.first:m.last+1]))
	e.Chinese = fmt.Sprintf("%s：“%s”", group.label(), quote(l.spoken[m.first:m.last+1]))
	if value < 1 {
		e.Detail += " by its sound"
		e.Chinese += "（谐音）"
	}
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
		known := slices.ContainsFunc(literal, func(l match) bool {
			return l.group == m.group && l.first <= m.last && m.first <= l.last
		})
		if known {
			continue
		}
		p := r.bySound.entries[m.entry].phrase
		apart, own := r.sounds.likeness(p, tokens[m.first:m.last+1])
		if own*3 >= len(p) && apart <= r.Keywords[m.group].loose(r.Loose) {
			out = append(out, alike{m, apart, p})
		}
	}
	return out
}

const leastAlike = 3 // tokens of a phrase that is looked for by its sound

// loose is how far apart a token may be in the mean.
func (g Group) loose(otherwise float64) float64 {
	if g.Loose != nil {
		return *g.Loose
	}
	return otherwise
}

func (g Group) label() string {
	if g.Chinese != "" {
		return g.Chinese
	}
	return g.Name
}
