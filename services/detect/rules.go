package detect

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"liveclip/internal/domain"
)

//go:embed rules/default.yaml
var defaultRules []byte

// defaultRulesName stands for the built-in file in faults.
const defaultRulesName = "built-in rules"

// Rules say what a moment is. A file need not name what it does not change; `keywords`, where given, replaces all groups.
type Rules struct {
	// Threshold is the score, of 0 to 1, from which a moment is a highlight.
	Threshold float64 `yaml:"threshold"`
	// Together: evidence no further apart than this is of one moment.
	Together time.Duration `yaml:"together"`
	// Close: a moment that begins nearer than this to a highlight's is the same. Apart: one that begins this far away never
	// is. Between the two it is the same when the highlight's window already shows it.
	Close    time.Duration `yaml:"close"`
	Apart    time.Duration `yaml:"apart"`
	Window   WindowRules   `yaml:"window"`
	Keywords []Group       `yaml:"keywords"`
	Comments CommentRules  `yaml:"comments"`
	Loudness LoudnessRules `yaml:"loudness"`
}

// WindowRules place the window around a moment.
type WindowRules struct {
	Before   time.Duration `yaml:"before"`   // shown before the sentence of the moment
	Reach    time.Duration `yaml:"reach"`    // furthest before the moment, to begin with a sentence
	After    time.Duration `yaml:"after"`    // shown after the sentence
	Shortest time.Duration `yaml:"shortest"` // length
	Longest  time.Duration `yaml:"longest"`
}

// Group is a kind of moment and the phrases that tell it.
type Group struct {
	Name    string   `yaml:"name"` // the highlight's kind
	Weight  float64  `yaml:"weight"`
	Phrases []string `yaml:"phrases"`
	Not     []string `yaml:"not"` // a match that shares a word with one of these is none
}

// CommentRules tell a burst of comments. Counts are of distinct users in ten seconds; a deviation is the room's median
// absolute deviation, scaled to a standard one.
type CommentRules struct {
	Weight     float64       `yaml:"weight"`      // of a burst at Full or above
	LeastUsers int           `yaml:"least_users"` // fewer are no burst
	Least      float64       `yaml:"least"`       // deviations above the median from which a burst counts
	Full       float64       `yaml:"full"`        // from which it counts fully
	Lag        time.Duration `yaml:"lag"`         // comments follow the picture by about this
	Echo       time.Duration `yaml:"echo"`        // a burst dated less than this after a highlight answers it
	Greeting   time.Duration `yaml:"greeting"`    // at the broadcast's start, when a burst means nothing
	Memory     time.Duration `yaml:"memory"`      // what is usual is learned from this long
	Settle     time.Duration `yaml:"settle"`      // nothing is unusual before this much is known
	Grace      time.Duration `yaml:"grace"`       // waits this long for comments on their way
	Asked      []string      `yaml:"asked"`       // phrases by which a host asks for comments
	AskedFor   time.Duration `yaml:"asked_for"`   // bursts this long after count half
}

// LoudnessRules tell when the room gets loud. It never makes a highlight alone.
type LoudnessRules struct {
	Weight float64 `yaml:"weight"` // of a jump of Full LU or more
	Least  float64 `yaml:"least"`  // LU above the room's median from which it counts
	Full   float64 `yaml:"full"`
}

var groupName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// rules are Rules ready for use.
type rules struct {
	Rules
	folder  *folder
	matcher *matcher
	asked   int // the matcher's group of Comments.Asked
}

// loadRules reads the file at path, or the built-in rules when path is empty. Its errors name file:line, all of them.
func loadRules(path string) (*rules, error) {
	if path == "" {
		return parseRules(defaultRulesName, nil)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 4<<20))
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return parseRules(path, text)
}

// parseRules reads text over the built-in rules.
func parseRules(name string, text []byte) (*rules, error) {
	var r rules
	if err := decodeRules(defaultRulesName, defaultRules, &r.Rules); err != nil {
		return nil, err
	}
	source := faults{name: name, text: text}
	if text == nil {
		source.text = defaultRules
	} else if err := decodeRules(name, text, &r.Rules); err != nil {
		return nil, err
	}
	var err error
	if r.folder, err = newFolder(); err != nil {
		return nil, err
	}
	r.check(&source)
	r.compile(&source)
	if len(source.found) > 0 {
		return nil, domain.Permanent(errors.Join(source.found...))
	}
	return &r, nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
var yamlUnknown = regexp.MustCompile(`^field (\S+) not found in type .*$`)

func decodeRules(name string, text []byte, into *Rules) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err := decoder.Decode(into)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	lines := []string{err.Error()}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		lines = typed.Errors
	}
	var found []error
	for _, line := range lines {
		at, what := "1", line
		if m := yamlLine.FindStringSubmatch(line); m != nil {
			at, what = m[1], m[2]
		}
		if m := yamlUnknown.FindStringSubmatch(what); m != nil {
			what = fmt.Sprintf("unknown key %q", m[1])
		}
		found = append(found, fmt.Errorf("%s:%s: %s", name, at, what))
	}
	return domain.Permanent(errors.Join(found...))
}

