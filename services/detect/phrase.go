package detect

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	ahocorasick "github.com/BobuSumisu/aho-corasick"
)

const (
	longestNumber   = 8    // tokens that "{n}" takes at most
	mostVariants    = 256  // that one phrase with alternatives may stand for
	mostPhrases     = 5000 // after alternatives are written out: the automaton takes about 2 KiB a letter
	longestPhrase   = 200  // bytes, as written
	numberMark      = "{n}"
	alternativesTip = "alternatives are written (a|b), without brackets inside"
)

// phrase is what to look for: literal tokens and, as "{n}", numbers.
type phrase struct {
	parts []string
	// anchor is the longest run of literals: the automaton finds it, then the rest is compared around it.
	anchorFrom, anchorTo int
}

// parsePhrases reads one phrase as a rules file writes it. "{n}" is any number, in digits or words; "(a|b|)" are
// alternatives, of which one may be empty.
func (f *folder) parsePhrases(text string) ([]phrase, error) {
	if len(text) > longestPhrase {
		return nil, fmt.Errorf("phrase is longer than %d bytes", longestPhrase)
	}
	variants, err := writeOut(text)
	if err != nil {
		return nil, err
	}
	var phrases []phrase
	for _, v := range variants {
		p, err := f.parseVariant(v)
		if err != nil {
			return nil, fmt.Errorf("phrase %q: %w", text, err)
		}
		phrases = append(phrases, p)
	}
	return phrases, nil
}

// writeOut writes every choice of the alternatives out.
func writeOut(text string) ([]string, error) {
	variants := []string{""}
	for rest := text; rest != ""; {
		before, inside, open := strings.Cut(rest, "(")
		if strings.ContainsAny(before, ")|") {
			return nil, fmt.Errorf("phrase %q: %s", text, alternativesTip)
		}
		choices := []string{before}
		rest = ""
		if open {
			inner, after, closed := strings.Cut(inside, ")")
			if !closed || strings.Contains(inner, "(") {
				return nil, fmt.Errorf("phrase %q: %s", text, alternativesTip)
			}
			choices = choices[:0]
			for c := range strings.SplitSeq(inner, "|") {
				choices = append(choices, before+c)
			}
			rest = after
		}
		if len(variants)*len(choices) > mostVariants {
			return nil, fmt.Errorf("phrase %q: stands for more than %d", text, mostVariants)
		}
		next := make([]string, 0, len(variants)*len(choices))
		for _, v := range variants {
			for _, c := range choices {
				next = append(next, v+c)
			}
		}
		variants = next
	}
	return variants, nil
}

func (f *folder) parseVariant(text string) (phrase, error) {
	var p phrase
	for i, literal := range strings.Split(text, numberMark) {
		if i > 0 {
			if len(p.parts) > 0 && p.parts[len(p.parts)-1] == numberMark {
				return phrase{}, errors.New("two {n} in a row")
			}
			p.parts = append(p.parts, numberMark)
		}
		if strings.ContainsAny(literal, "{}") {
			return phrase{}, errors.New("braces other than {n}")
		}
		from := len(p.parts)
		for _, t := range f.tokens(literal) {
			p.parts = append(p.parts, t.text)
		}
		if bytesOf(p.parts[from:]) > bytesOf(p.parts[p.anchorFrom:p.anchorTo]) {
			p.anchorFrom, p.anchorTo = from, len(p.parts)
		}
	}
	if p.anchorFrom == p.anchorTo {
		return phrase{}, errors.New("nothing to look for")
	}
	return p, nil
}

func bytesOf(parts []string) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}

func (p phrase) anchor() string {
	return " " + strings.Join(p.parts[p.anchorFrom:p.anchorTo], " ") + " "
}

// around completes the phrase about its anchor, found at token `at`: the tokens it covers, first to last.
func (p phrase) around(tokens []token, at int) (first, last int, ok bool) {
	first, ok = backward(p.parts[:p.anchorFrom], tokens, at)
	if !ok {
		return 0, 0, false
	}
	end, ok := forward(p.parts[p.anchorTo:], tokens, at+p.anchorTo-p.anchorFrom)
	return first, end - 1, ok
}

