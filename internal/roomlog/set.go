package roomlog

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const labelsSuffix = ".labels.json"

// Labelled is one room of a labelled set.
type Labelled struct {
	Name   string
	Log    string // path
	Labels Labels
}

// ReadSet lists a labelled set: the folder's logs with labels beside them, by name. A log without labels, or labels without
// a log, is an error: half a set measures something else.
func ReadSet(folder string) ([]Labelled, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("read labelled set: %w", err)
	}
	var set []Labelled
	labels := map[string]bool{}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), labelsSuffix); ok {
			labels[name] = true
		}
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(strings.TrimSuffix(f.Name(), ".gz"), ".jsonl")
		if !ok {
			continue
		}
		room := Labelled{Name: name, Log: filepath.Join(folder, f.Name())}
		if room.Labels, err = readLabelsFile(filepath.Join(folder, name+labelsSuffix)); err != nil {
			return nil, fmt.Errorf("labelled set %s: room %s: %w", folder, name, err)
		}
		delete(labels, name)
		set = append(set, room)
	}
	for name := range labels {
		return nil, fmt.Errorf("labelled set %s: %s%s has no log %s.jsonl beside it", folder, name, labelsSuffix, name)
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("labelled set %s: holds no NAME.jsonl with a NAME%s beside it", folder, labelsSuffix)
	}
	slices.SortFunc(set, func(a, b Labelled) int { return strings.Compare(a.Name, b.Name) })
	return set, nil
}

func readLabelsFile(path string) (Labels, error) {
	file, err := os.Open(path)
	if err != nil {
		return Labels{}, err
	}
	defer file.Close()
	return ReadLabels(file)
}
