package detect

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

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
	presets map[string]*Rules
	names   map[string]string // of presets, by category
	fixed   string            // the preset of every room; empty: by its category
	files   []string          // that were read
}

// LoadBook reads the operator's file at path (empty: none). Its errors name file:line, all of them; the file stands by itself,
// so that one fault is told once.
func LoadBook(path, preset string) (*Book, error) {
	if preset != "" && !slices.Contains(PresetNames(), preset) {
		return nil, fmt.Errorf("no preset %.40q; there are %s", preset, strings.Join(PresetNames(), ", "))
	}
	with, err := newWords()
	if err != nil {
		return nil, err
	}
	own := func() (*strictyaml.File, error) { return nil, nil }
	b := &Book{presets: map[string]*Rules{}, names: map[string]string{}, fixed: preset}
	if path != "" {
		own = func() (*strictyaml.File, error) { return strictyaml.Open(path) }
		b.files = append(b.files, path)
	}
	file, err := own()
	if err != nil {
		return nil, err
	}
	if b.general, err = parseRules(with, file); err != nil {
		return nil, err
	}
	b.files = append(b.files, b.general.lists...)
	for _, name := range PresetNames() {
		if file, err = own(); err == nil {
			err = b.preset(with, name, file)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Book) preset(with words, name string, own *strictyaml.File) error {
	text, err := presetFiles.ReadFile(path.Join("rules/presets", name+".yaml"))
	if err != nil {
		return err
	}
	preset := strictyaml.New("preset "+name, text)
	alone, err := parseRules(with, preset)
	if err != nil {
		return err
	}
	for _, category := range alone.Categories {
		b.names[strings.ToLower(category)] = name
	}
	if b.presets[name] = alone; own == nil {
		return nil
	}
	if b.presets[name], err = parseRules(with, strictyaml.New("preset "+name, text), own); err != nil {
		return fmt.Errorf("over the preset %s: %w", name, err)
	}
	return nil
}

// Of gives the rules of a room of a category, as operators name it; the general ones where no preset is for it.
func (b *Book) Of(category string) *Rules {
	name := b.fixed
	if name == "" {
		name = b.names[strings.ToLower(strings.TrimSpace(category))]
	}
	if r := b.presets[name]; r != nil {
		return r
	}
	return b.general
}

// Categories are those that a preset is for, sorted.
func (b *Book) Categories() []string { return slices.Sorted(maps.Keys(b.names)) }
