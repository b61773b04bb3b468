package publish

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"time"

	"liveclip/internal/sign"
	"liveclip/services/publish/vod"
)

// Config is the part "publish" of the configuration.
type Config struct {
	URL          string        `koanf:"url"`      // where viewers and platforms reach the VOD path: "https://vod.example.com"
	LinkTTL      time.Duration `koanf:"link_ttl"` // how long links given to destinations hold
	Destinations []Destination `koanf:"destinations"`
	AllowPrivate bool          `koanf:"allow_private"` // webhooks may lie on private addresses
	Workers      int           `koanf:"workers"`       // pushes at once
	Timeout      time.Duration `koanf:"timeout"`       // of one call
	Attempts     int           `koanf:"attempts"`      // calls of one publication, at most
	CDN          []sign.CDN    `koanf:"cdn"`           // before the VOD path
	Log          LogConfig     `koanf:"log"`           // of deliveries
	VOD          vod.Config    `koanf:"vod"`
}

// LogConfig says where deliveries are written as lines of JSON, like a CDN's log.
type LogConfig struct {
	Path  string `koanf:"path"`  // empty: nowhere. Older files lie beside it with .1, .2 and so on
	Bytes int64  `koanf:"bytes"` // of one file
	Files int    `koanf:"files"` // older ones that are kept
}

// Destination is where clips are pushed to.
type Destination struct {
	Name    string `koanf:"name"`
	Kind    string `koanf:"kind"` // "folder", "webhook" or "cdn"
	Path    string `koanf:"path"` // folder
	URL     string `koanf:"url"`  // webhook; cdn: what purges
	Secret  string `koanf:"secret"`
	Profile string `koanf:"profile"` // which rendition; empty: the first
	CDN     string `koanf:"cdn"`     // its name in publish.cdn; webhook: links lead through it; empty: to the VOD path itself
	Manual  bool   `koanf:"manual"`  // only the clips that a person sends there
}

const (
	kindFolder  = "folder"
	kindWebhook = "webhook"
	kindCDN     = "cdn"
)

// Defaults pushes nowhere.
func Defaults() Config {
	return Config{
		URL:      "http://127.0.0.1:8080",
		LinkTTL:  7 * 24 * time.Hour,
		Workers:  4,
		Timeout:  30 * time.Second,
		Attempts: 8,
		CDN:      []sign.CDN{},
		Log:      LogConfig{Bytes: 100 << 20, Files: 9},
		VOD:      vod.Defaults(),
	}
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// Faults says what cannot work, a line each.
func (c Config) Faults() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !isWeb(c.URL) {
		fault("publish.url: must be an http or https URL, is %q", c.URL)
	}
	if c.LinkTTL < time.Minute {
		fault("publish.link_ttl: must be at least 1m, is %s", c.LinkTTL)
	}
	if c.Workers < 1 {
		fault("publish.workers: must be at least 1, is %d", c.Workers)
	}
	if c.Timeout < time.Second || c.Timeout > 10*time.Minute {
		fault("publish.timeout: must be 1s to 10m, is %s", c.Timeout)
	}
	if c.Attempts < 1 || c.Attempts > 50 {
		fault("publish.attempts: must be 1 to 50, is %d", c.Attempts)
	}
	if c.Log.Path != "" && (c.Log.Bytes < 1<<16 || c.Log.Files < 0) {
		fault("publish.log: bytes must be at least 65536 and files not negative, are %d and %d", c.Log.Bytes, c.Log.Files)
	}
	faults = append(faults, c.VOD.Faults()...)
	for i, cdn := range c.CDN {
		if c.VOD.Limits.Session.Rate > 0 && !cdn.Form.SignsSession() {
			fault("publish.vod.limits.session: must be 0 while publish.cdn[%d] is of the form %q: its signatures cover no session, so whoever comes through it would choose one", i, cdn.Form)
		}
	}
	seen := map[string]bool{}
	for i, d := range c.Destinations {
		if !namePattern.MatchString(d.Name) {
			fault("publish.destinations[%d].name: must be 1 to 40 lower-case letters, digits, '_' or '-', is %q", i, d.Name)
		}
		if seen[d.Name] {
			fault("publish.destinations[%d].name: %q is taken already", i, d.Name)
		}
		seen[d.Name] = true
		switch {
		case d.Kind == kindFolder && !filepath.IsAbs(d.Path):
			fault("publish.destinations[%d].path: must be an absolute path, is %q", i, d.Path)
		case d.calls() && !isWeb(d.URL):
			fault("publish.destinations[%d].url: must be an http or https URL", i)
		case d.calls() && len(d.Secret) < 16:
			fault("publish.destinations[%d].secret: must have at least 16 bytes, has %d", i, len(d.Secret))
		case (d.Kind == kindCDN || d.CDN != "") && c.cdn(d.CDN).Name == "":
			fault("publish.destinations[%d].cdn: must be one of publish.cdn, is %q", i, d.CDN)
		case d.Kind == kindCDN && d.Manual:
			fault("publish.destinations[%d].manual: must be false: a CDN may have every clip, and so hears of every withdrawal", i)
		case d.Kind != kindFolder && !d.calls():
			fault("publish.destinations[%d].kind: must be %q, %q or %q, is %q", i, kindFolder, kindWebhook, kindCDN, d.Kind)
		}
	}
	return append(faults, c.CDNFaults()...)
}

// ByHand names the destinations that a person chooses.
func (c Config) ByHand() (names []string) {
	for _, d := range c.Destinations {
		if d.Manual {
			names = append(names, d.Name)
		}
	}
	return names
}

// calls reports that the destination is reached by calling its URL.
func (d Destination) calls() bool { return d.Kind == kindWebhook || d.Kind == kindCDN }

// cdn is the one of that name; the zero CDN: there is none.
func (c Config) cdn(name string) sign.CDN {
	for _, cdn := range c.CDN {
		if cdn.Name == name {
			return cdn
		}
	}
	return sign.CDN{}
}

// CDNFaults are those of the CDNs, whose URLs ops gives, too.
func (c Config) CDNFaults() []string {
	var faults []string
	seen := map[string]bool{}
	for i, cdn := range c.CDN {
		name := fmt.Sprintf("publish.cdn[%d]", i)
		faults = append(faults, cdn.Faults(name)...)
		if seen[cdn.Name] {
			faults = append(faults, fmt.Sprintf("%s.name: %q is taken already", name, cdn.Name))
		}
		seen[cdn.Name] = true
	}
	return faults
}

func isWeb(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}
