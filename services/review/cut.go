package review

import (
	"context"
	"encoding/json"
	"fmt"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/job"
	"liveclip/internal/story"
)

const (
	jobFinish   = "clip:finish"
	jobModerate = "clip:moderate"
)

// cutReady starts finishing and moderation side by side.
func (s *Service) cutReady(ctx context.Context, e event.Envelope, cut domain.Cut) error {
	n := name{e.Tenant, cut.Clip, cut.Revision}
	if err := s.enqueueFinish(ctx, n, e.Lane); err != nil {
		return err
	}
	return enqueue(ctx, s.moderating, jobModerate, n, e.Lane)
}

func (s *Service) enqueueFinish(ctx context.Context, n name, lane domain.Lane) error {
	if lane == domain.LaneBatch {
		return enqueue(ctx, s.archive, jobFinish, n, lane)
	}
	return enqueue(ctx, s.finishing, jobFinish, n, lane)
}

func enqueue(ctx context.Context, q queue, kind string, n name, lane domain.Lane) error {
	payload, err := json.Marshal(n)
	if err != nil {
		return domain.Permanent(fmt.Errorf("queue %s of clip %s: %w", kind, n, err))
	}
	j := job.Job{Kind: kind, ID: fmt.Sprintf("%s/%s/all/%d", kind, n.Clip, n.Revision), Lane: lane, Payload: payload}
	if err := q.Enqueue(ctx, j); err != nil {
		return fmt.Errorf("queue %s of clip %s: %w", kind, n, err)
	}
	return nil
}

// The sweepers put back what has no outcome. A job that is queued or running already stays as it is.

func (s *Service) finishAgain(ctx context.Context, c story.Clip) error {
	return s.enqueueFinish(ctx, swept(c, domain.StepCut), c.Envelope.Lane)
}

func (s *Service) moderateAgain(ctx context.Context, c story.Clip) error {
	return enqueue(ctx, s.moderating, jobModerate, swept(c, domain.StepCut), c.Envelope.Lane)
}

// releaseAgain tries the barrier again, unless the last verdict known waits for a person or says no.
func (s *Service) releaseAgain(ctx context.Context, c story.Clip) error {
	if d := c.Steps[domain.StepDecided].Decided; d != nil && d.Verdict != domain.VerdictApproved {
		return nil
	}
	return s.release(ctx, swept(c, domain.StepRendered))
}

func swept(c story.Clip, done domain.Step) name {
	step := c.Steps[done]
	return name{c.Envelope.Tenant, step.Clip, step.Revision}
}
