package t2v

import (
	"fmt"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/schedule"
)

// Config is the part "t2v" of the configuration.
type Config struct {
	Workers   int              `koanf:"workers"`   // shots drawn or looked at on this machine at once
	Warm      int              `koanf:"warm"`      // children that draw, started ahead: each saves a shot 60 ms and holds about 33 MB
	Waiting   int              `koanf:"waiting"`   // plans taken up beside them, that wait for an engine; costs next to nothing
	MaxRetry  int              `koanf:"max_retry"` // attempts after the first before a shot that fails for a while is left out
	Timeout   time.Duration    `koanf:"timeout"`   // of one attempt at all shots of a plan
	Drain     time.Duration    `koanf:"drain"`     // how long shots in hand may take at shutdown
	Sweep     time.Duration    `koanf:"sweep"`     // a plan without a cut for so long is taken up again
	Cache     string           `koanf:"cache"`     // folder of pre-rendered template bases; empty: in the temporary folder
	Work      string           `koanf:"work"`      // folder for files in the making; empty: the temporary folder
	Font      string           `koanf:"font"`      // font file of template texts, with Chinese in it; empty: one is looked for
	Templates []string         `koanf:"templates"` // YAML files with further templates; one of a shipped name replaces it
	Draw      DrawConfig       `koanf:"draw"`      // how template shots look and sound
	Gate      GateConfig       `koanf:"gate"`      // what generated shots have to be like
	Fresh     FreshConfig      `koanf:"fresh"`     // how long generated shots are of use
	Policy    string           `koanf:"policy"`    // YAML file of tiers, and of how quality is given up; its tiers replace shipped ones
	Engine    engines.Config   `koanf:"engine"`    // the one engine, or what t2v.engines have in common
	Engines   []engines.Config `koanf:"engines"`   // several; what is zero in one is as in t2v.engine
}

// FreshConfig is how long after a plan was made its generated shots are of use; then they give way to footage.
type FreshConfig struct {
	Live   time.Duration `koanf:"live"`
	Manual time.Duration `koanf:"manual"`
	Batch  time.Duration `koanf:"batch"`
}

// until is when a plan's moment is stale.
func (f FreshConfig) until(e event.Envelope) time.Time {
	switch e.Lane {
	case domain.LaneBatch:
		return e.Wall.Add(f.Batch)
	case domain.LaneManual:
		return e.Wall.Add(f.Manual)
	}
	return e.Wall.Add(f.Live)
}

// Defaults need no engine.
func Defaults() Config {
	return Config{
		Workers:  2,
		Warm:     1,
		Waiting:  64,
		MaxRetry: 3,
		Timeout:  10 * time.Minute,
		Drain:    10 * time.Second,
		Sweep:    15 * time.Second,
		Fresh:    FreshConfig{Live: 45 * time.Second, Manual: 5 * time.Minute, Batch: 6 * time.Hour},
		Draw:     drawDefaults(),
		Gate:     gateDefaults(),
		Engine:   engines.Defaults(),
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
	fault(c.Workers < 1, "t2v.workers: must be at least 1, is %d", c.Workers)
	fault(c.Warm < 0 || c.Warm > 16, "t2v.warm: must be 0 to 16, is %d", c.Warm)
	fault(c.Waiting < 0, "t2v.waiting: must not be negative, is %d", c.Waiting)
	fault(c.MaxRetry < 1, "t2v.max_retry: must be at least 1, is %d", c.MaxRetry)
	fault(c.Timeout <= 0, "t2v.timeout: must be positive, is %v", c.Timeout)
	fault(c.Drain <= 0, "t2v.drain: must be positive, is %v", c.Drain)
	fault(c.Sweep <= 0, "t2v.sweep: must be positive, is %v", c.Sweep)
	fault(c.Fresh.Live <= 0 || c.Fresh.Manual <= 0 || c.Fresh.Batch <= 0, "t2v.fresh: live, manual and batch must be positive")
	if _, err := schedule.LoadPolicy(c.Policy); err != nil {
		faults = append(faults, fmt.Sprintf("t2v.policy: %v", err))
	}
	faults = append(faults, c.engineFaults()...)
	faults = append(faults, c.Draw.faults()...)
	faults = append(faults, c.Gate.faults()...)
	if _, err := loadLibrary(c.Templates); err != nil {
		faults = append(faults, fmt.Sprintf("t2v.templates: %v", err))
	}
	return faults
}

// Generators lists what generates: t2v.engines, else t2v.engine where it has an address.
func (c Config) Generators() []engines.Config {
	all := c.Engines
	if len(all) == 0 && c.Engine.Configured() {
		all = []engines.Config{c.Engine}
	}
	named := make([]engines.Config, 0, len(all))
	for _, e := range all {
		named = append(named, e.Over(c.Engine))
	}
	return named
}

func (c Config) engineFaults() []string {
	faults := c.Engine.Faults("t2v.engine")
	seen := map[string]bool{}
	for i, e := range c.Generators() {
		where := fmt.Sprintf("t2v.engines[%d]", i)
		if len(c.Engines) > 0 {
			faults = append(faults, e.Faults(where)...)
			if !e.Configured() {
				faults = append(faults, where+".address: must be given")
			}
		}
		if seen[e.Name] {
			faults = append(faults, fmt.Sprintf("%s.name: %q is another's too", where, e.Name))
		}
		seen[e.Name] = true
		if e.Timeout >= c.Timeout {
			faults = append(faults, fmt.Sprintf("%s.timeout: must be less than t2v.timeout, %v, is %v", where, c.Timeout, e.Timeout))
		}
	}
	return faults
}
