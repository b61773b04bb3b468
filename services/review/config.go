package review

import (
	"fmt"
	"slices"
	"time"

	"liveclip/internal/wordlist"
)

// Config is the part "review" of the configuration.
type Config struct {
	Workers       int           `koanf:"workers"`     // clips finished at once
	Waiting       int           `koanf:"waiting"`     // clips taken up beside them, that wait for a place or for their windows; costs next to nothing
	Load          []LoadStep    `koanf:"load"`        // what is given up when much is to be finished at once
	Warm          int           `koanf:"warm"`        // finishers started ahead: each saves a clip 60 ms and holds about 33 MB
	WarmCopies    int           `koanf:"warm_copies"` // the same for lossless cuts
	Moderators    int           `koanf:"moderators"`  // clips waited for to be heard, at once; costs next to nothing
	MaxRetry      int           `koanf:"max_retry"`   // attempts after the first
	Timeout       time.Duration `koanf:"timeout"`     // of one attempt, the wait for the window's end included
	Drain         time.Duration `koanf:"drain"`       // how long clips in hand may take at shutdown
	Sweep         time.Duration `koanf:"sweep"`       // a step that never came for so long is taken up again
	Work          string        `koanf:"work"`        // folder for files in the making; empty: the temporary folder
	Preset        string        `koanf:"preset"`      // of libx264
	Font          string        `koanf:"font"`        // font file with Chinese in it; empty: one is looked for
	Faces         FacesConfig   `koanf:"faces"`
	Watermark     string        `koanf:"watermark"`      // text in the profiles that ask for it; empty: none
	Producer      string        `koanf:"producer"`       // ContentProducer of the implicit AI label
	SubtitlesWait time.Duration `koanf:"subtitles_wait"` // for words, after the window was recorded; then the clip goes without
	Lists         []string      `koanf:"lists"`          // YAML files with word lists; one of a shipped name replaces it
	Spoken        string        `koanf:"spoken"`         // severity of absolute terms in what was said: person or note
	Unheard       string        `koanf:"unheard"`        // severity of speech in a clip that nobody heard: person or note; a note where the room's operator wants it heard by nobody
}

var presets = []string{"ultrafast", "superfast", "veryfast", "faster", "fast", "medium"}

// Defaults suit two cores.
func Defaults() Config {
	return Config{
		Workers: 4,
		Waiting: 64,
		Load: []LoadStep{ // veryfast costs 0.29 cores a clip that is followed, superfast 0.2, ultrafast 0.1
			{Running: 4, Preset: "superfast"},
			{Backlog: 20 * time.Second, Preset: "superfast"},
			{Behind: 3 * time.Second, Preset: "superfast"},
			{Running: 6, Preset: "ultrafast"},
			{Behind: 8 * time.Second, Preset: "ultrafast"},
		},
		Warm:          1,
		Moderators:    64,
		MaxRetry:      8, // two minutes: longer than a store is usually away
		Timeout:       20 * time.Minute,
		Drain:         10 * time.Second,
		Sweep:         15 * time.Second,
		Preset:        "veryfast",
		Watermark:     "liveclip",
		Producer:      "liveclip",
		SubtitlesWait: 30 * time.Second, // longer than a source that left may take to rejoin
		Spoken:        wordlist.Person,
		Unheard:       wordlist.Person,
	}
}

// Faults lists everything that is wrong with c.
func (c Config) Faults() []string {
	var faults []string
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	fault(c.Workers < 1, "review.workers: must be at least 1, is %d", c.Workers)
	fault(c.Warm < 0 || c.Warm > 16, "review.warm: must be 0 to 16, is %d", c.Warm)
	fault(c.WarmCopies < 0 || c.WarmCopies > 16, "review.warm_copies: must be 0 to 16, is %d", c.WarmCopies)
	fault(c.Waiting < 0, "review.waiting: must not be negative, is %d", c.Waiting)
	for i, step := range c.Load {
		faults = append(faults, step.fault(fmt.Sprintf("review.load[%d]", i))...)
	}
	fault(c.Moderators < 1, "review.moderators: must be at least 1, is %d", c.Moderators)
	fault(c.MaxRetry < 1, "review.max_retry: must be at least 1, is %d", c.MaxRetry)
	fault(c.Timeout <= 0, "review.timeout: must be positive, is %v", c.Timeout)
	fault(c.Drain <= 0, "review.drain: must be positive, is %v", c.Drain)
	fault(c.Sweep <= 0, "review.sweep: must be positive, is %v", c.Sweep)
	fault(!slices.Contains(presets, c.Preset), "review.preset: must be one of %v, is %q", presets, c.Preset)
	fault(len([]rune(c.Watermark)) > 40, "review.watermark: must be at most 40 characters, is %d", len([]rune(c.Watermark)))
	fault(c.Producer == "", "review.producer: must name who makes the clips")
	fault(c.SubtitlesWait <= 0, "review.subtitles_wait: must be positive, is %v", c.SubtitlesWait)
	fault(c.Spoken != wordlist.Person && c.Spoken != wordlist.Note, "review.spoken: must be person or note, is %q", c.Spoken)
	fault(c.Unheard != wordlist.Person && c.Unheard != wordlist.Note, "review.unheard: must be person or note, is %q", c.Unheard)
	faults = append(faults, c.Faces.faults()...)
	if _, err := wordlist.Load(c.Lists, wordlist.Person); err != nil {
		faults = append(faults, fmt.Sprintf("review.lists: %v", err))
	}
	return faults
}
