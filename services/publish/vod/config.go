package vod

import (
	"fmt"
	"regexp"
	"time"
)

// Config is the part "publish.vod" of the configuration.
type Config struct {
	Patience       time.Duration `koanf:"patience"` // a reader that takes less than 512 KiB in that time is let go: it would hold a file for ever
	Referer        Referer       `koanf:"referer"`
	Limits         Limits        `koanf:"limits"`
	TrustedProxies []string      `koanf:"trusted_proxies"` // addresses or CIDRs whose X-Forwarded-For is believed
}

// Limits of requests; both are off unless set.
type Limits struct {
	Session Limit `koanf:"session"` // of a signature's session
	Address Limit `koanf:"address"` // of a client's address, of IPv6 its /64
}

// Defaults lets go who reads slower than 8.5 KiB/s, and lets every page embed.
func Defaults() Config {
	return Config{Patience: time.Minute, Referer: Referer{Allow: []string{}, Empty: true}, TrustedProxies: []string{}}
}

var hostPattern = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// Faults says what cannot work, a line each.
func (c Config) Faults() []string {
	var faults []string
	if c.Patience < time.Second || c.Patience > time.Hour {
		faults = append(faults, fmt.Sprintf("publish.vod.patience: must be 1s to 1h, is %s", c.Patience))
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
