package vod

import (
	"fmt"
	"regexp"
	"time"
)

// Config is the part "publish.vod" of the configuration.
type Config struct {
	Patience       time.Duration `koanf:"patience"` // a reader that takes less than 512 KiB in that time is let go: it would hold a file for ever
	Pace           Pace          `koanf:"pace"`
	Files          int           `koanf:"files"`  // kept open at most, and objects known of a store that has no files
	Heads          int64         `koanf:"heads"`  // bytes of memory for the heads of hot files
	Blocks         int64         `koanf:"blocks"` // bytes of memory for blocks of objects of a store that has no files
	Referer        Referer       `koanf:"referer"`
	Limits         Limits        `koanf:"limits"`
	TrustedProxies []string      `koanf:"trusted_proxies"` // addresses or CIDRs whose X-Forwarded-For is believed
}

// Limits of requests; both are off unless set.
type Limits struct {
	Session Limit `koanf:"session"` // of a signature's session; of CDNs' forms only CloudFront's signs one
	Address Limit `koanf:"address"` // of a client's address, of IPv6 its /64
}

// Defaults lets go who reads slower than 8.5 KiB/s, and lets every page embed.
func Defaults() Config {
	return Config{
		Patience: time.Minute,
		Pace:     Pace{Multiple: 1.5, Head: 2 * time.Second, Unsent: 64 << 10},
		Files:    512, Heads: 32 << 20, Blocks: 256 << 20,
		Referer: Referer{Allow: []string{}, Empty: true}, TrustedProxies: []string{},
	}
}

var hostPattern = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// Faults says what cannot work, a line each.
func (c Config) Faults() []string {
	var faults []string
	if c.Patience < time.Second || c.Patience > time.Hour {
		faults = append(faults, fmt.Sprintf("publish.vod.patience: must be 1s to 1h, is %s", c.Patience))
	}
	if c.Pace.Multiple != 0 && (c.Pace.Multiple < 1 || c.Pace.Multiple > 100) {
		faults = append(faults, fmt.Sprintf("publish.vod.pace.multiple: must be 0 or 1 to 100, is %g", c.Pace.Multiple))
	}
	if c.Pace.Head < 0 || c.Pace.Head > time.Hour {
		faults = append(faults, fmt.Sprintf("publish.vod.pace.head: must be 0s to 1h, is %s", c.Pace.Head))
	}
	if c.Pace.Unsent < 0 || c.Pace.Unsent > 0 && c.Pace.Unsent < 4096 {
		faults = append(faults, fmt.Sprintf("publish.vod.pace.unsent: must be 0 or at least 4096, is %d", c.Pace.Unsent))
	}
	if c.Files < 1 {
		faults = append(faults, fmt.Sprintf("publish.vod.files: must be at least 1, is %d", c.Files))
	}
	if c.Heads < 0 {
		faults = append(faults, fmt.Sprintf("publish.vod.heads: must not be negative, is %d", c.Heads))
	}
	if c.Blocks < blockSize {
		faults = append(faults, fmt.Sprintf("publish.vod.blocks: must be at least %d, is %d", blockSize, c.Blocks))
	}
	for i, host := range c.Referer.Allow {
		if !hostPattern.MatchString(host) {
			faults = append(faults, fmt.Sprintf("publish.vod.referer.allow[%d]: must be a host in lower case, or *. and a host, is %q", i, host))
		}
	}
	faults = append(faults, c.Limits.Session.faults("session")...)
	faults = append(faults, c.Limits.Address.faults("address")...)
	if _, err := parseProxies(c.TrustedProxies); err != nil {
		faults = append(faults, fmt.Sprintf("publish.vod.trusted_proxies: %s", err))
	}
	return faults
}
