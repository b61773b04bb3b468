package asr

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"liveclip/internal/address"
	"liveclip/internal/domain"
	"liveclip/internal/note"
)

// pullSchemes are those a stream may be pulled by.
var pullSchemes = []string{"rtmp", "rtmps", "http", "https", "srt"}

// resolver is net.Resolver.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// sourcePolicy decides which source URLs may be pulled.
type sourcePolicy struct {
	resolver     resolver
	allowPrivate bool
	allowFiles   bool
}

// check gives the schemes that a source and all it refers to may use, or why it is refused: a permanent error if it would be
// refused again.
func (g sourcePolicy) check(ctx context.Context, source string, lane domain.Lane) (schemes []string, err error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, domain.Permanent(fmt.Errorf("source %.200q: not a URL", source))
	}
	if u.Scheme == "file" {
		if !g.allowFiles && lane != domain.LaneBatch {
			return nil, domain.Permanent(fmt.Errorf("source %s: files are recorded in batches only (asr.allow_files allows them live)", u.Redacted()))
		}
		return []string{"file"}, nil
	}
	if !slices.Contains(pullSchemes, u.Scheme) {
		return nil, domain.Permanent(fmt.Errorf("source %s: scheme %q is not one of %s", u.Redacted(), u.Scheme, strings.Join(pullSchemes, ", ")))
	}
	if u.Hostname() == "" {
		return nil, domain.Permanent(fmt.Errorf("source %s: names no host", u.Redacted()))
	}
	if err := g.checkHost(ctx, u.Hostname()); err != nil {
		return nil, fmt.Errorf("source %s: %w", u.Redacted(), err)
	}
	return pullSchemes, nil
}

func (g sourcePolicy) checkHost(ctx context.Context, host string) error {
	if g.allowPrivate {
		return nil
	}
	addresses, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("find host: %w", note.Plain(err))
	}
	for _, a := range addresses {
		if !address.Public(a) {
			return domain.Permanent(fmt.Errorf("host %s has the private address %s (asr.allow_private allows it)", host, a))
		}
	}
	return nil
}

var _ resolver = (*net.Resolver)(nil)
