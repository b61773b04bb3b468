package asr

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"liveclip/internal/domain"
)

// pullSchemes are those a stream may be pulled by.
var pullSchemes = []string{"rtmp", "rtmps", "http", "https", "srt"}

// resolver is net.Resolver.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// gate lets source URLs through.
type gate struct {
	resolver     resolver
	allowPrivate bool
	allowFiles   bool
}

// admit says which schemes a source and all it refers to may use, or why it is refused: a permanent error where another
// try would end alike.
func (g gate) admit(ctx context.Context, source string, lane domain.Lane) (schemes []string, err error) {
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
	if err := g.admitHost(ctx, u.Hostname()); err != nil {
		return nil, fmt.Errorf("source %s: %w", u.Redacted(), err)
	}
	return pullSchemes, nil
}

func (g gate) admitHost(ctx context.Context, host string) error {
	if g.allowPrivate {
		return nil
	}
	addresses, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("find host: %w", err)
	}
	for _, a := range addresses {
		if !public(a) {
			return domain.Permanent(fmt.Errorf("host %s has the private address %s (asr.allow_private allows it)", host, a))
		}
	}
	return nil
}

// notPublic are ranges that net/netip has no name for: carrier-grade NAT, benchmarking, documentation, reserved, NAT64
// and 6to4, which hold other addresses.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001:db8::/32"),
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() &&
		!slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}

var _ resolver = (*net.Resolver)(nil)
