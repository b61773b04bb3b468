package prompt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// template is text with variables: "${name}" stands for a value, "$$" for one dollar sign; any other dollar sign is itself.
type template struct {
	pieces []piece
}

// piece is literal text, or the name of a variable.
type piece struct {
	literal, variable string
}

// parseTemplate reads a template; known tells the names of variables.
func parseTemplate(text string, known func(name string) bool) (template, error) {
	var t template
	literal := func(s string) {
		if s != "" {
			t.pieces = append(t.pieces, piece{literal: s})
		}
	}
	for {
		before, after, found := strings.Cut(text, "$")
		literal(before)
		switch {
		case !found:
			return t, nil
		case strings.HasPrefix(after, "$"):
			literal("$")
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, closed := strings.Cut(after[1:], "}")
			switch {
			case !closed:
				return template{}, errors.New("a ${ is not closed")
			case !known(name):
				return template{}, fmt.Errorf("unknown variable ${%.40s}", name)
			}
			t.pieces = append(t.pieces, piece{variable: name})
			text = rest
		default:
			literal("$")
			text = after
		}
	}
}

// fill puts values in; those are text, never templates.
func (t template) fill(value func(name string) string) string {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.variable != "" {
			b.WriteString(value(p.variable))
		} else {
			b.WriteString(p.literal)
		}
	}
	return strings.TrimSpace(b.String())
}

// lacks tells a template that names something which has no value. A price may be left away.
func (t template) lacks(given map[string]string) bool {
	return slices.ContainsFunc(t.pieces, func(p piece) bool {
		return p.variable != "" && p.variable != "price" && p.variable != "was" && given[p.variable] == ""
	})
}

// clean makes outside text fit to be shown: one line, no control or formatting characters, at most `most` characters.
func clean(text string, most int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range strings.ToValidUTF8(text, "") {
		if unicode.IsSpace(r) {
			space = n > 0
			continue
		}
		if !unicode.IsPrint(r) {
			continue
		}
		if space {
			if n++; n >= most {
				break
			}
			b.WriteByte(' ')
			space = false
		}
		if n++; n > most {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
