package t2v

import (
	"context"
	"fmt"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

const byRule = "rule"

// decided handles clip.decided.v1: shots of a clip that was taken down, or that a person rejected, are wanted no more. Whoever makes
// them, in whatever process, stops, and so does the engine.
func (s *Service) decided(ctx context.Context, e event.Event) error {
	d, ok := e.Payload.(domain.Decided)
	if !ok {
		return domain.Permanent(fmt.Errorf("clip.decided event %s: payload is %T", e.ID, e.Payload))
	}
	if !d.TakeDown && (d.Verdict != domain.VerdictRejected || d.By == byRule) {
		return nil
	}
	if err := s.jobs.Cancel(ctx, shotsID(d.Clip, d.Revision)); err != nil {
		return fmt.Errorf("cancel shots of clip %s: %w", d.Clip, err)
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
