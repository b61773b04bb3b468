package speech

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"liveclip/internal/domain"
	"liveclip/internal/speech/phrases"
)

const (
	fewestSounds = 7   // of a phrase: shorter ones are heard in everything
	mostKeywords = 500 // each costs a little of every second
	mostList     = 1 << 20
)

// keyphrase is something to listen for.
type keyphrase struct {
	text   string
	phones []string
}

// keyword is a line of a list.
type keyword struct {
	line int
	text string
}

func readKeywords(path string) ([]keyword, error) {
	text := phrases.Keywords
	if path != "" {
		file, err := os.Open(path)
		if err != nil {
			return nil, domain.Permanent(fmt.Errorf("read keywords: %w", err))
		}
		defer file.Close()
		body, err := io.ReadAll(io.LimitReader(file, mostList+1))
		if err != nil {
			return nil, fmt.Errorf("read keywords: %w", err)
		}
		if len(body) > mostList {
			return nil, domain.Permanent(fmt.Errorf("read keywords: %s is longer than %d bytes", path, mostList))
		}
		text = string(body)
	}
	return parseKeywords(text)
}

// parseKeywords takes one phrase a line; what follows "#" is a remark.
func parseKeywords(text string) ([]keyword, error) {
	var all []keyword
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.Join(strings.Fields(strings.ToLower(line)), " "); line == "" {
			continue
		}
		if strings.ContainsAny(line, "/\x00") {
			return nil, domain.Permanent(fmt.Errorf("read keywords: line %d: %.60q is no phrase", n, line))
		}
		all = append(all, keyword{n, line})
		if len(all) > mostKeywords {
			return nil, domain.Permanent(fmt.Errorf("read keywords: line %d: more than %d phrases", n, mostKeywords))
		}
	}
	if len(all) == 0 {
		return nil, domain.Permanent(errors.New("read keywords: there is no phrase"))
	}
	return all, nil
}

// known gives the phrases with their sounds. All that are unfit are named at once.
func (k *Keywords) known(texts []keyword) (map[string]keyphrase, error) {
	all := map[string]keyphrase{}
	var faults []error
	for _, t := range texts {
		p := keyphrase{t.text, k.phones(t.text)}
		switch {
		case p.phones == nil:
			faults = append(faults, fmt.Errorf("read keywords: line %d: %q has a word that is not in the dictionary", t.line, t.text))
		case len(p.phones) < fewestSounds:
			faults = append(faults, fmt.Errorf("read keywords: line %d: %q is too short: it has %d sounds, and needs %d", t.line, t.text, len(p.phones), fewestSounds))
		}
		all[t.text] = p
	}
	if len(faults) > 0 {
		return nil, domain.Permanent(errors.Join(faults[:min(len(faults), 20)]...))
	}
	return all, nil
}
