package detect

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"liveclip/internal/wording"
)

// token is the unit in which phrases and speech are compared: a Han character, a word of any other script, or the digits of
// one number.
type token struct {
	text     string // folded
	from, to int    // its bytes in the original
}

// folder brings text to the one form in which it is compared: compatibility forms (full width, circled, ligatures) resolved,
// accents dropped, lower case, traditional characters as simplified ones, "%" and a currency's sign before a number as the words
// that are spoken behind it, and everything else that is not spoken gone. Safe for concurrent use.
type folder struct {
	simplified map[rune]rune
}

func newFolder() (*folder, error) {
	simplified, err := wording.Simplified()
	if err != nil {
		return nil, err
	}
	return &folder{simplified}, nil
}

// letter is one folded character and the bytes of the original it came from.
type letter struct {
	r        rune
	from, to int
}

func (f *folder) letters(text string) []letter {
	letters := make([]letter, 0, len(text))
	for at, r := range text {
		to := at + len(string(r))
		if r == unicode.ReplacementChar { // also a broken byte, which is one byte long
			to = min(to, at+1)
		}
		if r < 0x80 {
			letters = append(letters, letter{unicode.ToLower(r), at, to})
			continue
		}
		for _, d := range norm.NFKD.String(string(r)) {
			if unicode.Is(unicode.Mn, d) {
				continue
			}
			if s, ok := f.simplified[d]; ok {
				d = s
			}
			letters = append(letters, letter{unicode.ToLower(d), at, to})
		}
	}
	return letters
}

// tokens cuts text into tokens. An apostrophe inside a word is dropped ("don't" is "dont"), so is a thousands comma.
func (f *folder) tokens(text string) []token {
	letters := f.letters(text)
	var tokens []token
	for i := 0; i < len(letters); {
		next, word := i+1, ""
		switch r := letters[i].r; {
		case signs[r] != "" && i+1 < len(letters) && unicode.IsDigit(letters[i+1].r):
			next, word = number(letters, i+1)
			tokens = append(tokens, token{word, letters[i].from, letters[next-1].to}, token{signs[r], letters[i].from, letters[i].to})
			word = ""
		case r == '%':
			word = "percent"
		case standsAlone(r):
			word = string(r)
		case unicode.IsDigit(r):
			next, word = number(letters, i)
		case unicode.IsLetter(r):
			next, word = wordAt(letters, i)
		}
		if word != "" {
			tokens = append(tokens, token{word, letters[i].from, letters[next-1].to})
		}
		i = next
	}
	return tokens
}

// signs are spoken behind the number before which they are written.
var signs = map[rune]string{'¥': "元", '$': "dollars", '€': "euros", '£': "pounds"}

// standsAlone tells the scripts that are written without spaces.
func standsAlone(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

func wordAt(letters []letter, i int) (next int, word string) {
	var b strings.Builder
	for next = i; next < len(letters); next++ {
		r := letters[next].r
		switch {
		case unicode.IsLetter(r) && !standsAlone(r):
			b.WriteRune(r)
		case (r == '\'' || r == '’') && next+1 < len(letters) && unicode.IsLetter(letters[next+1].r):
		default:
			return next, b.String()
		}
	}
	return next, b.String()
}

func number(letters []letter, i int) (next int, digits string) {
	var b strings.Builder
	for next = i; next < len(letters); next++ {
		r := letters[next].r
		between := next+1 < len(letters) && unicode.IsDigit(letters[next+1].r)
		switch {
		case unicode.IsDigit(r):
			b.WriteRune(r)
		case r == '.' && between:
			b.WriteRune(r)
		case r == ',' && between:
		default:
			return next, b.String()
		}
	}
	return next, b.String()
}

// isNumber tells the tokens that "{n}" stands for.
func isNumber(t string) bool {
	if t[0] >= '0' && t[0] <= '9' {
		return true
	}
	switch t {
	case "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
		"thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty",
		"fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million", "half",
		"零", "〇", "一", "二", "两", "三", "四", "五", "六", "七", "八", "九", "十", "百", "千", "万", "半":
		return true
	}
	return false
}

// joinsNumbers tells what may stand between two tokens of one number: "one hundred and fifty", "三点五".
func joinsNumbers(t string) bool { return t == "and" || t == "point" || t == "点" }
