package asr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/lease"
)

var errFull = errors.New("this process records as many streams as it may")

// acquireLease takes the stream's lease unless it is held, and waits for that of a dead owner to run out.
func (r *room) acquireLease(ctx context.Context) error {
	if r.lease != nil {
		return nil
	}
	if !r.reserveStream() {
		return fmt.Errorf("%w (asr.streams: %d)", errFull, r.cfg.Streams)
	}
	deadline := time.Now().Add(leaseTimeout)
	for {
		held, err := r.leases.Take(ctx, r.order.Ref, r.process, r.address)
		if err == nil {
			r.holdLease(held)
			return nil
		}
		var taken lease.ErrTaken
		if !errors.As(err, &taken) || time.Now().After(deadline) || ctx.Err() != nil {
			r.freeStream()
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// leaseTimeout is longer than a dead owner's lease lasts.
const leaseTimeout = 7 * time.Second

func (r *room) holdLease(held *lease.Lease) {
	ctx, cancel := context.WithCancel(r.hard)
	lost := make(chan error, 1)
	r.lease, r.leaseErr, r.stopHolding = held, lost, cancel
	go func() {
		if err := held.Hold(ctx); err != nil {
			lost <- err
		}
	}()
}

// releaseLease releases the lease, after the last broadcast lies in the store.
func (r *room) releaseLease() {
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
	r.stopHolding()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.hard), 2*time.Second)
	defer cancel()
	if err := r.lease.Release(ctx); err != nil {
		r.log.Warn("lease runs out by itself", "error", err)
	}
	r.lease, r.leaseErr = nil, nil
	r.freeStream()
}

// releaseUnusedLease releases a lease that was taken for a source that gave nothing.
func (r *room) releaseUnusedLease() {
	if r.broadcast == nil && r.stored == nil {
		r.releaseLease()
	}
}

// loseLease ends the broadcast: another process owns the stream. What was recorded until now still goes to the store.
func (r *room) loseLease(err error) {
	r.log.Error("stream lost to another owner", "error", err)
	r.stopHolding()
	r.lease, r.leaseErr = nil, nil
	r.freeStream()
	r.endBroadcast("another process took the stream over")
	r.stored = nil
}
