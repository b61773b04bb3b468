package vod

import (
	"fmt"
	"time"
)

// Config is the part "publish.vod" of the configuration.
type Config struct {
	Patience time.Duration `koanf:"patience"` // a reader that takes less than 512 KiB in that time is let go: it would hold a file for ever
}

// Defaults lets go who reads slower than 8.5 KiB/s.
func Defaults() Config {
	return Config{Patience: time.Minute}
}

// Faults says what cannot work, a line each.
func (c Config) Faults() []string {
	var faults []string
	if c.Patience < time.Second || c.Patience > time.Hour {
		faults = append(faults, fmt.Sprintf("publish.vod.patience: must be 1s to 1h, is %s", c.Patience))
	}
	return faults
}
