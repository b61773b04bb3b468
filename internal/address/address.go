// Package address tells the public internet's addresses from all others, and finds free ones on this machine.
package address

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
)

// notPublic are ranges that net/netip has no name for: carrier-grade NAT, benchmarking, documentation, reserved, and those
// that hold other addresses (NAT64, Teredo, 6to4).
var notPublic = func() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		prefixes = append(prefixes, netip.MustParsePrefix(p))
	}
	return prefixes
}()

// Public reports whether a is an address that anybody's host may have.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("") // no prefix contains an address with a zone
	return a.IsGlobalUnicast() && !a.IsPrivate() &&
		!slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}

// ErrPrivate refuses an address inside somebody's own network.
var ErrPrivate = errors.New("the address is private")

// Control is a net.Dialer's Control that lets only public addresses be dialled: it sees the one that is really dialled, after
// every look-up and redirect.
func Control(_, dialled string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(dialled)
	if err != nil || !Public(at.Addr()) {
		return ErrPrivate
	}
	return nil
}
