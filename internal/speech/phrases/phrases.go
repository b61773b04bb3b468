// Package phrases holds what keyword mode listens for where nobody says otherwise.
package phrases

import (
	_ "embed"
	"strings"
)

// Keywords is the list, one phrase a line; what follows "#" is a remark.
//
//go:embed keywords.txt
var Keywords string

// Each gives the phrases of a list.
func Each(list string) []string {
	var all []string
	for line := range strings.Lines(list) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// Kinds gives each phrase of a list its kind of moment: the remark of one word that stands on a line before it.
func Kinds(list string) map[string]string {
	kinds, kind := map[string]string{}, ""
	for line := range strings.Lines(list) {
		phrase, remark, _ := strings.Cut(line, "#")
		switch words := strings.Fields(remark); {
		case strings.TrimSpace(phrase) != "":
			kinds[strings.Join(strings.Fields(phrase), " ")] = kind
		case len(words) == 1:
			kind = words[0]
		}
	}
	return kinds
}
