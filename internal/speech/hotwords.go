package speech

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/models"
)

// Bounds of what one utterance may expect: the search carries all of it along.
const (
	hotwordsMost   = 1000
	hotwordLongest = 24 // characters
)

// hotwords takes those words that a model can spell. The library reads signs of its own in a list (":2.0", "#0.5", "@…", "/"),
// and throws over a number that is none: only letters, digits and characters of the tokens pass.
type hotwords struct {
	unit   string // as the library names it; empty: it takes none
	tokens map[string]bool
	upper  bool
}

func newHotwords(model models.Verified) hotwords {
	if model.Kind != models.Transducer {
		return hotwords{} // CTC and paraformer models are searched greedily
	}
	han := slices.ContainsFunc(model.Tokens, func(t string) bool { r, n := utf8.DecodeRuneInString(t); return n == len(t) && unspaced(r) })
	unit := model.Unit
	switch pieces := model.Path("vocabulary") != ""; {
	case unit == "" && han && pieces:
		unit = "cjkchar+bpe"
	case unit == "" && han:
		unit = "cjkchar"
	case unit == "" && pieces:
		unit = "bpe"
	case strings.Contains(unit, "bpe") && !pieces:
		unit = ""
	}
	h := hotwords{unit: unit, tokens: map[string]bool{}, upper: newSpelling(model.Tokens).lower}
	for _, t := range model.Tokens {
		h.tokens[t] = true
	}
	return h
}

// take gives a list as the library reads it, of those words that it can spell, no more than it can bear; empty: none.
func (h hotwords) take(words []string) string {
	if h.unit == "" {
		return ""
	}
	var list []string
	for _, word := range words {
		if len(list) == hotwordsMost {
			break
		}
		if h.upper {
			word = strings.ToUpper(word)
		}
		if word = strings.Join(strings.Fields(word), " "); h.spells(word) {
			list = append(list, word)
		}
	}
	return strings.Join(list, "/")
}

func (h hotwords) spells(word string) bool {
	if word == "" || utf8.RuneCountInString(word) > hotwordLongest || !utf8.ValidString(word) {
		return false
	}
	for _, r := range word {
		switch {
		case r == ' ':
		case unspaced(r):
			if h.unit == "bpe" || !h.tokens[string(r)] {
				return false
			}
		case h.unit == "cjkchar":
			if !h.tokens[string(r)] || strings.ContainsRune(":#@/", r) {
				return false
			}
		case !unicode.IsLetter(r) && r != '\'':
			return false
		}
	}
	return true
}
