package media

import (
	"context"
	"time"
)

// pace lets a file through at its own pace: wait reports whether there was time.
type pace struct{ began time.Time }

func (p *pace) wait(ctx context.Context, paced bool, at time.Duration) bool {
	if !paced {
		return true
	}
	if p.began.IsZero() {
		p.began = time.Now()
	}
	ahead := at - time.Since(p.began)
	if ahead <= 0 {
		return true
	}
	select {
	case <-time.After(ahead):
		return true
	case <-ctx.Done():
		return false
	}
}
