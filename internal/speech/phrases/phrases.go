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
		if phrase, _ := parse(line); phrase != "" {
			all = append(all, phrase)
		}
	}
	return all
}

// Kinds gives each phrase of a list its kind of moment: the remark of one word that stands on a line before it.
func Kinds(list string) map[string]string {
	kinds, kind := map[string]string{}, ""
	for line := range strings.Lines(list) {
		phrase, remark := parse(line)
		switch words := strings.Fields(remark); {
		case phrase != "":
			kinds[phrase] = kind
		case len(words) == 1:
			kind = words[0]
		}
	}
	return kinds
}

func parse(line string) (phrase, remark string) {
	phrase, remark, _ = strings.Cut(line, "#")
	return strings.Join(strings.Fields(phrase), " "), remark
}
