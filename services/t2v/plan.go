package t2v

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/job"
	"liveclip/internal/note"
	"liveclip/internal/record"
	"liveclip/internal/story"
)

const (
	jobShots = "t2v:shots"
	maxShots = 64          // of one plan
	maxShot  = time.Minute // of a template or generated shot
)

// jobPayload is the payload of a job: which plan.
type jobPayload struct {
	Tenant   domain.Tenant
	Clip     domain.ClipID
	Revision int
}

// planMade handles plan.made.v1.
func (s *Service) planMade(ctx context.Context, e event.Event) error {
	plan, ok := e.Payload.(domain.Plan)
	if !ok {
		return domain.Permanent(fmt.Errorf("plan.made event %s: payload is %T", e.ID, e.Payload))
	}
	return s.advance(ctx, record.Of[domain.Plan]{Envelope: e.Envelope, Value: plan})
}

// retryPlan takes up a plan whose cut never came.
func (s *Service) retryPlan(ctx context.Context, c story.Clip) error {
	step := c.Steps[domain.StepPlanned]
	var plan record.Of[domain.Plan]
	if _, err := blob.ReadJSON(ctx, s.store, record.Plan(c.Envelope.Tenant, step.Clip, step.Revision), &plan); err != nil {
		return fmt.Errorf("read plan of clip %s: %w", step.Clip, err)
	}
	return s.advance(ctx, plan)
}

// advance makes the cut of a plan of footage at once, and queues a plan with shots to make.
func (s *Service) advance(ctx context.Context, plan record.Of[domain.Plan]) error {
	if err := checkPlan(plan.Value); err != nil {
		if said := s.sayFailed(ctx, plan, err); said != nil {
			return said
		}
		return domain.Permanent(err)
	}
	if footageOnly(plan.Value) {
		return s.cut(ctx, plan, make([]shotResult, len(plan.Value.Shots)))
	}
	payload, err := json.Marshal(jobPayload{plan.Envelope.Tenant, plan.Value.Clip, plan.Value.Revision})
	if err != nil {
		return domain.Permanent(fmt.Errorf("queue shots of clip %s: %w", plan.Value.Clip, err))
	}
	err = s.jobs.Enqueue(ctx, job.Job{
		Kind:    jobShots,
		ID:      shotsID(plan.Value.Clip, plan.Value.Revision),
		Lane:    plan.Envelope.Lane,
		Share:   string(plan.Envelope.Tenant) + "/" + string(plan.Envelope.Stream),
		Payload: payload,
	})
	if err != nil {
		return fmt.Errorf("queue shots of clip %s: %w", plan.Value.Clip, err)
	}
	return nil
}

func shotsID(clip domain.ClipID, revision int) string {
	return fmt.Sprintf("%s/%s/shots/%d", jobShots, clip, revision)
}

// checkPlan gives what makes a plan impossible to cut, or nil.
func checkPlan(p domain.Plan) error {
	if len(p.Shots) == 0 {
		return fmt.Errorf("plan of clip %s: has no shots", p.Clip)
	}
	if len(p.Shots) > maxShots {
		return fmt.Errorf("plan of clip %s: %d shots, at most %d", p.Clip, len(p.Shots), maxShots)
	}
	for i, shot := range p.Shots {
		switch shot.Kind {
		case domain.ShotFootage:
			if shot.Window.Start < 0 || shot.Window.Length() == 0 {
				return fmt.Errorf("plan of clip %s: shot %d: window %v to %v has no length in the recording", p.Clip, i, shot.Window.Start, shot.Window.End)
			}
		case domain.ShotTemplate, domain.ShotGenerated:
			if shot.Length <= 0 || shot.Length > maxShot {
				return fmt.Errorf("plan of clip %s: shot %d: length %v is not between 0 and %v", p.Clip, i, shot.Length, maxShot)
			}
		default:
			return fmt.Errorf("plan of clip %s: shot %d: kind %.40q is unknown", p.Clip, i, shot.Kind)
		}
	}
	return nil
}

func footageOnly(p domain.Plan) bool {
	for _, shot := range p.Shots {
		if shot.Kind != domain.ShotFootage {
			return false
		}
	}
	return true
}

// sayFailed ends the clip's story with a reason for a person.
func (s *Service) sayFailed(ctx context.Context, plan record.Of[domain.Plan], cause error) error {
	step := domain.ClipStep{Clip: plan.Value.Clip, Revision: plan.Value.Revision, Step: domain.StepFailed, At: s.now(), Note: note.NoCut.Say(cause)}
	return s.bus.Publish(ctx, plan.Envelope.Follow(step, s.now(), "t2v failed/"+revisionID(plan.Value)))
}

// revisionID tells one revision of a clip from everything else that may follow from the same event.
func revisionID(p domain.Plan) string { return fmt.Sprintf("%s/%d", p.Clip, p.Revision) }
