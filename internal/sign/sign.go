// Package sign makes and checks the signed URLs of the VOD path and the push keys of streams: HMAC-SHA256 under a current
// and a previous key. The Range is never signed.
//
// What is signed is a list of fields, each with its length before it, under the name of its purpose: no field can flow
// into the next, and a push key can never stand for a URL's signature.
package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
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
	Expires time.Time // to the second
}

var (
	// ErrForbidden says that a URL carries no signature, or one that is not ours for it. It is the same for every fault.
	ErrForbidden = errors.New("the signature is missing or does not fit")
	// ErrExpired says that the signature is ours and its time is over.
	ErrExpired = errors.New("the signature has expired")
)

const (
	maxSession = 128            // bytes
	maxPath    = 512            // bytes
	maxQuery   = 2048           // bytes
	maxUnix    = int64(1) << 40 // seconds; no date anybody means lies beyond
	vodPurpose = "liveclip vod 1"
	keyPurpose = "liveclip push 1"
)

// URL signs file under the grant's path: path + file + "?tenant=…&session=…&expires=…&key=…&signature=…". The default
// tenant and an empty session are left out.
func (k Keys) URL(g Grant, file string) string {
	query := url.Values{}
	if g.Tenant != domain.DefaultTenant && g.Tenant != "" {
		query.Set("tenant", string(g.Tenant))
	}
	if g.Session != "" {
		query.Set("session", g.Session)
	}
	query.Set("expires", strconv.FormatInt(g.Expires.Unix(), 10))
	query.Set("key", k.Current.ID)
	query.Set("signature", base64.RawURLEncoding.EncodeToString(k.Current.sign(g)))
	return g.Path + file + "?" + query.Encode()
}

// sign gives the MAC of the grant. The expiry is signed as it is written in the URL, in seconds.
func (k Key) sign(g Grant) []byte {
	tenant := g.Tenant
	if tenant == "" {
		tenant = domain.DefaultTenant
	}
	return k.mac(vodPurpose, k.ID, g.Path, string(tenant), g.Session, strconv.FormatInt(g.Expires.Unix(), 10))
}

func (k Key) mac(fields ...string) []byte {
	h := hmac.New(sha256.New, []byte(k.Secret))
	for _, f := range fields {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(f)))
		h.Write(length[:])
		h.Write([]byte(f))
	}
	return h.Sum(nil)
}

// Check verifies a request's URL at now, the request's start: the grant, ErrForbidden or ErrExpired. Parameters of other
// names are not signed and have no say; one of ours that is there twice is refused.
func (k Keys) Check(u *url.URL, now time.Time) (Grant, error) {
	g, id, signature, err := parse(u)
	if err != nil {
		return Grant{}, err
	}
	genuine := false
	for _, key := range []Key{k.Current, k.Previous} {
		if key.Secret != "" && key.ID == id && hmac.Equal(signature, key.sign(g)) {
			genuine = true
		}
	}
	if !genuine {
		return Grant{}, ErrForbidden
	}
	if !now.Before(g.Expires) {
		return Grant{}, ErrExpired
	}
	return g, nil
}

// parse reads what Check verifies; every fault of form is ErrForbidden.
func parse(u *url.URL) (g Grant, id string, signature []byte, err error) {
	if len(u.RawQuery) > maxQuery || len(u.Path) > maxPath {
		return g, "", nil, ErrForbidden
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return g, "", nil, ErrForbidden
	}
	for _, name := range []string{"tenant", "session", "expires", "key", "signature"} {
		if len(query[name]) > 1 {
			return g, "", nil, ErrForbidden
		}
	}
	g.Path = u.Path[:strings.LastIndexByte(u.Path, '/')+1]
	g.Tenant = domain.DefaultTenant
	if query.Has("tenant") {
		g.Tenant, err = domain.ParseTenant(query.Get("tenant"))
	}
	g.Session = query.Get("session")
	expires := query.Get("expires")
	seconds, faulty := strconv.ParseInt(expires, 10, 64)
	signature, undecoded := base64.RawURLEncoding.Strict().DecodeString(query.Get("signature"))
	if err != nil || faulty != nil || undecoded != nil || len(g.Session) > maxSession ||
		seconds < 0 || seconds > maxUnix || strconv.FormatInt(seconds, 10) != expires {
		return g, "", nil, ErrForbidden
	}
	g.Expires = time.Unix(seconds, 0).UTC()
	return g, query.Get("key"), signature, nil
}

// Faults says what of the keys cannot be used, one line each.
func (k Keys) Faults() []string {
	var faults []string
	check := func(name string, key Key) {
		if len(key.Secret) < 16 {
			faults = append(faults, fmt.Sprintf("keys.%s.secret: must have at least 16 bytes, has %d", name, len(key.Secret)))
		}
		if key.ID == "" || len(key.ID) > 64 {
			faults = append(faults, fmt.Sprintf("keys.%s.id: must have 1 to 64 bytes, has %d", name, len(key.ID)))
		}
	}
	check("current", k.Current)
	if k.Previous != (Key{}) {
		check("previous", k.Previous)
		if k.Previous.ID == k.Current.ID && k.Previous.Secret != k.Current.Secret {
			faults = append(faults, "keys.previous.id: must differ from keys.current.id, is "+k.Previous.ID)
		}
	}
	return faults
}

var pushEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// PushKey is the stream key a publisher must show, 20 lower-case characters (100 bits); it needs no storage.
func (k Keys) PushKey(ref domain.Ref) string { return k.Current.pushKey(ref) }

func (k Key) pushKey(ref domain.Ref) string {
	return pushEncoding.EncodeToString(k.mac(keyPurpose, k.ID, string(ref.Tenant), string(ref.Stream)))[:20]
}

// CheckPushKey compares in constant time, against the current and the previous key.
func (k Keys) CheckPushKey(ref domain.Ref, key string) bool {
	genuine := false
	for _, own := range []Key{k.Current, k.Previous} {
		if own.Secret != "" && hmac.Equal([]byte(key), []byte(own.pushKey(ref))) {
			genuine = true
		}
	}
	return genuine
}
