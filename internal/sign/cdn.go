package sign

import (
	"crypto/md5" //nolint:gosec // the CDNs' choice
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/domain"
)

// Form is how a CDN writes its signatures.
type Form string

const (
	AliyunA    Form = "aliyun-a"   // ?auth_key=time-rand-uid-md5(path-time-rand-uid-key)
	AliyunC    Form = "aliyun-c"   // /md5(key path time)/time/path, the time in hex
	TencentD   Form = "tencent-d"  // ?sign=md5(key path time)&t=time
	CloudFront Form = "cloudfront" // ?Policy=…&Signature=…&Key-Pair-Id=…, or Expires for the policy
)

// SignsSession reports whether who shows the form's signature cannot choose the session.
func (f Form) SignsSession() bool { return f == CloudFront }

// CDN signs URLs of clips that lie behind a CDN as that CDN does, and checks them. The forms are the CDNs' documents' (type A
// and C signing of Alibaba Cloud CDN, TypeD of Tencent Cloud CDN, signed URLs of Amazon CloudFront); those with vectors are
// tested against them, and CloudFront's, which has none, against its own inverse and structure, never against the service.
//
// All but CloudFront's sign one file only, and have no room for a session: it goes along unsigned, where the form takes
// further parameters.
type CDN struct {
	Name string `koanf:"name"`
	Form Form   `koanf:"form"`
	Host string `koanf:"host"` // "https://cdn.example.com"
	Keys Keys   `koanf:"keys"` // CloudFront: the key pair's ID, and an RSA private key in PEM
	// Valid is what the CDN adds to the time in a URL, as it is configured there. CloudFront adds nothing.
	Valid time.Duration `koanf:"valid"`
	// OriginSecret is what the CDN sends in the header OriginHeader when it asks the origin: Aliyun takes the signature off
	// before it does. Empty: it sends none, and the origin checks the signature again; not of form C, whose paths the origin
	// does not have.
	OriginSecret string `koanf:"origin_secret"`
}

// OriginHeader carries a CDN's OriginSecret.
const OriginHeader = "X-Liveclip-Origin-Secret"

// URL signs a file under the grant's path as the CDN does.
func (c CDN) URL(g Grant, file string) (string, error) {
	at := g.Path + file
	rest := url.Values{}
	if g.Tenant != domain.DefaultTenant && g.Tenant != "" {
		rest.Set("tenant", string(g.Tenant))
	}
	if g.Session != "" && c.Form != TencentD {
		rest.Set("session", g.Session)
	}
	made := g.Expires.Add(-c.Valid).Unix()
	switch c.Form {
	case AliyunA:
		rest.Set("auth_key", authKey(c.Keys.Current.Secret, at, strconv.FormatInt(made, 10), "0", "0"))
	case AliyunC:
		t := strings.ToUpper(strconv.FormatInt(made, 16))
		at = "/" + sum(c.Keys.Current.Secret, at, t) + "/" + t + at
	case TencentD:
		t := strconv.FormatInt(made, 10)
		rest.Set("sign", sum(c.Keys.Current.Secret, at, t))
		rest.Set("t", t)
	case CloudFront:
		signed, err := c.policy(g)
		if err != nil {
			return "", err
		}
		for name, value := range signed {
			rest.Set(name, value)
		}
	}
	if len(rest) > 0 {
		at += "?" + rest.Encode()
	}
	return strings.TrimSuffix(c.Host, "/") + at, nil
}

// Claims reports that the URL is signed in this form, rightly or not.
func (c CDN) Claims(u *url.URL) bool {
	switch c.Form {
	case AliyunA:
		return strings.Contains(u.RawQuery, "auth_key=")
	case AliyunC:
		return aliyunC.MatchString(u.Path)
	case TencentD:
		return strings.Contains(u.RawQuery, "sign=")
	case CloudFront:
		return strings.Contains(u.RawQuery, "Key-Pair-Id=")
	}
	return false
}

var (
	decimalTime = regexp.MustCompile(`^[1-9][0-9]{9}$`)
	hexTime     = regexp.MustCompile(`^[0-9A-Fa-f]{8}$`)
	aliyunC     = regexp.MustCompile(`^/([0-9a-f]{32})/([0-9A-Fa-f]{8})(/.*)$`)
)

