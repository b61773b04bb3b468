package detect

import (
	_ "embed"
	"fmt"
	"regexp"
	"time"

	"liveclip/internal/strictyaml"
)

//go:embed rules/default.yaml
var defaultRules []byte

// defaultRulesName stands for the built-in file in faults.
const defaultRulesName = "built-in rules"

// Spec is what a rules file says: what a moment is. A file need not name what it does not change; `keywords`, where given, replaces all groups.
type Spec struct {
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

// Rules are a Spec ready for use.
type Rules struct {
	Spec
	folder  *folder
	matcher *matcher
	asked   int // the matcher's group of Comments.Asked
}

// LoadRules reads the file at path, or the built-in rules when path is empty. Its errors name file:line, all of them.
func LoadRules(path string) (*Rules, error) {
	folder, err := newFolder()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return parseRules(folder, nil)
	}
	file, err := strictyaml.Open(path)
	if err != nil {
		return nil, err
	}
	return parseRules(folder, file)
}

// parseRules reads the file over the built-in rules; nil: none.
func parseRules(folder *folder, file *strictyaml.File) (*Rules, error) {
	r := Rules{folder: folder}
	base := strictyaml.New(defaultRulesName, defaultRules)
	if err := base.Decode(&r.Spec); err != nil {
		return nil, err
	}
	if file == nil {
		file = base
	} else if err := file.Decode(&r.Spec); err != nil {
		return nil, err
	}
	r.check(file)
	entries := r.entries(file)
	if err := file.Err(); err != nil {
		return nil, err
	}
	r.matcher = newMatcher(entries)
	return &r, nil
}

func (r *Spec) check(f *strictyaml.File) {
	within := func(path string, v, low, high float64) {
		if !(v >= low && v <= high) {
			f.Fault(path, "must be between %v and %v, is %v", low, high, v)
		}
	}
	span := func(path string, v, low, high time.Duration) {
		if v < low || v > high {
			f.Fault(path, "must be between %s and %s, is %s", low, high, v)
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
		f.Fault("loudness.weight", "must be at least 0 and less than threshold, is %v", r.Loudness.Weight)
	}
	if len(r.Keywords) == 0 {
		f.Fault("keywords", "must name at least one group")
	}
	names := map[string]bool{}
	for i, g := range r.Keywords {
		path := fmt.Sprintf("keywords.%d", i)
		switch {
		case !groupName.MatchString(g.Name):
			f.Fault(path+".name", "must be lower-case letters, digits and '_', at most 32, is %.80q", g.Name)
		case names[g.Name]:
			f.Fault(path+".name", "%q is named twice", g.Name)
		}
		names[g.Name] = true
		if !(g.Weight > 0 && g.Weight <= 1) {
			f.Fault(path+".weight", "must be above 0 and at most 1, is %v", g.Weight)
		}
		if len(g.Phrases) == 0 {
			f.Fault(path+".phrases", "must hold at least one phrase")
		}
	}
}

// entries reads every phrase.
func (r *Rules) entries(f *strictyaml.File) []entry {
	var entries []entry
	read := func(path string, phrases []string, group int, not bool) {
		for i, text := range phrases {
			at := fmt.Sprintf("%s.%d", path, i)
			parsed, err := r.folder.parsePhrases(text)
			if err != nil {
				f.Fault(at, "%v", err)
			}
			for _, p := range parsed {
				entries = append(entries, entry{p, group, not})
			}
			if len(entries) > mostPhrases {
				f.Fault(at, "more than %d phrases", mostPhrases)
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
	return entries
}
