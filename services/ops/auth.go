package ops

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"

	"google.golang.org/grpc/metadata"

	"liveclip/internal/domain"
)

// role is what a token's holder may do; a greater one may do all that a lesser may.
type role int

const (
	hook     role = iota // only the media servers' callbacks
	viewer               // see
	operator             // attach, clip, decide
	admin                // everything
)

var roles = map[string]role{"hook": hook, "viewer": viewer, "operator": operator, "admin": admin}

func (r role) String() string {
	for name, known := range roles {
		if known == r {
			return name
		}
	}
	return "unknown"
}

// caller is the holder of a token.
type caller struct {
	name   string
	role   role
	tenant domain.Tenant
}

func (c caller) ref(stream domain.StreamID) domain.Ref {
	return domain.Ref{Tenant: c.tenant, Stream: stream}
}

// authenticator recognises tokens by their SHA-256 hashes.
type authenticator struct {
	sums    [][]byte
	callers []caller
}

func newAuthenticator(tokens []Token) authenticator {
	var d authenticator
	for _, t := range tokens {
		sum := sha256.Sum256([]byte(t.Token))
		known := sum[:]
		if t.Token == "" {
			known, _ = hex.DecodeString(t.TokenSHA256)
		}
		d.sums = append(d.sums, known)
		d.callers = append(d.callers, caller{t.Name, roles[t.Role], domain.Tenant(tenantOf(t.Tenant))})
	}
	return d
}

// authenticate gives the token's holder. It compares with every token in constant time, so that its duration says nothing of
// them.
func (d authenticator) authenticate(token string) (caller, error) {
	if token == "" {
		return caller{}, problemf(http.StatusUnauthorized, "no token: send the header \"Authorization: Bearer …\"")
	}
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i, known := range d.sums {
		if subtle.ConstantTimeCompare(sum[:], known) == 1 {
			found = i
		}
	}
	if found < 0 {
		return caller{}, problemf(http.StatusUnauthorized, "the token is not known")
	}
	return d.callers[found], nil
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// authorize gives the caller if its role is at least least. Over HTTP requireRole put the caller into ctx; over gRPC the call's
// metadata carries the token.
func (s *Service) authorize(ctx context.Context, least role) (caller, error) {
	c, ok := ctx.Value(callerKey{}).(caller)
	if !ok {
		md, _ := metadata.FromIncomingContext(ctx)
		var err error
		if c, err = s.auth.authenticate(bearer(strings.Join(md.Get("authorization"), ""))); err != nil {
			return caller{}, err
		}
	}
	if c.role < least {
		return caller{}, problemf(http.StatusForbidden, "%s may not do this: it needs the role %s, and has %s", c.name, least, c.role)
	}
	return c, nil
}

// authorizeStream is authorize for a call about a stream of the caller's tenant.
func (s *Service) authorizeStream(ctx context.Context, least role, id string) (caller, domain.Ref, error) {
	c, err := s.authorize(ctx, least)
	if err != nil {
		return caller{}, domain.Ref{}, err
	}
	ref, err := streamRef(c, id)
	return c, ref, err
}

func bearer(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// requestToken reads the header, or the query where headers can't be set (EventSource, media elements, callbacks).
func requestToken(r *http.Request, query bool) string {
	if token := bearer(r.Header.Get("Authorization")); token != "" || !query {
		return token
	}
	return r.URL.Query().Get("access_token")
}
