package ops

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"liveclip/internal/domain"
)

// Config is the part "ops" of the configuration.
type Config struct {
	Tokens         []Token       `koanf:"tokens"`
	SourceTemplate string        `koanf:"source_template"` // of a stream attached without a source: rtmp://origin/live/{stream_id}
	AllowPrivate   bool          `koanf:"allow_private"`   // sources on private addresses
	BatchRoot      string        `koanf:"batch_root"`      // folder whose files may be sources; empty: none
	VODURL         string        `koanf:"vod_url"`         // before /vod/…; empty: this server's own
	VODExpiry      time.Duration `koanf:"vod_expiry"`      // of signed URLs
	ClipMax        time.Duration `koanf:"clip_max"`        // longest manual clip
	ClipAhead      time.Duration `koanf:"clip_ahead"`      // how far a manual clip may reach into the future
	BodyLimit      int64         `koanf:"body_limit"`      // bytes
	UserSecret     string        `koanf:"user_secret"`     // keys the hash of people's IDs; empty: made from the signing key
	KeepClips      time.Duration `koanf:"keep_clips"`      // in the views
	EventClients   int           `koanf:"event_clients"`   // clients of /v1/events at once
	Hooks          Hooks         `koanf:"hooks"`
	Receivers      []Receiver    `koanf:"receivers"`      // of platforms' own callbacks
	AudienceTopic  string        `koanf:"audience_topic"` // Kafka topic of others, whose JSON messages are audience signals; empty: none
}

// Token is a bearer token: itself, or only its hash.
type Token struct {
	Token       string `koanf:"token"`
	TokenSHA256 string `koanf:"token_sha256"` // hex
	Name        string `koanf:"name"`         // of its holder, as shown in verdicts
	Role        string `koanf:"role"`         // viewer, operator, admin, or hook
	Tenant      string `koanf:"tenant"`       // default: "default"
}

// Hooks are where media servers that call back are pulled from; {server} is the caller's address, {app}, {stream}, {vhost}
// and {path} are what its callback names.
type Hooks struct {
	SRS       string        `koanf:"srs"`
	NginxRTMP string        `koanf:"nginx_rtmp"`
	MediaMTX  string        `koanf:"mediamtx"`
	Grace     time.Duration `koanf:"grace"` // a publisher that left may come back within it before its stream is detached
}

// Defaults are what an installation needs not say.
func Defaults() Config {
	return Config{
		VODExpiry:    24 * time.Hour,
		ClipMax:      10 * time.Minute,
		ClipAhead:    2 * time.Minute, // a clip that waits for its window holds a finisher
		BodyLimit:    1 << 20,
		KeepClips:    30 * 24 * time.Hour,
		EventClients: 200,
		Hooks: Hooks{
			SRS:       "rtmp://{server}/{app}/{stream}",
			NginxRTMP: "rtmp://{server}/{app}/{stream}",
			MediaMTX:  "rtmp://{server}/{path}",
			Grace:     20 * time.Second,
		},
	}
}

// Faults tells what is wrong with the configuration, a line each.
func (c Config) Faults() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf("ops."+format, args...)) }
	for i, t := range c.Tokens {
		for _, f := range t.faults() {
			fault("tokens[%d].%s", i, f)
		}
	}
	for name, template := range map[string]string{
		"source_template": c.SourceTemplate, "hooks.srs": c.Hooks.SRS, "hooks.nginx_rtmp": c.Hooks.NginxRTMP, "hooks.mediamtx": c.Hooks.MediaMTX,
	} {
		if template == "" {
			continue
		}
		if scheme, _, ok := strings.Cut(template, "://"); !ok || !schemes[scheme] {
			fault("%s: must be a URL template that begins with %s, is %q", name, schemeList, template)
		}
	}
	names := map[string]bool{}
	for i, r := range c.Receivers {
		for _, f := range r.faults() {
			fault("receivers[%d].%s", i, f)
		}
		if names[r.Name] {
			fault("receivers[%d].name: %q is already the name of another", i, r.Name)
		}
		names[r.Name] = true
	}
	if c.SourceTemplate != "" && !strings.Contains(c.SourceTemplate, "{stream_id}") {
		fault("source_template: must hold {stream_id}, is %q", c.SourceTemplate)
	}
	if c.BatchRoot != "" && !filepath.IsAbs(c.BatchRoot) {
		fault("batch_root: must be an absolute path, is %q", c.BatchRoot)
	}
	if u, err := url.Parse(c.VODURL); c.VODURL != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		fault("vod_url: must be an http or https URL, is %q", c.VODURL)
	}
	for name, d := range map[string]time.Duration{
		"vod_expiry": c.VODExpiry, "clip_max": c.ClipMax, "clip_ahead": c.ClipAhead, "keep_clips": c.KeepClips,
	} {
		if d < time.Second {
			fault("%s: must be at least 1s, is %s", name, d)
		}
	}
	if c.Hooks.Grace < 0 || c.Hooks.Grace > time.Hour {
		fault("hooks.grace: must be 0s to 1h, is %s", c.Hooks.Grace)
	}
	if c.BodyLimit < 1<<10 {
		fault("body_limit: must be at least 1024 bytes, is %d", c.BodyLimit)
	}
	if c.UserSecret != "" && len(c.UserSecret) < 16 {
		fault("user_secret: must have at least 16 characters, has %d", len(c.UserSecret))
	}
	if c.EventClients < 1 {
		fault("event_clients: must be at least 1, is %d", c.EventClients)
	}
	return faults
}

func (t Token) faults() []string {
	var faults []string
	switch sum, err := hex.DecodeString(t.TokenSHA256); {
	case t.Token == "" && t.TokenSHA256 == "":
		faults = append(faults, "token: must be given, or token_sha256")
	case t.Token != "" && t.TokenSHA256 != "":
		faults = append(faults, "token_sha256: must not be given beside token")
	case t.Token != "" && len(t.Token) < 16:
		faults = append(faults, fmt.Sprintf("token: must have at least 16 characters, has %d", len(t.Token)))
	case t.Token == "" && (err != nil || len(sum) != 32):
		faults = append(faults, "token_sha256: must be 64 hexadecimal digits")
	}
	if t.Name == "" {
		faults = append(faults, "name: must be given; verdicts and manual clips carry it")
	}
	if t.Name == "rule" {
		faults = append(faults, `name: must not be "rule": verdicts by rule carry it, and a person's under it would be left`)
	}
	if _, ok := roles[t.Role]; !ok {
		faults = append(faults, fmt.Sprintf("role: must be viewer, operator, admin or hook, is %q", t.Role))
	}
	if _, err := domain.ParseTenant(tenantOf(t.Tenant)); err != nil {
		faults = append(faults, err.Error())
	}
	return faults
}

// tenantOf is the tenant a setting or a message names; empty: the default one.
func tenantOf(name string) string {
	if name == "" {
		return string(domain.DefaultTenant)
	}
	return name
}
