package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/note"
	"liveclip/internal/record"
)

// decided handles clip.decided.v1.
func (s *Service) decided(ctx context.Context, e event.Event) error {
	d, ok := e.Payload.(domain.Decided)
	if !ok {
		return domain.Permanent(fmt.Errorf("event %s: %T is no verdict", e.ID, e.Payload))
	}
	s.vod.Drop(e.Tenant, d.Clip)
	switch {
	case d.TakeDown:
		return s.withdrawEverywhere(ctx, e.Envelope, d.Clip)
	case d.Verdict == domain.VerdictApproved && d.Hash != "" && d.Destination != "":
		return s.sendTo(ctx, e.Envelope, d)
	case d.Verdict == domain.VerdictApproved && d.Hash != "":
		return s.sendEverywhere(ctx, e.Envelope, d)
	}
	return nil
}

// sendEverywhere has a clip brought to every destination that takes clips by itself, and to those that a person chose for a
// revision before it.
func (s *Service) sendEverywhere(ctx context.Context, cause event.Envelope, d domain.Decided) error {
	entries, err := s.ledger.entriesOf(ctx, cause.Tenant, d.Clip)
	if err != nil {
		return fmt.Errorf("publish clip %s: %w", d.Clip, err)
	}
	for _, dest := range s.cfg.Destinations {
		if dest.Manual && !follows(entries, dest.Name, d.Revision) {
			continue
		}
		e, err := s.ledger.intend(ctx, cause, d, dest.Name)
		if err == nil && !e.settled() {
			err = s.send(ctx, e)
		}
		if err != nil {
			return fmt.Errorf("publish clip %s to %s: %w", d.Clip, dest.Name, err)
		}
	}
	return nil
}

// follows reports that a revision goes to where a person sent one before it: such a one is there, or may be or come to be, or
// the newest of them was not sent only because this one was there already.
func follows(entries []entry, destination string, revision int) bool {
	var newest entry
	found := false
	for _, e := range entries {
		if e.Value.Destination != destination || e.Value.Revision >= revision {
			continue
		}
		if !e.isWithdrawn() {
			return true
		}
		if !found || e.Value.Revision > newest.Value.Revision {
			newest, found = e, true
		}
	}
	return newest.Overtaken
}

// sendTo brings a clip to one destination because a person said so: also to one that is younger than the clip, and again to
// one where it failed, was refused, or nobody knows what became of it.
func (s *Service) sendTo(ctx context.Context, cause event.Envelope, d domain.Decided) error {
	if _, known := s.pusher.connectors[d.Destination]; !known {
		refused := domain.PublicationChanged{
			Clip: d.Clip, Revision: d.Revision, Destination: d.Destination, State: domain.PublicationFailed, Reason: note.NoDestination.Say(),
		}
		if err := s.ledger.bus.Publish(ctx, cause.Follow(refused, s.deps.Now(), d.Destination)); err != nil {
			return fmt.Errorf("publish clip %s to %s: %w", d.Clip, d.Destination, err)
		}
		return nil
	}
	var m domain.Manifest
	_, err := blob.ReadJSON(ctx, s.deps.Store, record.Manifest(cause.Tenant, d.Clip), &m)
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		return fmt.Errorf("publish clip %s to %s: %w", d.Clip, d.Destination, err)
	}
	if m.Rendered.Revision > d.Revision { // whose verdict may have been handled before this request
		d.Revision, d.Hash = m.Rendered.Revision, m.Rendered.Hash
	}
	e, err := s.ledger.intend(ctx, cause, d, d.Destination)
	if err == nil && renews(e, cause) {
		e, err = s.ledger.renew(ctx, e.key(), cause, d)
	}
	if err == nil && !e.settled() {
		err = s.send(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("publish clip %s to %s: %w", d.Clip, d.Destination, err)
	}
	return nil
}

// send tells of an intended entry and has it worked on.
func (s *Service) send(ctx context.Context, e entry) error {
	if err := s.ledger.publishChange(ctx, e); err != nil {
		return err
	}
	return s.pusher.begin(ctx, e)
}

// withdrawEverywhere has a clip that was taken down withdrawn from wherever it is, or may be.
func (s *Service) withdrawEverywhere(ctx context.Context, cause event.Envelope, c domain.ClipID) error {
	if err := s.intendPurges(ctx, cause, c); err != nil {
		return fmt.Errorf("withdraw clip %s: %w", c, err)
	}
	entries, err := s.ledger.entriesOf(ctx, cause.Tenant, c)
	if err != nil {
		return fmt.Errorf("withdraw clip %s: %w", c, err)
	}
	for _, e := range entries {
		if e.isWithdrawn() {
			continue
		}
		if err := s.pusher.recall(ctx, e.key(), note.TakenDown.Say()); err != nil {
			return fmt.Errorf("withdraw clip %s: %w", c, err)
		}
	}
	return nil
}

// intendPurges adds to the ledger the CDNs that were configured after the clip was published: they may have cached it all the same.
func (s *Service) intendPurges(ctx context.Context, cause event.Envelope, c domain.ClipID) error {
	var m domain.Manifest
	_, err := blob.ReadJSON(ctx, s.deps.Store, record.Manifest(cause.Tenant, c), &m)
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, dest := range s.cfg.Destinations {
		if dest.Kind != kindCDN {
			continue
		}
		d := domain.Decided{Clip: c, Revision: m.Rendered.Revision, Hash: m.Rendered.Hash}
		if _, err := s.ledger.intendAs(ctx, cause, d, dest.Name, domain.PublicationVisible); err != nil {
			return err
		}
	}
	return nil
}

// sweep puts back what is open, as after a loss of the queue, until ctx ends.
func (s *Service) sweep(ctx context.Context) {
	tick := time.NewTicker(s.sweepPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			s.deps.Log.Warn("open publications not swept", "error", err)
		}
	}
}

func (s *Service) sweepOnce(ctx context.Context) error {
	open, faults := s.ledger.openKeys(ctx, s.deps.Now().Add(-s.sweepAge))
	for _, at := range open {
		e, _, err := s.ledger.read(ctx, at)
		switch {
		case errors.Is(err, blob.ErrNotFound):
			err = s.ledger.unmarkOpen(ctx, at)
		case err != nil:
		case e.open():
			err = s.pusher.enqueue(ctx, e)
		default:
			err = s.pusher.close(ctx, e) // who settled it died before telling
		}
		faults = errors.Join(faults, err) // the others are looked after all the same
	}
	return faults
}
