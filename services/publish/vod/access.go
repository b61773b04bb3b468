package vod

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"liveclip/internal/delivery"
	"liveclip/internal/domain"
	"liveclip/internal/sign"
)

const (
	grantsKept    = 1 << 14 // signatures found good lately: a player asks for many ranges under one
	maxGrantQuery = 1024    // bytes of a query that is kept for that
)

// access decides who may fetch: by a signature of our own or of a CDN before us, by the page that embeds, and by how many
// requests come.
type access struct {
	keys      sign.Keys
	cdns      []sign.CDN
	referer   Referer
	linkTTL   time.Duration // of links given to a CDN that keeps its viewers' own to itself
	sessions  *limiter[string]
	addresses *limiter[netip.Addr]
	from      addresses
	good      *recent[signed, pass]
}

// signed is a folder and the signature shown for it.
type signed struct{ folder, query string }

// pass is what a good signature was seen to be.
type pass struct {
	sign.Grant
	colour string // the query, where it may say more than who signed
}

// admission is what a request was let in with.
type admission struct {
	pass
	cdn *sign.CDN // it came through; nil: none
	via bool      // the CDN vouches for it by its secret
}

// admit checks the signature at the request's start: sign.ErrForbidden or sign.ErrExpired.
func (a *access) admit(r *http.Request, now time.Time) (admission, error) {
	key := signed{sign.Folder(r.URL.Path), r.URL.RawQuery}
	good, known := a.good.get(key)
	if !known {
		grant, err := a.keys.Check(r.URL, now)
		if err != nil {
			if !errors.Is(err, sign.ErrForbidden) || len(a.cdns) == 0 {
				return admission{}, err
			}
			return a.admitCDN(r, now)
		}
		good = passOf(grant, key.query)
		if len(key.query) <= maxGrantQuery {
			a.good.put(key, good)
		}
	}
	if !now.Before(good.Expires) {
		return admission{}, sign.ErrExpired
	}
	return admission{pass: good}, nil
}

func passOf(grant sign.Grant, query string) pass {
	if !delivery.MaySay(query) {
		query = ""
	}
	return pass{grant, query}
}

// admitCDN checks what came through a CDN: by the secret it shows, since one that takes the viewer's signature off has
// checked it, or by the signature it left.
func (a *access) admitCDN(r *http.Request, now time.Time) (admission, error) {
	refused := sign.ErrForbidden
	for i := range a.cdns {
		cdn := &a.cdns[i]
		if secret := r.Header.Get(sign.OriginHeader); secret != "" && cdn.FromOrigin(secret) {
			grant := sign.Grant{Path: sign.Folder(r.URL.Path), Tenant: tenantOf(r), Expires: now.Add(a.linkTTL)}
			return admission{pass: passOf(grant, r.URL.RawQuery), cdn: cdn, via: true}, nil
		}
		if !cdn.Claims(r.URL) {
			continue
		}
		grant, err := cdn.Check(r.URL, now)
		if err == nil {
			return admission{pass: passOf(grant, r.URL.RawQuery), cdn: cdn}, nil
		}
		if errors.Is(err, sign.ErrExpired) {
			refused = err
		}
	}
	return admission{}, refused
}

// addressWait is how long the request's sender has to wait with it.
func (a *access) addressWait(r *http.Request) time.Duration {
	if a.addresses.limit.Rate <= 0 {
		return 0 // and who sent it need not be known
	}
	return a.addresses.wait(a.from.of(r))
}

// tenantOf is the tenant named by a URL whose signature does not: it only says where to look, clip IDs are unique over all.
func tenantOf(r *http.Request) domain.Tenant {
	if tenant, err := domain.ParseTenant(r.URL.Query().Get("tenant")); err == nil {
		return tenant
	}
	return domain.DefaultTenant
}

// link makes the link to a file beside the one asked for, under the same grant. It carries no other parameter on: what
// colours a request is that request's.
func (a *access) link(in admission, query, file string) (string, error) {
	if in.cdn == nil {
		return ownLink(file, query), nil
	}
	return in.cdn.URL(in.Grant, file)
}

// ownLink is a file beside another with the signature's parameters, and no others, of the query.
func ownLink(file, query string) string {
	asked, err := url.ParseQuery(query)
	if err != nil {
		return file
	}
	kept := url.Values{}
	for _, name := range []string{"tenant", "session", "expires", "key", "signature"} {
		if asked.Has(name) {
			kept.Set(name, asked.Get(name))
		}
	}
	if len(kept) == 0 {
		return file
	}
	return file + "?" + kept.Encode()
}

// Referer says which pages may embed clips.
type Referer struct {
	Allow []string `koanf:"allow"` // hosts, "*.example.com" for all below; empty: any page
	Empty bool     `koanf:"empty"` // a request that names no page is let in, too: apps, and browsers that keep it to themselves
}

// allows reports whether a request of that page may be answered.
func (p Referer) allows(referer string) bool {
	if len(p.Allow) == 0 {
		return true
	}
	if referer == "" {
		return p.Empty
	}
	u, err := url.Parse(referer)
	if err != nil || u.Hostname() == "" {
		return false
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	for _, allowed := range p.Allow {
		below, any := strings.CutPrefix(allowed, "*")
		if host == allowed || any && strings.HasSuffix(host, below) {
			return true
		}
	}
	return false
}

// tooMany answers a request of one that has to wait.
func tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration, who string) {
	w.Header().Set("Access-Control-Expose-Headers", exposed+", Retry-After")
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	writeProblem(w, r, http.StatusTooManyRequests, "too many requests of this "+who)
}

// exposed are the header fields that a player in a browser may read, beside those it always may.
const exposed = "Accept-Ranges, Content-Length, Content-Range, Date, ETag"

// allowOrigins lets players of any origin read: what guards a clip is its signature, and the Referer where it is asked for.
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	if h.Get("Access-Control-Expose-Headers") == "" {
		h.Set("Access-Control-Expose-Headers", exposed)
	}
	h.Set("X-Content-Type-Options", "nosniff")
}

// allowLines is the same as lines of a head.
const allowLines = "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: " + exposed + "\r\nX-Content-Type-Options: nosniff\r\n"

// preflight answers a browser that asks whether it may send a Range, a condition or what CMCD says.
func preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	h.Set("Access-Control-Allow-Headers", "CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status, "+
		"If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, X-Purpose, X-Request-Id")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return true
}
