package prompt

import (
	"cmp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

// fired are the host's words that a rule fired on, of the reason that weighs most, as they are printed; empty: none did.
func fired(h domain.Highlight) string {
	for _, reason := range h.Reasons {
		words := ""
		for _, p := range reason.Phrases {
			if reason.Signal == domain.SignalKeyword && len(p.Written) > len(words) {
				words = p.Written
			}
		}
		if words != "" {
			return words
		}
	}
	return ""
}

// countdown is the number of seconds left that the host named ("last three minutes": "180"); empty: none.
func countdown(h domain.Highlight) string {
	for _, reason := range h.Reasons {
		if reason.Left >= time.Second {
			return strconv.Itoa(int(reason.Left.Seconds()))
		}
	}
	return ""
}

// asSaid is a product at the price that was named in the moment itself: no clip tells another price than its host does. A price
// that is no lower than the one known, or is of another currency, leaves the clip without any.
func asSaid(p domain.Product, h domain.Highlight) domain.Product {
	said, ok := named(h)
	if !ok {
		return p
	}
	listed, known := wording.ReadPrice(p.Price)
	switch {
	case !known && said.Sign != "":
		p.Price, p.Was = said.String(), ""
	case !known:
	case said.Sign != "" && listed.Sign != "" && said.Sign != listed.Sign, said.Amount > listed.Amount:
		p.Price, p.Was = "", ""
	case said.Amount < listed.Amount:
		said.Sign = cmp.Or(said.Sign, listed.Sign)
		p.Price, p.Was = said.String(), p.Price
	}
	return p
}

// named is the price that something costs now, of the reason that weighs most among those that name one.
func named(h domain.Highlight) (wording.Money, bool) {
	for _, reason := range h.Reasons {
		if reason.Offer.Now > 0 {
			return wording.Money{Amount: reason.Offer.Now, Sign: reason.Offer.Sign}, true
		}
	}
	return wording.Money{}, false
}

// speaks tells whether words are of a language: of figures alone they are of any.
func speaks(words, language string) bool {
	han := strings.ContainsFunc(words, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	if language == "zh" {
		return han || !strings.ContainsFunc(words, unicode.IsLetter)
	}
	return !han
}

// inSentence are English words as they stand within a sentence: the first one's capital goes, unless the word is of capitals.
func inSentence(words string) string {
	first, size := utf8.DecodeRuneInString(words)
	if second, _ := utf8.DecodeRuneInString(words[size:]); size == 0 || !unicode.IsLower(second) {
		return words
	}
	return string(unicode.ToLower(first)) + words[size:]
}

const ellipsis = "…"

// shortened cuts a name to so many columns: what a shop puts before it in brackets goes first, then its end, where a word ends.
func shortened(name string, most int) string {
	for _, pair := range []string{"【】", "[]"} {
		opens, _ := utf8.DecodeRuneInString(pair)
		closes, _ := utf8.DecodeLastRuneInString(pair)
		inside, rest, found := strings.Cut(name, string(closes))
		if found && wording.Columns(name) > most && strings.HasPrefix(inside, string(opens)) && strings.TrimSpace(rest) != "" {
			name = strings.TrimSpace(rest)
		}
	}
	if wording.Columns(name) <= most {
		return name
	}
	wide, cut, word := wording.Columns(ellipsis), 0, 0
	before := rune(' ')
	for i, r := range name {
		if r == ' ' || wording.ColumnsOf(r) == 2 || wording.ColumnsOf(before) == 2 { // no word goes on here
			word = i
		}
		if wide += wording.ColumnsOf(r); wide > most {
			break
		}
		cut, before = i+utf8.RuneLen(r), r
	}
	if word > cut/2 {
		cut = min(cut, word)
	}
	return strings.TrimRightFunc(name[:cut], func(r rune) bool { return unicode.IsSpace(r) || unicode.IsPunct(r) }) + ellipsis
}
