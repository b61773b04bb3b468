package detect

import (
	"slices"
	"time"

	"liveclip/internal/domain"
)

const (
	carriedTokens = 8                       // of the line before, for a phrase that a breath cut in two
	carriedPause  = 1500 * time.Millisecond // longest such breath
	sentencePause = 600 * time.Millisecond  // between words: a new sentence, though the recogniser went on
)

// timedToken is a token with the time at which it was said.
type timedToken struct {
	Start, End time.Duration
	Token      string // folded
	Text       string // as the line writes it
	Heard      string // as the recogniser heard it; empty: with the token before
}

// spokenLine is a line as the signals look at it.
type spokenLine struct {
	ID         string
	Text       string
	Words      []domain.Word
	Start, End time.Duration
	source     source
	spoken     []timedToken // the last of the line before first, where the line went on from it
	carried    int          // how many are of the line before
	sentences  []sentence
	matches    []match        // literal, of all groups of phrases
	alike      []alike        // by their sound
	words      []string       // as they are understood
	offers     []offer        // in figures
	away       []match        // talk of another time
	hinted     []match        // words of offers
	calls      []match        // to act
	leads      []match        // calls for attention
	asked      *time.Duration // when the host asked for comments
}

// sentence is what was said between two pauses.
type sentence struct {
	domain.Window
	Above float64 `json:",omitempty"` // LU, over the host's usual
	Calls bool    `json:",omitempty"` // to act
	Leads bool    `json:",omitempty"` // calls for attention
}

// speak makes a line ready: its tokens with their times, its sentences, and the phrases in it.
func (r *room) speak(h finalLine) *spokenLine {
	own := r.rules.folder.hear(h.Line)
	l := &spokenLine{
		ID: h.Line.ID, Text: h.Line.Text, Words: h.Line.Words, Start: h.Line.Start, End: h.Line.End, source: h.Source,
		sentences: sentences(own, h.Line), spoken: own,
	}
	if n := len(r.Recent); n > 0 && l.Start-r.Recent[n-1].Span.End <= carriedPause {
		before := r.Recent[n-1].Tail
		l.carried = len(before)
		l.spoken = append(slices.Clone(before), own...)
	}
	tokens := l.tokens()
	all := slices.DeleteFunc(r.rules.matcher.find(tokens), func(m match) bool { return m.last < l.carried })
	for _, m := range all {
		switch {
		case m.group == r.rules.asked:
			l.asked = &l.spoken[m.first].Start
		case m.group == r.rules.asked+1:
			l.away = append(l.away, m)
		case m.group == r.rules.asked+2:
			l.leads = append(l.leads, m)
		case m.group == r.rules.asked+3:
			l.calls = append(l.calls, m)
		case m.group >= r.rules.hints:
			l.hinted = append(l.hinted, m)
		default:
			l.matches = append(l.matches, m)
		}
	}
	l.away = slices.DeleteFunc(l.away, func(a match) bool { return a.within(l.matches) || a.within(l.hinted) })
	l.alike = slices.DeleteFunc(r.rules.soundsLike(tokens, l.matches), func(a alike) bool { return a.last < l.carried })
	l.words = l.understood(r.rules)
	for _, o := range readOffers(l.words) {
		if o.last >= l.carried {
			r.Product.compare(&o)
			l.offers = append(l.offers, o)
		}
	}
	return l
}

// within tells a match that is part of a longer one: 没有 of 没有了 denies nothing.
func (m match) within(of []match) bool {
	return slices.ContainsFunc(of, func(o match) bool {
		return o.first <= m.first && m.last <= o.last && o.last-o.first > m.last-m.first
	})
}

func (l *spokenLine) tokens() []token {
	tokens := make([]token, len(l.spoken))
	for i, s := range l.spoken {
		tokens[i].text = s.Token
	}
	return tokens
}

// span is when the tokens first to last were said.
func (l *spokenLine) span(first, last int) domain.Window {
	return domain.Window{Start: l.spoken[first].Start, End: l.spoken[last].End}
}

// evidence makes evidence of the tokens first to last.
func (l *spokenLine) evidence(first, last int) evidence {
	moment := l.span(first, last)
	return evidence{Moment: moment, Source: l.source, Said: true, Sentence: sentenceOf(moment, l.sentences), first: first, last: last}
}

// hear gives a line's tokens with their times: those of its words, or, where the words are missing or are not those of the
// text, spread evenly over the line.
func (f *folder) hear(line domain.TranscriptLine) []timedToken {
	whole := f.tokens(line.Text)
	var said []timedToken
	add := func(t token, of string, start, end time.Duration) {
		said = append(said, timedToken{start, end, t.text, of[t.from:t.to], of[t.from:t.to]})
	}
	for _, word := range line.Words {
		for _, t := range f.tokens(word.Text) {
			add(t, word.Text, word.Start, max(word.Start, word.End))
		}
	}
	same := func(s timedToken, t token) bool { return s.Token == t.text }
	if len(whole) > 0 && !slices.EqualFunc(said, whole, same) {
		said = said[:0]
		step := max(0, line.End-line.Start) / time.Duration(len(whole))
		for i, t := range whole {
			from := line.Start + time.Duration(i)*step
			add(t, line.Text, from, from+step)
		}
	}
	f.asHeard(said, line.Heard)
	return said
}

// sentences are the parts of a line that pauses set off; without a pause it is the line.
func sentences(said []timedToken, line domain.TranscriptLine) []sentence {
	parts := []sentence{{Window: domain.Window{Start: line.Start, End: line.End}}}
	for i := 1; i < len(said); i++ {
		if said[i].Start-said[i-1].End >= sentencePause {
			parts[len(parts)-1].End = said[i-1].End
			parts = append(parts, sentence{Window: domain.Window{Start: said[i].Start, End: line.End}})
		}
	}
	return parts
}

// sentenceOf joins the sentences that a moment touches; the moment itself where it touches none.
func sentenceOf(moment domain.Window, sentences []sentence) domain.Window {
	whole := moment
	for _, s := range sentences {
		if s.Start <= moment.End && moment.Start <= s.End {
			whole.Start, whole.End = min(whole.Start, s.Start), max(whole.End, s.End)
		}
	}
	return whole
}
