package asr

import (
	"context"
	"errors"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/note"
)

const (
	pullLeast   = time.Second
	pullMost    = 15 * time.Second
	pullRefused = time.Minute // a source that is wrong may be put right elsewhere
	batchTries  = 3
)

// pull connects to the source once, and waits before the next time. done: the source has ended for good.
func (r *room) pull(ctx context.Context) (done bool) {
	if r.unpaced() {
		if r.archives.Acquire(ctx, 1) != nil {
			return false
		}
		defer r.archives.Release(1)
	}
	reason, recorded, ended, err := r.pullOnce(ctx)
	if ctx.Err() != nil {
		return false
	}
	switch {
	case recorded:
		r.pullFailures, r.lastTrouble = 0, ""
	case !errors.Is(err, errFull): // a free place is only waited for
		r.pullFailures++
	}
	if ended || r.unpaced() && (recorded || domain.IsPermanent(err) || r.pullFailures >= batchTries) {
		r.finish(reason, err)
		return true
	}
	r.sourceGone(ctx, reason, err)
	r.releaseUnusedLease()
	if !recorded && r.broadcast == nil {
		r.publishUnreachable(ctx, err)
	}
	wait := min(pullLeast<<min(r.pullFailures, 10), pullMost)
	if domain.IsPermanent(err) {
		wait = pullRefused
	}
	r.awaitRetry(ctx, wait)
	return false
}

// awaitRetry waits between two pulls; a broadcast whose source stays away is closed meanwhile.
func (r *room) awaitRetry(ctx context.Context, wait time.Duration) {
	again := time.NewTimer(wait)
	defer again.Stop()
	for {
		rejoin := r.rejoinEnds()
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			if r.broadcast != nil && r.timeLeft() <= 0 {
				r.endBroadcast(r.goneReason)
			}
			return
		case <-rejoin:
			r.endBroadcast(r.goneReason)
		case <-r.stored:
			r.releaseLease()
		case err := <-r.leaseErr:
			r.loseLease(err)
		}
	}
}

func (r *room) pullOnce(ctx context.Context) (reason string, recorded, ended bool, err error) {
	schemes, err := r.sourcePolicy.check(ctx, r.order.Source, r.order.Lane)
	if err != nil {
		return "", false, false, err
	}
	if err := r.acquireLease(ctx); err != nil {
		return "", false, false, err
	}
	s := &session{order: r.recordOrder(r.order.Source, schemes)}
	reason, err = r.record(ctx, s)
	ended = err == nil && s.recorded && (r.unpaced() || s.duration > 0 || strings.HasPrefix(r.order.Source, "file:"))
	return reason, s.recorded, ended, err
}

// publishUnreachable publishes why there is nothing to record, when the reason changed.
func (r *room) publishUnreachable(ctx context.Context, err error) {
	reason := "the source gave nothing"
	if err != nil {
		reason = note.Plain(err).Error()
	}
	if reason == r.lastTrouble {
		return
	}
	r.lastTrouble = reason
	r.publish(ctx, event.Envelope{ID: domain.H("event", "unreachable", r.order.Ref.String(), r.now().String())},
		domain.BroadcastChanged{Change: domain.BroadcastUnreachable, Source: r.order.Source, Reason: reason})
}
