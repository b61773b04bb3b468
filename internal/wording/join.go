package wording

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
)

// Join gives the text of words.
func Join(words []domain.Word) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Text
	}
	return JoinTexts(texts...)
}

// JoinTexts puts words, or longer pieces of text, together as they are printed.
func JoinTexts(texts ...string) string {
	var b strings.Builder
	for i, text := range texts {
		if i > 0 && Spaced(texts[i-1], text) {
			b.WriteByte(' ')
		}
		b.WriteString(text)
	}
	return b.String()
}

// Spaced tells whether a space stands between two words: not in Chinese, but between a Chinese and a foreign word of more than
// a letter ("这个 iPhone", "T恤"); figures stand beside Chinese without one ("5折").
func Spaced(a, b string) bool {
	last, size := utf8.DecodeLastRuneInString(a)
	first, width := utf8.DecodeRuneInString(b)
	switch {
	case size == 0 || width == 0 || strings.ContainsRune(closing, first) || strings.ContainsRune(opening, last):
		return false
	case last > 0x7F && strings.ContainsRune(closing, last) || first > 0x7F && strings.ContainsRune(opening, first):
		return false // full-width marks bring their own
	case isHan(last) && isHan(first):
		return false
	case isHan(last):
		return isLatin(first) && len(b) > width && !unicode.IsDigit(second(b))
	case isHan(first):
		return isLatin(last) && len(a) > size || strings.ContainsRune(closing, last)
	}
	return true
}

// Ends tells whether a text ends with a sentence.
func Ends(text string) bool {
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRight(text, closers))
	return strings.ContainsRune(".!?。！？…", last)
}

func second(s string) rune {
	_, size := utf8.DecodeRuneInString(s)
	r, _ := utf8.DecodeRuneInString(s[size:])
	return r
}
