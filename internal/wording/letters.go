package wording

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// capitalise writes the first word of each sentence, "I" and known names as they are written. What a recogniser that knows no
// small letters gave is brought down first.
func capitalise(pieces []piece, s Style) {
	begin(pieces, s.Continues)
	if shouts(pieces) {
		for i := range pieces {
			pieces[i].Text = strings.ToLower(pieces[i].Text)
		}
		begin(pieces, s.Continues)
	}
	for _, name := range s.Names {
		named(pieces, strings.Fields(name))
	}
}

func begin(pieces []piece, continues bool) {
	first := !continues
	for i := range pieces {
		p := &pieces[i]
		if text, _, _ := strings.Cut(p.Text, "'"); text == "i" {
			p.Text = "I" + p.Text[1:]
		}
		if r, size := utf8.DecodeRuneInString(p.Text); first && unicode.IsLower(r) && !strings.ContainsFunc(p.Text, unicode.IsUpper) { // iPhone is a name
			p.Text = string(unicode.ToUpper(r)) + p.Text[size:]
		}
		first = strings.ContainsAny(p.after, ".!?。！？") && !strings.Contains(p.Text, ".") // a.m. ends none
	}
}

// shouts: there is no small letter, and a word too long to be an abbreviation.
func shouts(pieces []piece) bool {
	long := false
	for _, p := range pieces {
		if strings.ContainsFunc(p.Text, unicode.IsLower) {
			return false
		}
		long = long || len(p.Text) > 4 && unicode.IsUpper(p.first()) && !strings.ContainsFunc(p.Text, unicode.IsDigit)
	}
	return long
}

// named writes a name as it is written wherever its words follow one another.
func named(pieces []piece, name []string) {
	for i := range pieces {
		if len(name) == 0 || i+len(name) > len(pieces) {
			return
		}
		same := true
		for j, word := range name {
			same = same && strings.EqualFold(pieces[i+j].Text, word)
		}
		for j, word := range name {
			if same {
				pieces[i+j].Text = word
			}
		}
	}
}
