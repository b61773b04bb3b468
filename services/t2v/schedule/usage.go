package schedule

import (
	"math"
	"time"
)

const (
	halfLife  = 2 * time.Minute // of what a share had
	maxShares = 16384           // remembered
)

// usage is what tenants and streams had of the engines lately, in seconds that fade.
type usage map[string]faded

type faded struct {
	seconds float64
	at      time.Time
}

func (u usage) of(share string, now time.Time) float64 {
	f := u[share]
	return f.seconds * math.Exp2(-max(0, now.Sub(f.at).Seconds())/halfLife.Seconds())
}

func (u usage) add(share string, seconds float64, now time.Time) {
	if len(u) >= maxShares {
		for other := range u {
			if u.of(other, now) < 0.01 {
				delete(u, other)
			}
		}
		if len(u) >= maxShares {
			clear(u)
		}
	}
	u[share] = faded{u.of(share, now) + seconds, now}
}