// Check verifies a URL at now and gives its grant, ErrForbidden or ErrExpired. Of the host it takes the configured one.
func (c CDN) Check(u *url.URL, now time.Time) (Grant, error) {
	if len(u.RawQuery) > maxQuery || len(u.Path) > maxPath {
		return Grant{}, ErrForbidden
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Grant{}, ErrForbidden
	}
	g := Grant{Path: Folder(Stripped(u.Path)), Tenant: domain.DefaultTenant, Session: query.Get("session")}
	if query.Has("tenant") {
		if g.Tenant, err = domain.ParseTenant(query.Get("tenant")); err != nil {
			return Grant{}, ErrForbidden
		}
	}
	if len(g.Session) > maxSession {
		return Grant{}, ErrForbidden
	}
	for _, key := range []Key{c.Keys.Current, c.Keys.Previous} {
		if key.Secret == "" {
			continue
		}
		until, ok := c.checkWith(key, u, query)
		if !ok {
			continue
		}
		if g.Expires = until.Add(c.Valid); !now.Before(g.Expires) {
			return Grant{}, ErrExpired
		}
		return g, nil
	}
	return Grant{}, ErrForbidden
}

// checkWith gives the time in a URL that the key has signed.
func (c CDN) checkWith(key Key, u *url.URL, query url.Values) (time.Time, bool) {
	switch c.Form {
	case AliyunA:
		parts := strings.Split(query.Get("auth_key"), "-")
		if len(parts) != 4 || !decimalTime.MatchString(parts[0]) {
			return time.Time{}, false
		}
		want := authKey(key.Secret, u.Path, parts[0], parts[1], parts[2])
		return atTime(parts[0], 10), same(query.Get("auth_key"), want)
	case AliyunC:
		parts := aliyunC.FindStringSubmatch(u.Path)
		if parts == nil {
			return time.Time{}, false
		}
		return atTime(parts[2], 16), same(parts[1], sum(key.Secret, parts[3], parts[2]))
	case TencentD:
		t, base := query.Get("t"), 10
		if hexTime.MatchString(t) {
			base = 16
		} else if !decimalTime.MatchString(t) {
			return time.Time{}, false
		}
		return atTime(t, base), same(query.Get("sign"), sum(key.Secret, u.Path, t))
	case CloudFront:
		return c.checkPolicy(key, u, query)
	}
	return time.Time{}, false
}

// FromOrigin reports that a request's OriginHeader is this CDN's.
func (c CDN) FromOrigin(header string) bool {
	return c.OriginSecret != "" && same(header, c.OriginSecret)
}

// Stripped is a path without the signature that form C puts before it.
func Stripped(path string) string {
	if parts := aliyunC.FindStringSubmatch(path); parts != nil {
		return parts[3]
	}
	return path
}

// Folder is the path up to its last slash.
func Folder(path string) string { return path[:strings.LastIndexByte(path, '/')+1] }

func authKey(secret, path, t, random, user string) string {
	signed := t + "-" + random + "-" + user
	return signed + "-" + sum(path, "-", signed, "-", secret)
}

func sum(parts ...string) string {
	digest := md5.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // likewise
	return hex.EncodeToString(digest[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// atTime reads a time whose form was checked.
func atTime(t string, base int) time.Time {
	seconds, _ := strconv.ParseInt(t, base, 64)
	return time.Unix(seconds, 0).UTC()
}

var cdnName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// Faults says what of a CDN's settings, which are called name, cannot work, one line each.
func (c CDN) Faults(name string) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, name+fmt.Sprintf(format, args...)) }
	if !cdnName.MatchString(c.Name) {
		fault(".name: must be 1 to 40 lower-case letters, digits, '_' or '-', is %q", c.Name)
	}
	if u, err := url.Parse(c.Host); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		fault(".host: must be an http or https URL without a path, is %q", c.Host)
	}
	if c.Valid < 0 || c.Form == CloudFront && c.Valid != 0 {
		fault(".valid: must be what the CDN adds to a URL's time, 0 for CloudFront, is %s", c.Valid)
	}
	if (c.OriginSecret != "" || c.Form == AliyunC) && len(c.OriginSecret) < 16 {
		fault(".origin_secret: must have at least 16 bytes, has %d", len(c.OriginSecret))
	}
	switch c.Form {
	case CloudFront:
		if c.Keys.Current.ID == "" {
			fault(".keys.current.id: must be the key pair's ID")
		}
		for which, key := range map[string]Key{"current": c.Keys.Current, "previous": c.Keys.Previous} {
			if _, err := privateKey(key); err != nil && key != (Key{}) {
				fault(".keys.%s.secret: %s", which, err)
			}
		}
	case AliyunA, AliyunC, TencentD:
		if len(c.Keys.Current.Secret) < 6 {
			fault(".keys.current.secret: must have at least 6 bytes, has %d", len(c.Keys.Current.Secret))
		}
	default:
		fault(".form: must be %q, %q, %q or %q, is %q", AliyunA, AliyunC, TencentD, CloudFront, c.Form)
	}
	return faults
}
