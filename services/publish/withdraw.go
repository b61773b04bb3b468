package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/job"
	"liveclip/internal/note"
)

// withdraw is the handler of kindWithdraw: it takes a publication that was recalled back.
func (c *pusher) withdraw(ctx context.Context, j job.Job) error {
	at, err := keyOf(j)
	if err != nil {
		return err
	}
	e, tag, err := c.ledger.read(ctx, at)
	if err != nil {
		return fmt.Errorf("withdraw %s: %w", at, permanentIfMissing(err))
	}
	to, known := c.connectors[at.Destination]
	switch {
	case e.isWithdrawn() || e.Left:
		return c.close(ctx, e)
	case !e.settled() && e.Calling.IsZero():
		return c.withdrawn(ctx, e, tag, unsentReason(e))
	case !e.settled() && c.now().Sub(e.Calling) < c.timeout:
		return job.Later{After: e.Calling.Add(c.timeout).Sub(c.now()), Why: fmt.Errorf("withdraw %s: it is being sent", at)}
	case !known:
		return c.leave(ctx, e, tag, note.NobodyTold.Say())
	case e.Withdrawing && !to.repeatable():
		return c.leave(ctx, e, tag, note.RecallUnseen.Say())
	case c.now().Before(e.NotBefore):
		return job.Later{After: e.NotBefore.Sub(c.now()), Why: fmt.Errorf("withdraw %s: not before %s", at, e.NotBefore.Format(time.RFC3339))}
	}
	parcel, err := c.publicationOf(ctx, e, to)
	if err != nil && !domain.IsPermanent(err) { // replaced, or without its rendition, it is taken back all the same
		return fmt.Errorf("withdraw %s: %w", at, err)
	}
	e.Withdrawing, e.Withdrawals = true, e.Withdrawals+1
	if tag, err = c.ledger.write(ctx, e, tag); err != nil {
		return fmt.Errorf("withdraw %s: %w", at, err)
	}
	calling, cancel := context.WithTimeout(ctx, c.timeout)
	err = to.withdraw(calling, parcel, e.Value.RemoteID)
	cancel()
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	switch {
	case err == nil:
		return c.withdrawn(ctx, e, tag, e.Recalled)
	case errors.Is(err, errUnanswered) && !to.repeatable():
		return c.leave(ctx, e, tag, note.RecallUnseen.Say())
	case domain.IsPermanent(err) || e.Withdrawals >= c.attempts:
		return c.leave(ctx, e, tag, note.NotRecalled.Say(err))
	}
	e.Withdrawing, e.NotBefore = false, c.now().Add(pauseAfter(e.Withdrawals, err))
	if _, err := c.ledger.write(ctx, e, tag); err != nil {
		return fmt.Errorf("withdraw %s: %w", at, err)
	}
	return c.enqueue(ctx, e)
}

// withdrawn ends a publication that is not there any more.
func (c *pusher) withdrawn(ctx context.Context, e entry, tag, reason string) error {
	e.Value.State = domain.PublicationWithdrawn
	return c.end(ctx, e, tag, reason)
}

// leave ends a publication of which only a person can find out whether it is still there.
func (c *pusher) leave(ctx context.Context, e entry, tag, reason string) error {
	e.Value.State, e.Left = domain.PublicationUnknown, true
	return c.end(ctx, e, tag, reason)
}

// end settles at the version of the tag only: what changed meanwhile is looked at anew.
func (c *pusher) end(ctx context.Context, e entry, tag, reason string) error {
	e.Value.Reason = reason
	e.Calling, e.NotBefore, e.Changed = time.Time{}, time.Time{}, c.now()
	if _, err := c.ledger.write(ctx, e, tag); err != nil {
		return fmt.Errorf("withdraw %s: %w", e.key(), err)
	}
	c.settled.WithLabelValues(string(e.Value.State)).Inc()
	c.log.Info("publication ended", "clip_id", e.Value.Clip, "destination", e.Value.Destination, "state", e.Value.State, "reason", reason)
	return c.close(ctx, e)
}
