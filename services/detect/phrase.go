package detect

import (
	"errors"
	"fmt"
	"strings"
)

const (
	mostVariants    = 256     // that one phrase with alternatives may stand for
	mostPhrases     = 400_000 // of all groups, after alternatives are written out
	mostNumbers     = 3       // "{n}" of one phrase: each may be cut off in several places
	longestPhrase   = 200     // bytes, as written
	numberMark      = "{n}"
	alternativesTip = "alternatives are written (a|b), without brackets inside"
)

// phrase is what to look for: literal tokens and, as "{n}", numbers. There is at least one literal.
type phrase []string

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
	literals, numbers := 0, 0
	for i, literal := range strings.Split(text, numberMark) {
		if i > 0 {
			if len(p) > 0 && p[len(p)-1] == numberMark {
				return nil, errors.New("two {n} in a row")
			}
			if numbers++; numbers > mostNumbers {
				return nil, fmt.Errorf("more than %d {n}", mostNumbers)
			}
			p = append(p, numberMark)
		}
		if strings.ContainsAny(literal, "{}") {
			return nil, errors.New("braces other than {n}")
		}
		for _, t := range f.tokens(literal) {
			p = append(p, t.text)
			literals++
		}
	}
	if literals == 0 {
		return nil, errors.New("nothing to look for")
	}
	return p, nil
}
