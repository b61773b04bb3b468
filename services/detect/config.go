package detect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Config is the part "detect" of the configuration.
type Config struct {
	Rules  string `koanf:"rules"`  // YAML file that says what a moment is, read again when it changes; empty: the built-in rules
	Preset string `koanf:"preset"` // of every room: beauty, electronics, fashion, food, sports, talk; empty: by its context's category
	Group  string `koanf:"group"`  // Kafka group, and name of the kept state; another one reads everything again
}

// Defaults use the built-in rules.
func Defaults() Config { return Config{Group: "detect"} }

var groupPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Faults lists everything that is wrong with c, the rules file included.
func (c Config) Faults() []string {
	var faults []string
	if !groupPattern.MatchString(c.Group) {
		faults = append(faults, fmt.Sprintf("detect.group: must be 1 to 64 letters, digits, '_' or '-', is %.80q", c.Group))
	}
	if _, err := LoadBook(c.Rules, ""); err != nil {
		for fault := range strings.SplitSeq(err.Error(), "\n") {
			faults = append(faults, "detect.rules: "+fault)
		}
	}
	if c.Preset != "" && !slices.Contains(PresetNames(), c.Preset) {
		faults = append(faults, fmt.Sprintf("detect.preset: must be one of %s, is %.40q", strings.Join(PresetNames(), ", "), c.Preset))
	}
	return faults
}
