package vod

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Limit is how many requests may come: Rate a second, and Burst at once. A Rate of 0 does not limit.
type Limit struct {
	Rate  float64 `koanf:"rate"`
	Burst int     `koanf:"burst"`
}

func (l Limit) faults(name string) []string {
	if l.Rate < 0 || l.Rate > 0 && l.Burst < 1 {
		return []string{fmt.Sprintf("publish.vod.limits.%s: rate must not be negative, and burst at least 1, are %g and %d", name, l.Rate, l.Burst)}
	}
	return nil
}

const limitsKept = 1 << 16 // sessions or addresses; more at once: those not seen for longest begin anew

// limiter holds each of many to a limit.
type limiter[K comparable] struct {
	limit Limit
	now   func() time.Time
	seen  *recent[K, *rate.Limiter]
}

func newLimiter[K comparable](l Limit, now func() time.Time) *limiter[K] {
	return &limiter[K]{l, now, newRecent[K, *rate.Limiter](limitsKept)}
}

// wait is how long the one has to wait with this request; 0: it may go on, and is counted.
func (l *limiter[K]) wait(who K) time.Duration {
	if l.limit.Rate <= 0 {
		return 0
	}
	now := l.now()
	bucket := l.seen.getOr(who, func() *rate.Limiter { return rate.NewLimiter(rate.Limit(l.limit.Rate), l.limit.Burst) })
	reserved := bucket.ReserveN(now, 1)
	delay := reserved.DelayFrom(now)
	if delay > 0 {
		reserved.CancelAt(now)
	}
	return delay
}

// addresses finds who sent a request, behind proxies that are trusted to say.
type addresses struct{ trusted []netip.Prefix }

func parseProxies(all []string) (addresses, error) {
	var a addresses
	for _, s := range all {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			one, err := netip.ParseAddr(s)
			if err != nil {
				return a, fmt.Errorf("%q is no address and no CIDR", s)
			}
			p = netip.PrefixFrom(one, one.BitLen())
		}
		a.trusted = append(a.trusted, p)
	}
	return a, nil
}

// of is the sender's address, of IPv6 the /64: the last of X-Forwarded-For that no trusted proxy of ours has. The zero
// address stands for one that cannot be read.
func (a addresses) of(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	who := at.Addr().Unmap()
	if a.isTrusted(who) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0 && a.isTrusted(who); i-- {
			hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				break
			}
			who = hop.Unmap()
		}
	}
	if who.Is6() {
		network, _ := who.WithZone("").Prefix(64)
		who = network.Addr()
	}
	return who
}

func (a addresses) isTrusted(who netip.Addr) bool {
	for _, p := range a.trusted {
		if p.Contains(who) {
			return true
		}
	}
	return false
}
