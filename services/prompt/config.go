package prompt

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/tune"
)

// Config is the part "prompt" of the configuration.
type Config struct {
	Templates      string            `koanf:"templates"`       // YAML file with the library; empty: the built-in one
	Template       string            `koanf:"template"`        // of generated shots; empty: the first of the room's language
	Opening        string            `koanf:"opening"`         // template that opens every clip, or auto: by its kind; empty: none
	Openings       map[string]string `koanf:"openings"`        // by kind of highlight ("manual": asked for): a template, or none, before opening
	OpeningLength  time.Duration     `koanf:"opening_length"`  // how long it lasts
	Generate       bool              `koanf:"generate"`        // a generated shot before the footage
	GenerateLength time.Duration     `koanf:"generate_length"` // how long it lasts
	Vertical       bool              `koanf:"vertical"`        // a 9:16 rendition of every clip, too, that follows who speaks
	Longest        time.Duration     `koanf:"longest"`         // window that may be asked for
	Joint          domain.Joint      `koanf:"joint"`           // between opening, shots and footage: empty (a cut), dissolve, wipe
	Music          string            `koanf:"music"`           // bed under clips: bright, calm, drive; empty: none
	For            string            `koanf:"for"`             // kind of engine that prompts are written for: own, videos, dashscope
	Tier           string            `koanf:"tier"`            // of generated shots: standard, pro, ultra
	Engine         string            `koanf:"engine"`          // wished for by its name; empty: any
	Model          ModelConfig       `koanf:"model"`           // words generated shots
	Lists          []string          `koanf:"lists"`           // files of word lists, as review.lists
	Forbidden      []string          `koanf:"forbidden"`       // files of lists of what must not be generated
	Mode           domain.Mode       `koanf:"mode"`            // of every clip that no other was asked for: empty, or "copy" for lossless cuts
}

// Defaults show the footage and nothing else.
func Defaults() Config {
	return Config{
		OpeningLength: 3 * time.Second, GenerateLength: 4 * time.Second, Longest: 10 * time.Minute, Openings: map[string]string{},
		Joint: domain.JointDissolve, For: "own", Tier: "standard", Model: ModelConfig{Timeout: 800 * time.Millisecond},
	}
}

// Faults lists everything that is wrong with c, the library included.
func (c Config) Faults() []string {
	var faults []string
	span := func(name string, v, low, high time.Duration) {
		if v < low || v > high {
			faults = append(faults, fmt.Sprintf("prompt.%s: must be between %s and %s, is %s", name, low, high, v))
		}
	}
	span("opening_length", c.OpeningLength, 500*time.Millisecond, 10*time.Second)
	span("generate_length", c.GenerateLength, time.Second, 30*time.Second)
	span("longest", c.Longest, time.Second, 24*time.Hour)
	if !c.Mode.Known() {
		faults = append(faults, fmt.Sprintf("prompt.mode: must be empty or %q, is %.40q", domain.ModeCopy, c.Mode))
	}
	if !c.Joint.Known() {
		faults = append(faults, fmt.Sprintf("prompt.joint: must be empty, dissolve or wipe, is %.40q", c.Joint))
	}
	if c.Music != "" && !slices.Contains(tune.Beds(), c.Music) {
		faults = append(faults, fmt.Sprintf("prompt.music: must be empty or one of %v, is %.40q", tune.Beds(), c.Music))
	}
	if !slices.Contains([]string{"standard", "pro", "ultra"}, c.Tier) {
		faults = append(faults, fmt.Sprintf("prompt.tier: must be standard, pro or ultra, is %.40q", c.Tier))
	}
	span("model.timeout", c.Model.Timeout, 50*time.Millisecond, 10*time.Second)
	if u, err := url.Parse(c.Model.URL); c.Model.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		faults = append(faults, "prompt.model.url: must be an http or https URL")
	}
	if c.Model.URL != "" && c.Model.Name == "" {
		faults = append(faults, "prompt.model.name: must name the model that prompt.model.url serves")
	}
	if _, err := newGuard(c); err != nil {
		faults = append(faults, err.Error())
	}
	l, err := loadLibrary(c.Templates)
	if err != nil {
		for fault := range strings.SplitSeq(err.Error(), "\n") {
			faults = append(faults, "prompt.templates: "+fault)
		}
		return faults
	}
	if _, ok := l.openings[c.Opening]; c.Opening != "" && c.Opening != openingAuto && c.Opening != domain.OpeningNone && !ok {
		faults = append(faults, fmt.Sprintf("prompt.opening: the library has no opening %.80q", c.Opening))
	}
	for kind, name := range c.Openings {
		if _, ok := l.openings[name]; name != domain.OpeningNone && !ok {
			faults = append(faults, fmt.Sprintf("prompt.openings.%.40s: the library has no opening %.80q", kind, name))
		}
	}
	if _, ok := l.limits[c.For]; !ok {
		faults = append(faults, fmt.Sprintf("prompt.for: the library has no limits for %.40q", c.For))
	}
	named := func(p prompt) bool { return p.name == c.Template }
	if c.Template != "" && !slices.ContainsFunc(l.prompts, named) {
		faults = append(faults, fmt.Sprintf("prompt.template: the library has no template %.80q", c.Template))
	}
	return faults
}
