package t2v

import (
	"fmt"
	"time"
)

// Config is the part "t2v" of the configuration.
type Config struct {
	Workers   int           `koanf:"workers"`   // plans with shots to make at once
	MaxRetry  int           `koanf:"max_retry"` // attempts after the first before a shot that fails for a while is left out
	Timeout   time.Duration `koanf:"timeout"`   // of one attempt at all shots of a plan
	Drain     time.Duration `koanf:"drain"`     // how long shots in hand may take at shutdown
	Sweep     time.Duration `koanf:"sweep"`     // a plan without a cut for so long is taken up again
	Cache     string        `koanf:"cache"`     // folder of pre-rendered template bases; empty: in the temporary folder
	Work      string        `koanf:"work"`      // folder for files in the making; empty: the temporary folder
	Font      string        `koanf:"font"`      // font file of template texts, with Chinese in it; empty: one is looked for
	Templates []string      `koanf:"templates"` // YAML files with further templates; one of a shipped name replaces it
	Engine    EngineConfig  `koanf:"engine"`
}

// EngineConfig is the part "t2v.engine" of the configuration: the text-to-video engine behind proto/engine/v1.
type EngineConfig struct {
	Address   string        `koanf:"address"`    // host:port; empty: none, generated shots fall back to footage
	Model     string        `koanf:"model"`      // empty: the engine's default
	Steps     int           `koanf:"steps"`      // 0: the model's own
	FrameRate float64       `koanf:"frame_rate"` // asked of the engine
	Timeout   time.Duration `koanf:"timeout"`    // of one whole shot
	Idle      time.Duration `koanf:"idle"`       // without a message from the engine
	MaxBytes  int64         `koanf:"max_bytes"`  // of one shot
}

// Defaults need no engine.
func Defaults() Config {
	return Config{
		Workers:  2,
		MaxRetry: 3,
		Timeout:  5 * time.Minute,
		Drain:    10 * time.Second,
		Sweep:    15 * time.Second,
		Engine: EngineConfig{
			FrameRate: 16,
			Timeout:   60 * time.Second,
			Idle:      20 * time.Second,
			MaxBytes:  256 << 20,
		},
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
	fault(c.MaxRetry < 1, "t2v.max_retry: must be at least 1, is %d", c.MaxRetry)
	fault(c.Timeout <= 0, "t2v.timeout: must be positive, is %v", c.Timeout)
	fault(c.Drain <= 0, "t2v.drain: must be positive, is %v", c.Drain)
	fault(c.Sweep <= 0, "t2v.sweep: must be positive, is %v", c.Sweep)
	fault(c.Engine.Steps < 0, "t2v.engine.steps: must not be negative, is %d", c.Engine.Steps)
	fault(c.Engine.FrameRate < 1 || c.Engine.FrameRate > 120, "t2v.engine.frame_rate: must be 1 to 120, is %g", c.Engine.FrameRate)
	fault(c.Engine.Timeout <= 0, "t2v.engine.timeout: must be positive, is %v", c.Engine.Timeout)
	fault(c.Engine.Idle <= 0, "t2v.engine.idle: must be positive, is %v", c.Engine.Idle)
	fault(c.Engine.MaxBytes < 1, "t2v.engine.max_bytes: must be at least 1, is %d", c.Engine.MaxBytes)
	if _, err := loadLibrary(c.Templates); err != nil {
		faults = append(faults, fmt.Sprintf("t2v.templates: %v", err))
	}
	return faults
}
