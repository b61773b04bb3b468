package t2v

import (
	"context"
	"fmt"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

const byRule = "rule"

// decided handles clip.decided.v1: shots of a clip that was taken down, or that a person rejected, are wanted no more.
// Whoever makes them, in whatever process, stops, and so does the engine. Those of one that a person approved after all
// are made again.
func (s *Service) decided(ctx context.Context, e event.Event) error {
	d, ok := e.Payload.(domain.Decided)
	if !ok {
		return domain.Permanent(fmt.Errorf("clip.decided event %s: payload is %T", e.ID, e.Payload))
	}
	switch {
	case d.TakeDown, d.Verdict == domain.VerdictRejected && d.By != byRule:
		if err := s.jobs.Cancel(ctx, shotsID(d.Clip, d.Revision)); err != nil {
			return fmt.Errorf("cancel shots of clip %s: %w", d.Clip, err)
		}
	case d.Verdict == domain.VerdictApproved && d.By != byRule:
		// Where no cut has come of its plan, the sweep queues it.
		if err := s.jobs.Allow(ctx, shotsID(d.Clip, d.Revision)); err != nil {
			return fmt.Errorf("make shots of clip %s after all: %w", d.Clip, err)
		}
	}
	return nil
}

// handle sorts what comes.
func (s *Service) handle(ctx context.Context, e event.Event) error {
	if _, decided := e.Payload.(domain.Decided); decided {
		return s.decided(ctx, e)
	}
	return s.planMade(ctx, e)
}
