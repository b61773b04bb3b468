package asr

import (
	"context"
	"errors"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
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
		r.fails, r.trouble = 0, ""
	case !errors.Is(err, errFull): // a place is only waited for
		r.fails++
	}
	if ended || r.unpaced() && (recorded || domain.IsPermanent(err) || r.fails >= batchTries) {
		r.finish(reason, err)
		return true
	}
	r.sourceGone(ctx, reason, err)
	r.leaveUnused()
	if !recorded && r.air == nil {
		r.unreachable(ctx, err)
	}
	wait := min(pullLeast<<min(r.fails, 10), pullMost)
	if domain.IsPermanent(err) {
		wait = pullRefused
	}
	r.waitOut(ctx, wait)
	return false
}

// waitOut waits between two pulls; a broadcast whose source stays away is closed meanwhile.
func (r *room) waitOut(ctx context.Context, wait time.Duration) {
	again := time.NewTimer(wait)
	defer again.Stop()
	for {
		rejoin := r.rejoinEnds()
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			if r.air != nil && r.timeLeft() <= 0 {
				r.endBroadcast(r.why)
			}
			return
		case <-rejoin:
			r.endBroadcast(r.why)
		case <-r.stored:
			r.leave()
		case err := <-r.lost:
			r.evicted(err)
		}
	}
}

func (r *room) pullOnce(ctx context.Context) (reason string, recorded, ended bool, err error) {
	schemes, err := r.gate.admit(ctx, r.order.Source, r.order.Lane)
	if err != nil {
		return "", false, false, err
	}
	if err := r.own(ctx); err != nil {
		return "", false, false, err
	}
	s := &session{order: r.recordOrder(r.order.Source, schemes)}
	reason, err = r.record(ctx, s)
	ended = err == nil && s.recorded && (r.unpaced() || s.duration > 0 || strings.HasPrefix(r.order.Source, "file:"))
	return reason, s.recorded, ended, err
}

// unreachable says why there is nothing to record, when that is news.
func (r *room) unreachable(ctx context.Context, err error) {
	reason := "the source gave nothing"
	if err != nil {
		reason = err.Error()
	}
	if reason == r.trouble {
		return
	}
	r.trouble = reason
	r.say(ctx, event.Envelope{ID: domain.H("event", "unreachable", r.order.Ref.String(), r.now().String())},
		domain.BroadcastChanged{Change: domain.BroadcastUnreachable, Source: r.order.Source, Reason: reason})
}
