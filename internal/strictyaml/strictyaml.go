// Package strictyaml reads YAML files that people write (rules, templates) so that every fault is told at once, each as
// "file:line: what": a value of the wrong type, a key nobody knows, and whatever the reader of the values finds.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"liveclip/internal/domain"
)

// most bytes of a file that are read.
const most = 4 << 20

// File is the text of a file and its name in faults. The zero number of faults is none.
type File struct {
	name  string
	text  []byte
	root  *yaml.Node
	found []error
}

// New gives text a name.
func New(name string, text []byte) *File { return &File{name: name, text: text} }

// Name is what faults call the file: its path, where it was opened.
func (f *File) Name() string { return f.name }

// Open reads the file at path.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, domain.Permanent(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > most {
		return nil, domain.Permanent(fmt.Errorf("%s:1: has more than %d bytes", path, most))
	}
	return New(path, text), nil
}

var (
	faultLine  = regexp.MustCompile(`^(?:yaml: )?line (\d+): ((?s).*)$`)
	unknownKey = regexp.MustCompile(`^field (\S+) not found in type .*$`)
	wrongType  = regexp.MustCompile("(?s)^cannot unmarshal !!(\\w+)(?: `(.*)`)? into (\\S+)$")
)

// inWords says what a value must be, by its Go type, for people who write YAML.
func inWords(goType string) string {
	switch t := strings.TrimLeft(goType, "*"); {
	case t == "time.Duration":
		return "a length of time, such as 5s"
	case strings.HasPrefix(t, "[]"):
		return "a list"
	case t == "string":
		return "text"
	case t == "bool":
		return "true or false"
	case strings.HasPrefix(t, "float"):
		return "a number"
	case strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"):
		return "a whole number"
	}
	return "a mapping of keys to values"
}

// isA says what a value is, by its tag in YAML.
func isA(tag, value string) string {
	switch tag {
	case "seq":
		return "a list"
	case "map":
		return "a mapping"
	}
	return fmt.Sprintf("%q", value)
}

// Decode fills into, a struct with yaml tags. What the file does not name keeps its value. An empty file is none at all.
func (f *File) Decode(into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(f.text))
	decoder.KnownFields(true)
	err := decoder.Decode(into)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	faults := []string{err.Error()}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		faults = typed.Errors
	}
	for _, what := range faults {
		line := "1"
		if m := faultLine.FindStringSubmatch(what); m != nil {
			line, what = m[1], m[2]
		}
		if m := unknownKey.FindStringSubmatch(what); m != nil {
			what = fmt.Sprintf("unknown key %q", m[1])
		}
		if m := wrongType.FindStringSubmatch(what); m != nil {
			what = fmt.Sprintf("must be %s, is %s", inWords(m[3]), isA(m[1], m[2]))
		}
		f.found = append(f.found, fmt.Errorf("%s:%s: %s", f.name, line, what))
	}
	return f.Err()
}

// Fault notes what is wrong with the value at path, keys and indices joined by dots ("keywords.0.weight"). Its line is that
// of the value, or of the nearest thing around it that the file has.
func (f *File) Fault(path, format string, args ...any) {
	f.found = append(f.found, fmt.Errorf("%s:%d: %s: %s", f.name, f.line(path), path, fmt.Sprintf(format, args...)))
}

// Err gives all faults so far, a line each, as one permanent error; nil: none.
func (f *File) Err() error {
	if len(f.found) == 0 {
		return nil
	}
	return domain.Permanent(errors.Join(f.found...))
}

func (f *File) line(path string) int {
	if f.root == nil {
		f.root = &yaml.Node{}
		if yaml.Unmarshal(f.text, f.root) != nil {
			f.root = &yaml.Node{}
		}
	}
	line, node := 1, f.root
	if len(node.Content) > 0 {
		node = node.Content[0]
	}
	for key := range strings.SplitSeq(path, ".") {
		if node = child(node, key); node == nil {
			break
		}
		line = node.Line
	}
	return line
}

func child(node *yaml.Node, key string) *yaml.Node {
	switch node.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i]
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				return node.Content[i+1]
			}
		}
	}
	return nil
}
