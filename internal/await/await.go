// Package await waits by the clock, and no longer than somebody is there to wait for.
package await

import (
	"context"
	"time"
)

// For waits d, not at all where d is not positive, or until ctx ends: then its error is the answer.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
