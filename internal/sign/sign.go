// Package sign makes and checks the signed URLs of the VOD path and the push keys of streams: HMAC-SHA256 under a current
// and a previous key. The Range is never signed.
package sign

import (
	"net/url"
	"time"

	"liveclip/internal/domain"
)

// Key is a signing secret with its ID.
type Key struct {
	ID     string `koanf:"id"`
	Secret string `koanf:"secret"`
}

// Keys signs with Current and accepts both.
type Keys struct {
	Current  Key `koanf:"current"`
	Previous Key `koanf:"previous"`
}

// Grant is what a signed URL allows.
type Grant struct {
	Path    string // the part under which everything may be fetched: "/vod/{clip}/{hash}/"
	Tenant  domain.Tenant
	Session string
	Expires time.Time
}

// URL signs file under the grant's path: path + file + "?tenant=…&session=…&expires=…&key=…&signature=…".
func (k Keys) URL(g Grant, file string) string { panic("unwritten") }

// Check verifies a request's URL at now: the grant, or an error that says what is wrong without helping to forge.
func (k Keys) Check(u *url.URL, now time.Time) (Grant, error) { panic("unwritten") }

// PushKey is the stream key a publisher must show; it needs no storage.
func (k Keys) PushKey(ref domain.Ref) string { panic("unwritten") }

// CheckPushKey compares in constant time, against the current and the previous key.
func (k Keys) CheckPushKey(ref domain.Ref, key string) bool { panic("unwritten") }
