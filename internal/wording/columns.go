package wording

import (
	"unicode"

	"golang.org/x/text/width"
)

// Columns is how wide a text is where all characters are as wide as a Latin one or, as Chinese ones are, twice that: in a
// terminal, and nearly so in a title or a caption.
func Columns(text string) int {
	n := 0
	for _, r := range text {
		n += ColumnsOf(r)
	}
	return n
}

// ColumnsOf is how wide a character is (Unicode's Standard Annex 11), an ambiguous one as in Latin text; 0: it is drawn onto the
// one before.
func ColumnsOf(r rune) int {
	switch kind := width.LookupRune(r).Kind(); {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
		return 2
	}
	return 1
}