// forward matches parts from token i on and gives the token after them. A number takes as much as it can.
func forward(parts []string, tokens []token, i int) (end int, ok bool) {
	if len(parts) == 0 {
		return i, true
	}
	if parts[0] != numberMark {
		if i >= len(tokens) || tokens[i].text != parts[0] {
			return 0, false
		}
		return forward(parts[1:], tokens, i+1)
	}
	for n := numberRun(tokens, i, 1); n > 0; n-- {
		if !isNumber(tokens[i+n-1].text) {
			continue
		}
		if end, ok := forward(parts[1:], tokens, i+n); ok {
			return end, true
		}
	}
	return 0, false
}

// backward matches parts so that they end before token i and gives their first token.
func backward(parts []string, tokens []token, i int) (first int, ok bool) {
	if len(parts) == 0 {
		return i, true
	}
	last := len(parts) - 1
	if parts[last] != numberMark {
		if i == 0 || tokens[i-1].text != parts[last] {
			return 0, false
		}
		return backward(parts[:last], tokens, i-1)
	}
	for n := numberRun(tokens, i-1, -1); n > 0; n-- {
		if !isNumber(tokens[i-n].text) {
			continue
		}
		if first, ok := backward(parts[:last], tokens, i-n); ok {
			return first, true
		}
	}
	return 0, false
}

// numberRun counts the tokens from i on, in the direction of step, that may belong to one number.
func numberRun(tokens []token, i, step int) (n int) {
	for ; n < longestNumber && i >= 0 && i < len(tokens); i += step {
		if t := tokens[i].text; !isNumber(t) && (n == 0 || !joinsNumbers(t)) {
			break
		}
		n++
	}
	return n
}

// match is a phrase found in tokens first to last.
type match struct {
	group       int
	first, last int
}

// matcher finds the phrases of all groups in one pass. Safe for concurrent use.
type matcher struct {
	trie    *ahocorasick.Trie
	entries [][]entry // by pattern: the phrases that share the anchor
}

type entry struct {
	phrase phrase
	group  int
	not    bool
}

func newMatcher(entries []entry) *matcher {
	var m matcher
	builder, known := ahocorasick.NewTrieBuilder(), map[string]int{}
	for _, e := range entries {
		anchor := e.phrase.anchor()
		i, ok := known[anchor]
		if !ok {
			i = len(m.entries)
			known[anchor] = i
			m.entries = append(m.entries, nil)
			builder.AddString(anchor)
		}
		m.entries[i] = append(m.entries[i], e)
	}
	m.trie = builder.Build()
	return &m
}

// find gives the matches in order of their first token, the longer one first. A match that shares a token with a negative
// phrase of its group is none.
func (m *matcher) find(tokens []token) []match {
	text, starts := canonical(tokens)
	var found, not []match
	m.trie.Walk(text, func(end, n, pattern int64) bool {
		at := sort.SearchInts(starts, int(end-n+1))
		for _, e := range m.entries[pattern] {
			first, last, ok := e.phrase.around(tokens, at)
			switch hit := (match{e.group, first, last}); {
			case !ok:
			case e.not:
				not = append(not, hit)
			default:
				found = append(found, hit)
			}
		}
		return true
	})
	kept := found[:0]
	for _, f := range found {
		if !denied(f, not) {
			kept = append(kept, f)
		}
	}
	sort.SliceStable(kept, func(i, j int) bool {
		a, b := kept[i], kept[j]
		switch {
		case a.first != b.first:
			return a.first < b.first
		case a.last != b.last:
			return a.last > b.last
		}
		return a.group < b.group
	})
	return kept
}

func denied(f match, not []match) bool {
	for _, n := range not {
		if n.group == f.group && n.first <= f.last && f.first <= n.last {
			return true
		}
	}
	return false
}
