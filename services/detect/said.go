package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

// mostSaid bounds the phrases of one piece of evidence.
const mostSaid = 6

// label names, in English and Chinese, what the phrases of evidence are, where its detail quotes them.
type label struct{ english, chinese string }

// quoting makes evidence of the tokens first to last that quotes them.
func (l *spokenLine) quoting(first, last int, as label) evidence {
	e := l.evidence(first, last)
	e.label = as
	e.Phrases = []domain.Phrase{l.phrase(first, last)}
	return e
}

// phrase is what was said in the tokens first to last. What only sounds like a phrase of the rules is printed as that phrase.
func (l *spokenLine) phrase(first, last int) domain.Phrase {
	if first > 0 && l.spoken[first].isSign() { // it stands beside its number
		first--
	}
	var heard, written []string
	for i, s := range l.spoken[first : last+1] {
		if s.Heard != "" {
			heard = append(heard, s.Heard)
		}
		switch {
		case i > 0 && s.isSign() && s.Text != "%":
		case l.misheard(first + i):
			written = append(written, l.words[first+i])
		case s.Text == "%" && len(written) > 0:
			written[len(written)-1] += s.Text
		default:
			written = append(written, s.Text)
		}
	}
	span := l.span(first, last)
	p := domain.Phrase{Spoken: wording.JoinTexts(heard...), Written: wording.JoinTexts(written...), Start: span.Start, End: span.End}
	p.Spoken = cmp.Or(p.Spoken, p.Written)
	return p
}

// isSign tells a sign that is spoken behind its number: a currency's, or "%".
func (t timedToken) isSign() bool {
	sign, size := utf8.DecodeRuneInString(t.Text)
	return size > 0 && size == len(t.Text) && (signs[sign] != "" || sign == '%')
}

// misheard tells a token that is another word than it was heard as, and not another form of it.
func (l *spokenLine) misheard(i int) bool {
	return i < len(l.words) && l.words[i] != l.spoken[i].Token && stem(l.words[i]) != stem(l.spoken[i].Token)
}

// with takes what other evidence of the same moment and feature rests on. What says more of one thing stands for what says less.
func (e *evidence) with(other evidence) {
	e.Phrases = slices.Clone(e.Phrases)
	for _, p := range other.Phrases {
		at := slices.IndexFunc(e.Phrases, func(known domain.Phrase) bool {
			return known.Written == p.Written || known.Start < p.End && p.Start < known.End
		})
		switch {
		case at < 0 && len(e.Phrases) < mostSaid:
			e.Phrases = append(e.Phrases, p)
		case at >= 0 && len(p.Written) > len(e.Phrases[at].Written):
			e.Phrases[at] = p
		}
	}
	slices.SortStableFunc(e.Phrases, func(a, b domain.Phrase) int { return cmp.Compare(a.Start, b.Start) })
	if e.Offer == (domain.Offer{}) {
		e.Offer = other.Offer
	}
	e.Left = cmp.Or(e.Left, other.Left)
}

// tell words the detail of evidence that quotes.
func (e *evidence) tell() {
	if e.label == (label{}) {
		return
	}
	english, chinese := make([]string, len(e.Phrases)), strings.Builder{}
	for i, p := range e.Phrases {
		english[i] = fmt.Sprintf("%q", p.Written)
		fmt.Fprintf(&chinese, "“%s”", p.Written)
	}
	e.Detail, e.Chinese = e.label.english+": "+strings.Join(english, ", "), e.label.chinese+"："+chinese.String()
}

// withOffer widens tokens to the offer that they are part of ("the price goes down to" to "the price goes down to $20"), and
// gives that.
func (l *spokenLine) withOffer(first, last int) (from, to int, o domain.Offer) {
	from, to = first, last
	for _, near := range l.offers {
		if near.first > last+1 || near.last < first {
			continue
		}
		from, to = min(from, near.first), max(to, near.last)
		if o == (domain.Offer{}) {
			o = near.named()
		}
	}
	return from, to, o
}

// left is the time left that was named within the tokens first to last: 180 s of "last three minutes"; 0: none.
func (l *spokenLine) left(first, last int) time.Duration {
	words := l.words[first : last+1]
	for i := range words {
		n, taken := readNumber(words[i:])
		if taken == 0 || n <= 0 || n > 60*60 {
			continue
		}
		unit := time.Duration(0)
		switch rest := words[i+taken:]; {
		case oneOf(rest, 0, "minute", "minutes"), starts(rest, "分", "钟"):
			unit = time.Minute
		case oneOf(rest, 0, "second", "seconds", "秒"):
			unit = time.Second
		}
		if left := time.Duration(n * float64(unit)).Round(time.Second); left > 0 {
			return left
		}
	}
	return 0
}

const mostAligned = 250_000 // pairs of tokens, written and heard, that are looked at

// asHeard gives every token what was heard for it, where a line is written otherwise than it was heard: what both have in
// common sets off what differs. Of a stretch that differs, the first token has all that was heard.
func (f *folder) asHeard(said []timedToken, heard string) {
	tokens := f.tokens(heard)
	if heard == "" || len(said)*len(tokens) > mostAligned {
		return
	}
	for i := range said {
		said[i].Heard = ""
	}
	common := make([][]int, len(said)+1) // how many tokens what follows has in common
	for i := range common {
		common[i] = make([]int, len(tokens)+1)
	}
	for i, s := range slices.Backward(said) {
		for j, t := range slices.Backward(tokens) {
			if s.Token == t.text {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	gap, from := -1, 0 // of what differs: its first token, and what was heard
	for i, j := 0, 0; i < len(said) || j < len(tokens); {
		same := i < len(said) && j < len(tokens) && said[i].Token == tokens[j].text
		switch {
		case same:
			said[i].Heard = heard[tokens[j].from:tokens[j].to]
			gap = -1
			i, j = i+1, j+1
		case j == len(tokens) || i < len(said) && common[i+1][j] >= common[i][j+1]:
			if gap < 0 {
				gap, from = i, j
			}
			i++
		default:
			if gap < 0 && i < len(said) {
				gap, from = i, j
			}
			j++
		}
		if gap >= 0 && j > from {
			said[gap].Heard = heard[tokens[from].from:max(tokens[j-1].to, tokens[max(from, j-2)].to)] // a sign's number ends behind it
		}
	}
}
