package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/job"
)

// withdraw is the handler of kindWithdraw: it takes a publication of a clip that was taken down back.
func (p *pusher) withdraw(ctx context.Context, j job.Job) error {
	at, err := placeOf(j)
	if err != nil {
		return err
	}
	e, tag, err := p.ledger.read(ctx, at)
	if err != nil {
		return fmt.Errorf("withdraw %s: %w", at, permanentIfMissing(err))
	}
	c, known := p.connectors[at.Destination]
	switch state := e.Value.State; {
	case withdrawn(state):
		return p.ledger.tell(ctx, e)
	case state == domain.PublicationIntended && e.Calling.IsZero():
		return p.withdrawn(ctx, e, tag, "taken down before it was sent")
	case state == domain.PublicationIntended && p.now().Sub(e.Calling) < p.timeout:
		return fmt.Errorf("withdraw %s: it is being sent", at)
	case !known:
		return p.withdrawn(ctx, e, tag, "the destination is not configured any more: nobody told it")
	case e.Withdrawing && !c.repeatable():
		return p.withdrawn(ctx, e, tag, "the destination was told, and its answer was not seen")
	case p.now().Before(e.NotBefore):
		return fmt.Errorf("withdraw %s: the destination asked to wait until %s", at, e.NotBefore.Format(time.RFC3339))
	}
	parcel, err := p.pack(ctx, e, c)
	if err != nil && !domain.IsPermanent(err) {
		return fmt.Errorf("withdraw %s: %w", at, err)
	}
	e.Withdrawing, e.Withdrawals = true, e.Withdrawals+1
	if tag, err = p.ledger.write(ctx, e, tag); err != nil {
		return fmt.Errorf("withdraw %s: %w", at, err)
	}
	calling, cancel := context.WithTimeout(ctx, p.timeout)
	err = c.withdraw(calling, parcel, e.Value.RemoteID)
	cancel()
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	switch {
	case err == nil:
		return p.withdrawn(ctx, e, tag, "taken down")
	case errors.Is(err, errUnanswered):
		return p.withdrawn(ctx, e, tag, "the destination was told, and its answer was not seen")
	case domain.IsPermanent(err) || e.Withdrawals >= p.attempts:
		return p.withdrawn(ctx, e, tag, "the destination did not take the withdrawal: "+err.Error())
	}
	e.Withdrawing, e.NotBefore = false, p.now().Add(pauseAfter(e.Withdrawals, err))
	if _, err := p.ledger.write(ctx, e, tag); err != nil {
		return fmt.Errorf("withdraw %s: %w", at, err)
	}
	return p.enqueue(ctx, kindWithdraw, e)
}

// withdrawn reports that there is nothing to take back, or no longer.
func withdrawn(s domain.PublicationState) bool {
	return s == domain.PublicationWithdrawn || s == domain.PublicationRejected || s == domain.PublicationFailed
}

// withdrawn settles at the version of the tag only: what changed meanwhile is looked at anew.
func (p *pusher) withdrawn(ctx context.Context, e entry, tag, reason string) error {
	e.Value.State, e.Value.Reason = domain.PublicationWithdrawn, reason
	e.Calling, e.NotBefore, e.Changed = time.Time{}, time.Time{}, p.now()
	if _, err := p.ledger.write(ctx, e, tag); err != nil {
		return fmt.Errorf("withdraw %s: %w", e.place(), err)
	}
	p.settled.WithLabelValues(string(e.Value.State)).Inc()
	p.log.Info("publication withdrawn", "clip_id", e.Value.Clip, "destination", e.Value.Destination, "reason", reason)
	return p.ledger.tell(ctx, e)
}
