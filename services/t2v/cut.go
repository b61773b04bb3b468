package t2v

import (
	"context"
	"fmt"
	"slices"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/note"
	"liveclip/internal/record"
)

// shotResult is what became of a template or generated shot: its object, or why there is none.
type shotResult struct {
	storedShot
	File string
	Note string // for a person; empty with a File
}

// cut writes the cut of a plan, whose shots other than footage became shots (one entry per shot of the plan), and announces
// the one that was written first.
func (s *Service) cut(ctx context.Context, plan record.Of[domain.Plan], shots []shotResult) error {
	cut := editList(plan.Value, shots)
	fact := plan.Envelope.Follow(cut, s.now(), revisionID(plan.Value))
	written := record.Of[domain.Cut]{Envelope: fact.Envelope, Value: cut}
	key := record.Cut(plan.Envelope.Tenant, cut.Clip, cut.Revision)
	first, err := blob.WriteNewJSON(ctx, s.store, key, &written)
	if err != nil {
		return fmt.Errorf("write cut of clip %s: %w", cut.Clip, err)
	}
	if first {
		s.metrics.cuts.Inc()
		s.log.Info("cut made", "clip_id", cut.Clip, "revision", cut.Revision, "parts", len(cut.Parts), "notes", cut.Notes)
	}
	return s.announce(ctx, written)
}

// announce tells a cut that lies in the store; telling it again is harmless.
func (s *Service) announce(ctx context.Context, cut record.Of[domain.Cut]) error {
	step := cut.Envelope.Follow(domain.ClipStep{
		Clip:     cut.Value.Clip,
		Revision: cut.Value.Revision,
		Step:     domain.StepCut,
		At:       cut.Envelope.Wall,
		Note:     note.Join(cut.Value.Notes),
		Shots:    cut.Value.Shots,
	}, cut.Envelope.Wall, "cut")
	if err := s.bus.Publish(ctx, event.Event{Envelope: cut.Envelope, Payload: cut.Value}, step); err != nil {
		return fmt.Errorf("announce cut of clip %s: %w", cut.Value.Clip, err)
	}
	return nil
}

// editList puts the shots in order. One that could not be made gives its place to footage: the shot's own window, or, in a plan
// with no other footage, the plan's.
func editList(plan domain.Plan, shots []shotResult) domain.Cut {
	cut := domain.Cut{Clip: plan.Clip, Revision: plan.Revision, Mode: plan.Mode, Joint: plan.Joint, Music: plan.Music}
	footage := slices.ContainsFunc(plan.Shots, func(s domain.Shot) bool { return s.Kind == domain.ShotFootage })
	for i, shot := range plan.Shots {
		if shot.Kind != domain.ShotFootage {
			cut.Shots = append(cut.Shots, shots[i].Record)
			cut.Notes = append(cut.Notes, shots[i].Notes...)
		}
		switch {
		case shot.Kind == domain.ShotFootage:
			cut.Parts = append(cut.Parts, domain.CutPart{Window: shot.Window})
		case shots[i].File != "":
			cut.Parts = append(cut.Parts, domain.CutPart{File: shots[i].File, Generated: shots[i].Generated, Loudness: shots[i].Loudness})
		default:
			cut.Notes = append(cut.Notes, shots[i].Note)
			if window := shot.Window; window.Length() > 0 {
				cut.Parts = append(cut.Parts, domain.CutPart{Window: window})
			} else if !footage {
				cut.Parts = append(cut.Parts, domain.CutPart{Window: plan.Window})
				footage = true
			}
		}
	}
	return cut
}
