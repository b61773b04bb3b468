package publish

import (
	"context"
	"fmt"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// asked brings a clip to one destination because a person said so: also to one that is younger than the clip, and again to
// one where it failed, was refused, or nobody knows what became of it.
func (s *Service) asked(ctx context.Context, cause event.Envelope, d domain.Decided) error {
	if _, known := s.pusher.connectors[d.Destination]; !known {
		refused := domain.PublicationChanged{
			Clip: d.Clip, Revision: d.Revision, Destination: d.Destination, State: domain.PublicationFailed, Reason: "no such destination is configured",
		}
		if err := s.ledger.bus.Publish(ctx, cause.Follow(refused, s.deps.Now(), d.Destination)); err != nil {
			return fmt.Errorf("publish clip %s to %s: %w", d.Clip, d.Destination, err)
		}
		return nil
	}
	e, err := s.ledger.intend(ctx, cause, d, d.Destination)
	if err == nil && again(e, cause) {
		e, err = s.renew(ctx, e.place(), cause, d)
	}
	if err != nil {
		return fmt.Errorf("publish clip %s to %s: %w", d.Clip, d.Destination, err)
	}
	if e.final() {
		return nil
	}
	if err := s.ledger.tell(ctx, e); err != nil {
		return err
	}
	if err := s.enqueue(ctx, kindPush, e); err != nil {
		return fmt.Errorf("publish clip %s to %s: %w", d.Clip, d.Destination, err)
	}
	return nil
}

// again tells whether a call may be made once more because of this request. The request that the entry stands for has had
// its call: told again it changes nothing.
func again(e entry, cause event.Envelope) bool {
	if e.Envelope.ID == cause.ID {
		return false
	}
	switch e.Value.State {
	case domain.PublicationFailed, domain.PublicationRejected, domain.PublicationUnknown:
		return true
	}
	return false
}

// renew makes the entry intended once more. Its calls go on counting: one more is made.
func (s *Service) renew(ctx context.Context, at place, cause event.Envelope, d domain.Decided) (entry, error) {
	e, tag, err := s.ledger.read(ctx, at)
	if err != nil || !again(e, cause) {
		return e, err
	}
	e.Envelope, e.Hash, e.Changed = cause, d.Hash, s.deps.Now()
	e.Value.State, e.Value.Reason = domain.PublicationIntended, ""
	_, err = s.ledger.write(ctx, e, tag)
	return e, err
}
