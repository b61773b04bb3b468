// Package wordlist finds terms in what is written and said, however they are spelled: traditional or simplified, in full or half
// width, with anything between the characters. Lists are data, with a severity for every term.
package wordlist

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	ahocorasick "github.com/BobuSumisu/aho-corasick"
	"gopkg.in/yaml.v3"
)

//go:embed wordlists.yaml
var shipped []byte

// What a term does to a clip.
const (
	Block  = "block"  // rejected
	Person = "person" // needs a person
	Note   = "note"   // only noted
)

var Severities = []string{Note, Person, Block} // rising

// wordlist is one list of terms, as data. Severities differ by who says it: written is what liveclip puts out itself
// (title, overlay, template texts), spoken is what the room said.
type wordlist struct {
	Name    string   `yaml:"name"`
	About   string   `yaml:"about"`
	Written string   `yaml:"written"`
	Spoken  string   `yaml:"spoken"` // empty: as configured in review.spoken
	Except  []string `yaml:"except"` // phrases in which a term of the list is harmless
	Terms   []term   `yaml:"terms"`
}

// term stands in a list as plain text, or with Severities of its own.
type term struct {
	Term    string `yaml:"term"`
	Written string `yaml:"written"`
	Spoken  string `yaml:"spoken"`
}

func (t *term) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&t.Term)
	}
	type plain term
	return node.Decode((*plain)(t))
}

// entry is a term or an exception, ready to be found.
type entry struct {
	list            string
	term            string
	written, spoken string
	except          bool
}

// Lists finds the terms of all word lists in one pass. Safe for concurrent use.
type Lists struct {
	normal  *normaliser
	compact index // terms with Chinese: found anywhere
	spaced  index // other terms: whole words
}

// index finds patterns; several entries may share one.
type index struct {
	trie    *ahocorasick.Trie
	entries [][]entry // by number of the pattern
}

func newIndex(patterns map[string][]entry) index {
	x := index{}
	builder := ahocorasick.NewTrieBuilder()
	for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
		builder.AddString(pattern)
		x.entries = append(x.entries, patterns[pattern])
	}
	x.trie = builder.Build()
	return x
}

// Load reads the shipped lists and then the files; a later list of the same name replaces an earlier one. spoken is the
// severity of lists and terms that name none for what was said.
func Load(files []string, spoken string) (*Lists, error) { return From(shipped, files, spoken) }

// From is Load with shipped lists of a caller's own.
func From(shipped []byte, files []string, spoken string) (*Lists, error) {
	all, err := readLists("shipped word lists", bytes.NewReader(shipped))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open word lists: %w", err)
		}
		more, err := readLists(name, io.LimitReader(f, 8<<20))
		_ = f.Close()
		if err != nil {
			return nil, err
		}
		for _, list := range more {
			all = slices.DeleteFunc(all, func(known wordlist) bool { return known.Name == list.Name })
			all = append(all, list)
		}
	}
	return compile(all, spoken)
}

func readLists(from string, r io.Reader) ([]wordlist, error) {
	var file struct {
		Lists []wordlist `yaml:"lists"`
	}
	decoder := yaml.NewDecoder(r)
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	var faults []error
	severity := func(list, where, s string, mayBeEmpty bool) {
		if !slices.Contains(Severities, s) && (s != "" || !mayBeEmpty) {
			faults = append(faults, fmt.Errorf("%s: list %.40q: %s: must be block, person or note, is %.40q", from, list, where, s))
		}
	}
	for _, list := range file.Lists {
		if list.Name == "" {
			faults = append(faults, fmt.Errorf("%s: a list has no name", from))
		}
		severity(list.Name, "written", list.Written, false)
		severity(list.Name, "spoken", list.Spoken, true)
		for _, t := range list.Terms {
			severity(list.Name, fmt.Sprintf("term %.40q: written", t.Term), t.Written, true)
			severity(list.Name, fmt.Sprintf("term %.40q: spoken", t.Term), t.Spoken, true)
		}
	}
	return file.Lists, errors.Join(faults...)
}

func compile(all []wordlist, spoken string) (*Lists, error) {
	normal, err := newNormaliser()
	if err != nil {
		return nil, err
	}
	compact, spaced := map[string][]entry{}, map[string][]entry{}
	add := func(e entry) error {
		text := normal.text(e.term)
		switch {
		case len(text.compact) == 0:
			return fmt.Errorf("list %.40q: term %.40q has neither letters nor digits", e.list, e.term)
		case hasHan(e.term):
			compact[string(text.compact)] = append(compact[string(text.compact)], e)
		default:
			spaced[string(text.spaced)] = append(spaced[string(text.spaced)], e)
		}
		return nil
	}
	var faults []error
	for _, list := range all {
		for _, t := range list.Terms {
			faults = append(faults, add(entry{
				list:    list.Name,
				term:    t.Term,
				written: firstOf(t.Written, list.Written),
				spoken:  firstOf(t.Spoken, list.Spoken, spoken),
			}))
		}
		for _, phrase := range list.Except {
			faults = append(faults, add(entry{list: list.Name, term: phrase, except: true}))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &Lists{normal, newIndex(compact), newIndex(spaced)}, nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}
