package prompt

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
)

// Config is the part "prompt" of the configuration.
type Config struct {
	Templates      string        `koanf:"templates"`       // YAML file with the library; empty: the built-in one
	Template       string        `koanf:"template"`        // of generated shots; empty: the first of the room's language
	Opening        string        `koanf:"opening"`         // template that opens every clip; empty: none
	OpeningLength  time.Duration `koanf:"opening_length"`  // how long it lasts
	Generate       bool          `koanf:"generate"`        // a generated shot before the footage
	GenerateLength time.Duration `koanf:"generate_length"` // how long it lasts
	Vertical       bool          `koanf:"vertical"`        // a 9:16 rendition of every clip, too, that follows who speaks
	Longest        time.Duration `koanf:"longest"`         // window that may be asked for
	Mode           domain.Mode   `koanf:"mode"`            // of every clip that no other was asked for: empty, or "copy" for lossless cuts
}

// Defaults show the footage and nothing else.
func Defaults() Config {
	return Config{OpeningLength: 2 * time.Second, GenerateLength: 4 * time.Second, Longest: 10 * time.Minute}
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
	l, err := loadLibrary(c.Templates)
	if err != nil {
		for fault := range strings.SplitSeq(err.Error(), "\n") {
			faults = append(faults, "prompt.templates: "+fault)
		}
		return faults
	}
	if _, ok := l.openings[c.Opening]; c.Opening != "" && !ok {
		faults = append(faults, fmt.Sprintf("prompt.opening: the library has no opening %.80q", c.Opening))
	}
	named := func(p prompt) bool { return p.name == c.Template }
	if c.Template != "" && !slices.ContainsFunc(l.prompts, named) {
		faults = append(faults, fmt.Sprintf("prompt.template: the library has no template %.80q", c.Template))
	}
	return faults
}