// faults collects what is wrong with a rules file, each with its line.
type faults struct {
	name  string
	text  []byte
	root  *yaml.Node
	found []error
}

// add notes a fault at the value that the path of keys and indices leads to, or at as much of it as there is.
func (f *faults) add(path, format string, args ...any) {
	if f.root == nil {
		f.root = &yaml.Node{}
		_ = yaml.Unmarshal(f.text, f.root) // it was decoded before
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
	f.found = append(f.found, fmt.Errorf("%s:%d: %s: %s", f.name, line, path, fmt.Sprintf(format, args...)))
}

func child(node *yaml.Node, key string) *yaml.Node {
	if node.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(key); err == nil && i < len(node.Content) {
			return node.Content[i]
		}
		return nil
	}
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

func (r *Rules) check(f *faults) {
	within := func(path string, v, low, high float64) {
		if !(v >= low && v <= high) {
			f.add(path, "must be between %v and %v, is %v", low, high, v)
		}
	}
	span := func(path string, v, low, high time.Duration) {
		if v < low || v > high {
			f.add(path, "must be between %s and %s, is %s", low, high, v)
		}
	}
	within("threshold", r.Threshold, 0.01, 1)
	span("together", r.Together, 0, time.Minute)
	span("close", r.Close, 0, 10*time.Minute)
	span("apart", r.Apart, r.Close, 10*time.Minute)
	span("window.before", r.Window.Before, 0, time.Minute)
	span("window.reach", r.Window.Reach, r.Window.Before, time.Minute)
	span("window.after", r.Window.After, 0, time.Minute)
	span("window.shortest", r.Window.Shortest, time.Second, 10*time.Minute)
	span("window.longest", r.Window.Longest, max(r.Window.Shortest, r.Window.Reach+r.Window.After), 10*time.Minute)
	within("comments.weight", r.Comments.Weight, 0, 1)
	within("comments.least_users", float64(r.Comments.LeastUsers), 1, 1e6)
	within("comments.least", r.Comments.Least, 0, 1000)
	within("comments.full", r.Comments.Full, r.Comments.Least, 1000)
	span("comments.lag", r.Comments.Lag, 0, time.Minute)
	span("comments.echo", r.Comments.Echo, 0, 5*time.Minute)
	span("comments.greeting", r.Comments.Greeting, 0, time.Hour)
	span("comments.memory", r.Comments.Memory, time.Minute, time.Hour)
	span("comments.settle", r.Comments.Settle, 0, r.Comments.Memory)
	span("comments.grace", r.Comments.Grace, 0, time.Minute)
	span("comments.asked_for", r.Comments.AskedFor, 0, 10*time.Minute)
	within("loudness.least", r.Loudness.Least, 0, 60)
	within("loudness.full", r.Loudness.Full, r.Loudness.Least, 60)
	if !(r.Loudness.Weight >= 0 && r.Loudness.Weight < r.Threshold) {
		f.add("loudness.weight", "must be at least 0 and less than threshold, is %v", r.Loudness.Weight)
	}
	if len(r.Keywords) == 0 {
		f.add("keywords", "must name at least one group")
	}
	names := map[string]bool{}
	for i, g := range r.Keywords {
		path := fmt.Sprintf("keywords.%d", i)
		switch {
		case !groupName.MatchString(g.Name):
			f.add(path+".name", "must be lower-case letters, digits and '_', at most 32, is %.80q", g.Name)
		case names[g.Name]:
			f.add(path+".name", "%q is named twice", g.Name)
		}
		names[g.Name] = true
		if !(g.Weight > 0 && g.Weight <= 1) {
			f.add(path+".weight", "must be above 0 and at most 1, is %v", g.Weight)
		}
		if len(g.Phrases) == 0 {
			f.add(path+".phrases", "must hold at least one phrase")
		}
	}
}

func (r *rules) compile(f *faults) {
	var entries []entry
	read := func(path string, phrases []string, group int, not bool) {
		for i, text := range phrases {
			at := fmt.Sprintf("%s.%d", path, i)
			parsed, err := r.folder.parsePhrases(text)
			if err != nil {
				f.add(at, "%v", err)
			}
			for _, p := range parsed {
				entries = append(entries, entry{p, group, not})
			}
			if len(entries) > mostPhrases {
				f.add(at, "more than %d phrases", mostPhrases)
				return
			}
		}
	}
	for i, g := range r.Keywords {
		read(fmt.Sprintf("keywords.%d.phrases", i), g.Phrases, i, false)
		read(fmt.Sprintf("keywords.%d.not", i), g.Not, i, true)
	}
	r.asked = len(r.Keywords)
	read("comments.asked", r.Comments.Asked, r.asked, false)
	if len(f.found) == 0 {
		r.matcher = newMatcher(entries)
	}
}
