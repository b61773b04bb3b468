package wordlist

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/longbridgeapp/opencc"
	"golang.org/x/text/unicode/norm"
)

// normaliser makes texts comparable: width and case folded, traditional Chinese made simplified, punctuation gone. Safe for
// concurrent use.
type normaliser struct{ simplify *opencc.OpenCC }

func newNormaliser() (*normaliser, error) {
	simplify, err := opencc.New("t2s")
	if err != nil {
		return nil, fmt.Errorf("load the traditional to simplified table: %w", err)
	}
	return &normaliser{simplify}, nil
}

// normal is a text made comparable, twice: compact has letters and digits only, for Chinese, which may be written with
// anything in between; spaced has a space around every word. compactFrom and spacedFrom give the source of each byte.
type normal struct {
	compact, spaced         []byte
	compactFrom, spacedFrom []int
}

// text normalises s; its sources are byte offsets in s.
func (n *normaliser) text(s string) normal {
	var out normal
	n.add(&out, s, func(i int) int { return i })
	return out
}

// words normalises words; its sources are their numbers.
func (n *normaliser) words(words []string) normal {
	var out normal
	for number, word := range words {
		n.add(&out, word, func(int) int { return number })
		out.space(number)
	}
	return out
}

func (n *normaliser) add(out *normal, s string, source func(i int) int) {
	out.space(source(0))
	for i, r := range s {
		from := source(i)
		folded := strings.ToLower(norm.NFKC.String(string(r)))
		if unicode.Is(unicode.Han, r) {
			if simplified, err := n.simplify.Convert(folded); err == nil {
				folded = simplified
			}
		}
		for _, f := range folded {
			out.rune(f, from)
		}
	}
	out.space(source(len(s)))
}

func (n *normal) rune(r rune, from int) {
	switch {
	case r == '\'' || r == '’' || unicode.Is(unicode.Mn, r):
		return // inside a word
	case !unicode.IsLetter(r) && !unicode.IsDigit(r):
		n.space(from)
		return
	case unicode.Is(unicode.Han, r):
		n.space(from)
		n.compact, n.compactFrom = appendRune(n.compact, n.compactFrom, r, from)
		return
	}
	n.compact, n.compactFrom = appendRune(n.compact, n.compactFrom, r, from)
	n.spaced, n.spacedFrom = appendRune(n.spaced, n.spacedFrom, r, from)
}

func (n *normal) space(from int) {
	if len(n.spaced) == 0 || n.spaced[len(n.spaced)-1] != ' ' {
		n.spaced, n.spacedFrom = appendRune(n.spaced, n.spacedFrom, ' ', from)
	}
}

func appendRune(text []byte, sources []int, r rune, from int) ([]byte, []int) {
	before := len(text)
	text = utf8.AppendRune(text, r)
	for range len(text) - before {
		sources = append(sources, from)
	}
	return text, sources
}

// Match is a term found; From and To are the sources of its first and its last character: byte offsets in a text, numbers of
// words.
type Match struct {
	List, Term      string
	Written, Spoken string // severities: where liveclip writes it, where it was said
	From, To        int
}

// InText gives the terms in a text, by their place.
func (l *Lists) InText(s string) []Match { return l.find(l.normal.text(s)) }

// InWords gives the terms in words that follow one another.
func (l *Lists) InWords(words []string) []Match { return l.find(l.normal.words(words)) }

// find gives the terms in a text, by their place, without those inside a phrase that the same list excepts.
func (l *Lists) find(n normal) []Match {
	found := l.compact.scan(n.compact, n.compactFrom)
	found = append(found, l.spaced.scan(n.spaced, n.spacedFrom)...)
	slices.SortStableFunc(found, func(a, b Match) int { return a.From - b.From })
	return found
}

type span struct {
	entry
	start, end int
}

func (x index) scan(text []byte, sources []int) []Match {
	if len(x.entries) == 0 || len(text) == 0 {
		return nil
	}
	var terms, exceptions []span
	x.trie.Walk(text, func(end, n, pattern int64) bool {
		for _, e := range x.entries[pattern] {
			s := span{e, int(end - n + 1), int(end + 1)}
			if s.except {
				exceptions = append(exceptions, s)
			} else {
				terms = append(terms, s)
			}
		}
		return true
	})
	var found []Match
	for _, t := range terms {
		harmless := slices.ContainsFunc(exceptions, func(e span) bool {
			return e.list == t.list && e.start <= t.start && t.end <= e.end
		})
		if harmless {
			continue
		}
		first, last := t.start, t.end-1
		if text[first] == ' ' { // the spaces around a whole word are not part of it
			first, last = first+1, last-1
		}
		found = append(found, Match{t.list, t.term, t.written, t.spoken, sources[first], sources[last]})
	}
	return found
}

// Clean takes every term that liveclip may not write out of s. Nothing but punctuation left: empty.
func (l *Lists) Clean(s string) (string, []Match) {
	found := l.forbidden(s)
	if len(found) == 0 {
		return s, nil
	}
	for again := found; len(again) > 0; again = l.forbidden(s) { // what is left may join to a term
		s = l.cover(s, again, "")
	}
	s = strings.TrimFunc(strings.Join(strings.Fields(s), " "), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(",，、;；:：-—·|", r)
	})
	if !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return "", found
	}
	return s, found
}

// Mask puts stars over every term that liveclip may not write.
func (l *Lists) Mask(s string) string { return l.cover(s, l.forbidden(s), "*") }

func (l *Lists) forbidden(s string) []Match {
	return slices.DeleteFunc(l.find(l.normal.text(s)), func(m Match) bool { return m.Written != Block })
}

// cover replaces each character of the matches.
func (l *Lists) cover(s string, found []Match, with string) string {
	var out strings.Builder
	for i, r := range s {
		if slices.ContainsFunc(found, func(m Match) bool { return m.From <= i && i <= m.To }) {
			out.WriteString(with)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}
