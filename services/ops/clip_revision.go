package ops

import (
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/view"
)

// byRule is who decides where no person did.
const byRule = "rule"

// revision is what the steps of one revision of a clip left, the newest for all that ops shows.
type revision struct {
	number    int
	plan      *domain.Plan
	rendered  *domain.Rendered
	decided   *domain.Decided
	shots     []domain.ShotRecord
	lastStep  domain.Step
	published time.Time // zero: not
	failed    string
	takenDown bool
}

func newestRevision(clip view.Clip) revision {
	var rev revision
	for _, step := range clip.Steps {
		rev.number = max(rev.number, step.Revision)
	}
	for i := range clip.Steps {
		step := &clip.Steps[i]
		if step.Step == domain.StepTakenDown {
			rev.takenDown = true
		}
		if step.Revision != rev.number {
			continue
		}
		if step.Plan != nil {
			rev.plan = step.Plan
		}
		if len(step.Shots) > 0 {
			rev.shots = step.Shots
		}
		if step.Rendered != nil {
			rev.rendered = step.Rendered
		}
		switch step.Step {
		case domain.StepDecided:
			if step.Decided != nil {
				rev.decided = step.Decided
			}
		case domain.StepPublished:
			rev.published = step.At
		case domain.StepFailed:
			rev.failed = step.Note
		}
		rev.lastStep = step.Step
	}
	if v := clip.ByPerson; v != nil && v.Revision == rev.number && (rev.decided == nil || rev.decided.By == byRule) {
		rev.decided = v
	}
	return rev
}

// clipState names a clip's state.
func clipState(clip view.Clip) string { return newestRevision(clip).state() }

func (rev revision) state() string {
	switch {
	case rev.takenDown:
		return "taken_down"
	case !rev.published.IsZero():
		return "published"
	case rev.decided != nil && rev.decided.Verdict == domain.VerdictRejected:
		return "rejected"
	case rev.lastStep == domain.StepFailed:
		return "failed"
	case rev.decided != nil && rev.rendered != nil:
		return string(rev.decided.Verdict)
	case rev.rendered != nil:
		return "rendered"
	case rev.lastStep == domain.StepDecided: // before it was rendered
		return string(domain.StepCut)
	case rev.lastStep == "":
		return "requested"
	}
	return string(rev.lastStep)
}
