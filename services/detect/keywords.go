package detect

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"liveclip/internal/domain"
)

const (
	carriedTokens = 8                       // of the line before, for a phrase that a breath cut in two
	carriedPause  = 1500 * time.Millisecond // longest such breath
	sentencePause = 600 * time.Millisecond  // between words: a new sentence, though the recogniser went on
)

// spoken is a token with the time at which it was said.
type spoken struct {
	start, end time.Duration
	text       string // as the recogniser wrote it
}

// hear gives a line's tokens with their times: those of its words, or, where the words are missing or are not those of the
// text, spread evenly over the line.
func (f *folder) hear(line domain.TranscriptLine) ([]token, []spoken) {
	whole := f.tokens(line.Text)
	var tokens []token
	var said []spoken
	for _, word := range line.Words {
		for _, t := range f.tokens(word.Text) {
			tokens = append(tokens, t)
			said = append(said, spoken{word.Start, max(word.Start, word.End), word.Text[t.from:t.to]})
		}
	}
	if len(whole) == 0 || sameTokens(tokens, whole) {
		return tokens, said
	}
	said = said[:0]
	step := max(0, line.End-line.Start) / time.Duration(len(whole))
	for i, t := range whole {
		from := line.Start + time.Duration(i)*step
		said = append(said, spoken{from, from + step, line.Text[t.from:t.to]})
	}
	return whole, said
}

func sameTokens(a, b []token) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].text != b[i].text {
			return false
		}
	}
	return true
}

// heardIn is what the rules hear in a line.
type heardIn struct {
	moments   [][]evidence // moment by moment, of each group one
	sentences []domain.Window
	asked     time.Duration // when the host last asked for comments
	wasAsked  bool
}

// keywords looks for phrases in a line; one may have begun in the line before.
func (r *Rules) keywords(before *heard, now heard) heardIn {
	tokens, said := r.folder.hear(now.Line)
	in := heardIn{sentences: sentences(said, now.Line)}
	carried := 0
	if before != nil && now.Line.Start-before.Line.End <= carriedPause {
		earlier, earlierSaid := r.folder.hear(before.Line)
		carried = min(carriedTokens, len(earlier))
		tokens = append(earlier[len(earlier)-carried:], tokens...)
		said = append(earlierSaid[len(earlierSaid)-carried:], said...)
	}
	var current []evidence
	for _, m := range r.matcher.find(tokens) {
		if m.last < carried {
			continue // it was all in the line before
		}
		moment := domain.Window{Start: said[m.first].start, End: said[m.last].end}
		if m.group == r.asked {
			in.asked, in.wasAsked = moment.Start, true
			continue
		}
		group := r.Keywords[m.group]
		if len(current) > 0 && moment.Start-current[0].Moment.Start >= r.Close {
			in.moments, current = append(in.moments, current), nil
		}
		if !holds(current, group.Name) {
			current = append(current, evidence{
				Signal:   signalKeyword,
				Kind:     group.Name,
				Detail:   fmt.Sprintf("%s: %q", group.Name, quote(said[m.first:m.last+1])),
				Moment:   moment,
				Weight:   group.Weight,
				Said:     true,
				Line:     now.Envelope,
				Number:   len(in.moments),
				Sentence: sentenceOf(moment, in.sentences),
			})
		}
	}
	if len(current) > 0 {
		in.moments = append(in.moments, current)
	}
	return in
}

// sentences are the parts of a line that pauses set off; without a pause it is the line.
func sentences(said []spoken, line domain.TranscriptLine) []domain.Window {
	parts := []domain.Window{{Start: line.Start, End: line.End}}
	for i := 1; i < len(said); i++ {
		if said[i].start-said[i-1].end >= sentencePause {
			parts[len(parts)-1].End = said[i-1].end
			parts = append(parts, domain.Window{Start: said[i].start, End: line.End})
		}
	}
	return parts
}

// sentenceOf joins the sentences that a moment touches; the moment itself where it touches none.
func sentenceOf(moment domain.Window, sentences []domain.Window) domain.Window {
	whole := moment
	for _, s := range sentences {
		if s.Start <= moment.End && moment.Start <= s.End {
			whole.Start, whole.End = min(whole.Start, s.Start), max(whole.End, s.End)
		}
	}
	return whole
}

func holds(of []evidence, kind string) bool {
	for _, e := range of {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

// quote puts tokens together as they were said: words with spaces, Han characters without.
func quote(said []spoken) string {
	var b strings.Builder
	for i, s := range said {
		if i > 0 {
			last, _ := utf8.DecodeLastRuneInString(said[i-1].text)
			first, _ := utf8.DecodeRuneInString(s.text)
			if !standsAlone(last) && !standsAlone(first) {
				b.WriteByte(' ')
			}
		}
		b.WriteString(s.text)
	}
	return b.String()
}
