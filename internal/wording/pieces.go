package wording

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
)

// piece is what is written without a space inside: one Han character, a word, or a figure. Marks around it are kept apart.
type piece struct {
	domain.Word
	before, after string // marks: "(" and ","
}

func (p piece) first() rune { r, _ := utf8.DecodeRuneInString(p.Text); return r }
func (p piece) last() rune  { r, _ := utf8.DecodeLastRuneInString(p.Text); return r }

// isHan tells the scripts that are written without spaces.
func isHan(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) }

func isLatin(r rune) bool { return unicode.IsLetter(r) && !isHan(r) }

const (
	closers = ")）]】》”"
	closing = "，。！？；：、,.!?;:…" + closers
	opening = "(（[【《“"
	inside  = ".,:" // between digits a part of the figure
)

// pieces cuts words. The time of a word of several pieces is spread evenly over them.
func (w *Writer) pieces(words []domain.Word) []piece {
	var all []piece
	before := "" // opens what comes next
	for _, word := range words {
		from := len(all)
		for _, field := range strings.Fields(w.fold(word.Text)) {
			var more []piece
			more, before = cut(before + field)
			if len(more) > 0 && more[0].Text == "" { // marks only, which close the word before
				if len(all) > 0 {
					all[len(all)-1].after += more[0].after
				}
				more = more[1:]
			}
			all = append(all, more...)
		}
		own := all[from:]
		step := max(0, word.End-word.Start) / time.Duration(max(1, len(own)))
		for i := range own {
			own[i].Start, own[i].End, own[i].Confidence = word.Start+time.Duration(i)*step, word.Start+time.Duration(i+1)*step, word.Confidence
		}
		if n := len(own); n > 0 {
			own[n-1].End = max(own[n-1].Start, word.End)
		}
	}
	if len(all) > 0 {
		all[len(all)-1].after += before
	}
	return all
}

// fold resolves full-width letters, digits and signs and traditional characters. Marks stay: their width is decided later.
func (w *Writer) fold(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '￥':
			return '¥'
		case r >= 0xFF01 && r <= 0xFF5E && !strings.ContainsRune(closing+opening, r):
			return r - 0xFEE0
		case r == utf8.RuneError || unicode.IsControl(r) && !unicode.IsSpace(r):
			return -1
		}
		if s, ok := w.simplified[r]; ok {
			return s
		}
		return r
	}, text)
}

// cut cuts what has no space inside, and gives what opens at its end. Only the first of the pieces may have no text: then it is
// marks that follow nothing.
func cut(field string) (all []piece, before string) {
	last := func() *piece {
		if len(all) == 0 {
			all = append(all, piece{})
		}
		return &all[len(all)-1]
	}
	runes := []rune(field)
	for i := 0; i < len(runes); {
		r := runes[i]
		switch {
		case strings.ContainsRune(opening, r):
			before += string(r)
			i++
		case isMark(runes, i):
			last().after += before + string(r)
			before = ""
			i++
		default:
			next := i + 1
			for !isHan(r) && next < len(runes) && !isHan(runes[next]) && !strings.ContainsRune(opening, runes[next]) && !isMark(runes, next) {
				next++
			}
			all = append(all, piece{Word: domain.Word{Text: string(runes[i:next])}, before: before})
			before = ""
			i = next
		}
	}
	return all, before
}

// isMark tells a mark from a part of a figure or a word: 3.5, 12:30, a.m.
func isMark(runes []rune, i int) bool {
	if !strings.ContainsRune(closing, runes[i]) {
		return false
	}
	if i == 0 || i+1 == len(runes) || !strings.ContainsRune(inside, runes[i]) {
		return true
	}
	before, after := runes[i-1], runes[i+1]
	digits := unicode.IsDigit(before) && unicode.IsDigit(after)
	return !digits && (runes[i] != '.' || !isLatin(before) || !isLatin(after))
}
