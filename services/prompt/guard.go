package prompt

import (
	_ "embed"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	"liveclip/internal/wordlist"
)

//go:embed forbidden.yaml
var shippedForbidden []byte

// guard holds words against lists before they cost anything: what may not be written in an opening, what may not be
// generated.
type guard struct {
	written   *wordlist.Lists
	generated *wordlist.Lists
}

func newGuard(cfg Config) (guard, error) {
	written, err := wordlist.Load(cfg.Lists, wordlist.Person)
	if err != nil {
		return guard{}, fmt.Errorf("prompt.lists: %w", err)
	}
	generated, err := wordlist.From(shippedForbidden, cfg.Forbidden, wordlist.Person)
	if err != nil {
		return guard{}, fmt.Errorf("prompt.forbidden: %w", err)
	}
	return guard{written, generated}, nil
}

// forbidden names the first term that must not be generated; empty: there is none.
func (g guard) forbidden(text string) string {
	for _, m := range g.generated.InText(text) {
		if m.Written == wordlist.Block {
			return note.Forbidden.Say(m.List, m.Term)
		}
	}
	return ""
}

// cleaned takes terms out of an opening's fields that liveclip may not write, and says which.
func (g guard) cleaned(fields map[string]string) (notes []string) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fields[name]
		if name == "picture" || name == "aspect" || name == "language" {
			continue
		}
		clean, found := g.written.Clean(value)
		if len(found) == 0 {
			continue
		}
		fields[name] = clean
		notes = append(notes, note.Cleaned.Say(name, found[0].Term))
	}
	return notes
}

// Limit is what an engine of a kind takes.
type Limit struct {
	Characters int      `yaml:"characters"` // of a prompt
	Negative   int      `yaml:"negative"`   // of a negative prompt; 0: it takes none
	Languages  []string `yaml:"languages"`  // it understands, the best first
}

// language is the one to prompt in for a clip's.
func (l Limit) language(wanted string) string {
	for _, known := range l.Languages {
		if known == wanted {
			return wanted
		}
	}
	if len(l.Languages) > 0 {
		return l.Languages[0]
	}
	return wanted
}

// within cuts text to so many characters, at the end of a phrase where there is one in the last third.
func within(text string, most int) (string, bool) {
	runes := []rune(text)
	if len(runes) <= most {
		return text, false
	}
	cut := runes[:most]
	for i := len(cut) - 1; i > 2*most/3; i-- {
		if strings.ContainsRune("，。,.；;！!", cut[i]) {
			return string(cut[:i]), true
		}
	}
	return strings.TrimRightFunc(string(cut), unicode.IsSpace), true
}

// seedOf is the seed of a clip's shot: a replay asks for the same noise. Every engine takes 31 bits.
func seedOf(clip domain.ClipID, number int) uint64 {
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, fmt.Sprintf("%s/%d", clip, number))
	return hash.Sum64()&(1<<31-1) | 1
}

// hashOf is the hash of a shot's words.
func hashOf(s domain.Shot) string {
	words := []string{"prompt", s.Prompt, s.Negative}
	if s.Opening.Prompt != "" {
		words = append(words, s.Opening.Prompt)
	}
	return domain.H(words...)
}
