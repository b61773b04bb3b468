package detect

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"liveclip/internal/strictyaml"
)

//go:embed rules/presets/*.yaml
var presetFiles embed.FS

// PresetNames are the kinds of rooms for which there are rules beside the built-in ones, sorted.
func PresetNames() []string {
	files, err := presetFiles.ReadDir("rules/presets")
	if err != nil {
		return nil
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f.Name(), ".yaml")
	}
	return names
}

// Book is the rules for every kind of room: the built-in ones, a preset over them, and the operator's file over both. Safe
// for concurrent use.
type Book struct {
	general *Rules
	presets map[string]func() (*Rules, error) // made when first asked for: a long list of phrases takes a while
	names   map[string]string                 // of presets, by category
	fixed   string                            // the preset of every room; empty: by its category
	files   []string                          // that were read, or looked for
}

// LoadBook reads the operator's file at path (empty: none). Its errors name file:line, all of them.
func LoadBook(path, preset string) (*Book, error) {
	b, err := readBook(path, preset)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// readBook is LoadBook whose book tells its files beside an error, too.
func readBook(path, preset string) (*Book, error) {
	b := &Book{presets: map[string]func() (*Rules, error){}, names: map[string]string{}, fixed: preset}
	if preset != "" && !slices.Contains(PresetNames(), preset) {
		return b, fmt.Errorf("no preset %.40q; there are %s", preset, strings.Join(PresetNames(), ", "))
	}
	with, err := newWords()
	if err != nil {
		return b, err
	}
	var own *strictyaml.File
	if path != "" {
		b.files = append(b.files, path)
		if own, err = strictyaml.Open(path); err != nil {
			return b, err
		}
	}
	b.general, err = parseRules(with, own)
	b.files = append(b.files, b.general.lists...)
	if err != nil {
		return b, err
	}
	for _, name := range PresetNames() {
		if err := b.add(with, name, own); err != nil {
			return b, err
		}
	}
	return b, nil
}

// add makes a preset known, with the operator's file over it.
func (b *Book) add(with words, name string, own *strictyaml.File) error {
	text, err := presetFiles.ReadFile(path.Join("rules/presets", name+".yaml"))
	if err != nil {
		return err
	}
	file := strictyaml.New("preset "+name, text)
	var spec Spec
	if err := file.Decode(&spec); err != nil {
		return err
	}
	for _, category := range spec.Categories {
		b.names[strings.ToLower(category)] = name
	}
	b.presets[name] = sync.OnceValues(func() (*Rules, error) { return parseRules(with, file, own) })
	if len(b.general.lists) > 0 && name != b.fixed {
		return nil
	}
	if _, err := b.presets[name](); err != nil {
		return fmt.Errorf("over the preset %s: %w", name, err)
	}
	return nil
}

// Of gives the rules of a room of a category, as operators name it; the general ones where no preset is
// for it, or it does not go with the operator's lists.
func (b *Book) Of(category string) *Rules {
	name := b.fixed
	if name == "" {
		name = b.names[strings.ToLower(strings.TrimSpace(category))]
	}
	if preset := b.presets[name]; preset != nil {
		if r, err := preset(); err == nil {
			return r
		}
	}
	return b.general
}

// Categories are those that a preset is for, sorted.
func (b *Book) Categories() []string { return slices.Sorted(maps.Keys(b.names)) }
