package t2v

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	"gopkg.in/yaml.v3"

	"liveclip/internal/domain"
)

//go:embed templates/*.yaml
var shipped embed.FS

// library holds templates by name.
type library map[string]Template

// loadLibrary reads the shipped templates and then the files; a later template of the same name replaces an earlier one.
func loadLibrary(files []string) (library, error) {
	all := library{}
	names, err := fs.Glob(shipped, "templates/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		f, err := shipped.Open(name)
		if err != nil {
			return nil, err
		}
		err = all.read(path.Base(name), f)
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open templates: %w", err)
		}
		err = all.read(name, io.LimitReader(f, 1<<20))
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (l library) read(from string, r io.Reader) error {
	var file struct {
		Templates []Template `yaml:"templates"`
	}
	decoder := yaml.NewDecoder(r)
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	var faults []error
	for _, t := range file.Templates {
		for _, fault := range t.faults() {
			faults = append(faults, fmt.Errorf("%s: template %.40q: %s", from, t.Name, fault))
		}
		l[t.Name] = t
	}
	return errors.Join(faults...)
}

func (l library) names() []string { return slices.Sorted(maps.Keys(l)) }

// find gives a template; its error names those there are.
func (l library) find(name string) (Template, error) {
	t, ok := l[name]
	if !ok {
		return t, domain.Permanent(fmt.Errorf("there is no template %.40q (there are %v)", name, l.names()))
	}
	return t, nil
}
