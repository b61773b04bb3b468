package asr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/lease"
)

var errFull = errors.New("this process records as many streams as it may")

// own takes the lease unless it is held. A dead owner's runs out meanwhile.
func (r *room) own(ctx context.Context) error {
	if r.lease != nil {
		return nil
	}
	if !r.enter() {
		return fmt.Errorf("%w (asr.streams: %d)", errFull, r.cfg.Streams)
	}
	deadline := time.Now().Add(ownWithin)
	for {
		held, err := r.leases.Take(ctx, r.order.Ref, r.process, r.address)
		if err == nil {
			r.hold(held)
			return nil
		}
		var taken lease.ErrTaken
		if !errors.As(err, &taken) || time.Now().After(deadline) || ctx.Err() != nil {
			r.exit()
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ownWithin is longer than a dead owner's lease lasts.
const ownWithin = 7 * time.Second

func (r *room) hold(held *lease.Lease) {
	ctx, cancel := context.WithCancel(r.hard)
	lost := make(chan error, 1)
	r.lease, r.lost, r.unhold = held, lost, cancel
	go func() {
		if err := held.Hold(ctx); err != nil {
			lost <- err
		}
	}()
}

// leave gives the lease up, once nothing needs it.
func (r *room) leave() {
	if r.stored != nil {
		select {
		case <-r.stored: // readers ask the owner until then
		case <-r.hard.Done():
		}
		r.stored = nil
	}
	if r.lease == nil {
		return
	}
	r.unhold()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.hard), 2*time.Second)
	defer cancel()
	if err := r.lease.Release(ctx); err != nil {
		r.log.Warn("lease runs out by itself", "error", err)
	}
	r.lease, r.lost = nil, nil
	r.exit()
}

// leaveUnused gives up a lease that was taken for a source that gave nothing.
func (r *room) leaveUnused() {
	if r.air == nil && r.stored == nil {
		r.leave()
	}
}

// evicted: another owns the stream. What was recorded until now is brought home.
func (r *room) evicted(err error) {
	r.log.Error("stream lost to another owner", "error", err)
	r.unhold()
	r.lease, r.lost = nil, nil
	r.exit()
	r.endBroadcast("another process took the stream over")
	r.stored = nil
}
