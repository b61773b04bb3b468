package ops

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/note"
	"liveclip/internal/record"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// Decide carries a person's verdict to review, which keeps it and does what follows; a rejected clip that is playable
// already is taken down.
func (s *Service) Decide(ctx context.Context, req *opsv1.DecideRequest) (*opsv1.Clip, error) {
	c, err := s.need(ctx, operator)
	if err != nil {
		return nil, err
	}
	verdict := domain.Verdict(req.Verdict)
	if verdict != domain.VerdictApproved && verdict != domain.VerdictRejected {
		return nil, unprocessable("verdict: must be approved or rejected, is %.40q", req.Verdict)
	}
	if err := checkText("reason", req.Reason); err != nil {
		return nil, err
	}
	clip, err := s.clip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	st := storyOf(clip)
	switch state := st.state(); {
	case state == "taken_down":
		return nil, conflict("clip %s was taken down: nothing can be decided on it any more", clip.ID)
	case state == "failed" && verdict == domain.VerdictApproved:
		return nil, conflict("clip %s could not be made: there is nothing to approve", clip.ID)
	case state == "published" && verdict == domain.VerdictApproved: // nothing is left to be done; that it was liked is kept
		s.labelDecision(ctx, clip, origin(clip).Follow(domain.Decided{}, s.Now(), c.name), verdict)
		return s.clipMessage(ctx, c, clip, nil), nil
	}
	now := s.Now()
	decided := domain.Decided{Clip: clip.ID, Revision: st.revision, Verdict: verdict, By: c.name, Reason: req.Reason}
	e := origin(clip).Follow(decided, now, c.name+strconv.FormatInt(now.UnixNano(), 10))
	if err := s.tell(ctx, e); err != nil {
		return nil, fmt.Errorf("decide on clip %s: %w", clip.ID, err)
	}
	s.labelDecision(ctx, clip, e, verdict)
	return s.GetClip(ctx, &opsv1.GetClipRequest{ClipId: req.ClipId})
}

// origin is the clip's envelope as it stands for what a person does to it.
func origin(clip view.Clip) event.Envelope {
	e := clip.Envelope
	e.Trace = ""
	return e
}

// tell publishes events and shows them at once.
func (s *Service) tell(ctx context.Context, events ...event.Event) error {
	if err := s.Bus.Publish(ctx, events...); err != nil {
		return err
	}
	for _, e := range events {
		if err := s.views.Apply(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// TakeDown writes the record that every origin looks at first, and then tells. Again is no error.
func (s *Service) TakeDown(ctx context.Context, req *opsv1.TakeDownRequest) (*opsv1.Clip, error) {
	c, err := s.need(ctx, operator)
	if err != nil {
		return nil, err
	}
	if err := checkText("reason", req.Reason); err != nil {
		return nil, err
	}
	clip, err := s.clip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	decided := domain.Decided{
		Clip: clip.ID, Revision: storyOf(clip).revision, Verdict: domain.VerdictRejected, By: c.name, Reason: req.Reason, TakeDown: true,
	}
	e := origin(clip).Follow(decided, s.Now(), "take-down")
	kept := record.Of[domain.Decided]{Envelope: e.Envelope, Value: decided}
	if _, err := blob.WriteNewJSON(ctx, s.Store, record.TakeDown(c.tenant, clip.ID), &kept); err != nil {
		return nil, fmt.Errorf("take down clip %s: %w", clip.ID, err)
	}
	e = event.Event{Envelope: kept.Envelope, Payload: kept.Value} // an earlier take-down is told again
	step := e.Follow(domain.ClipStep{
		Clip: clip.ID, Revision: kept.Value.Revision, Step: domain.StepTakenDown, At: e.Wall, Note: byWhom(kept.Value), Decided: &kept.Value,
	}, e.Wall, "")
	if err := s.tell(ctx, e, step); err != nil {
		return nil, fmt.Errorf("take down clip %s: %w", clip.ID, err)
	}
	return s.GetClip(ctx, &opsv1.GetClipRequest{ClipId: req.ClipId})
}

func byWhom(d domain.Decided) string {
	if d.Reason == "" {
		return "by " + d.By
	}
	return note.TakenDownBy.Say(d.By, d.Reason)
}

// destinationName is the form of a destination's name in publish's configuration.
var destinationName = regexp.MustCompile(`^[a-z0-9_-]{1,40}$`)

// ListDestinations names the destinations that clips go to only by hand.
func (s *Service) ListDestinations(ctx context.Context, _ *opsv1.ListDestinationsRequest) (*opsv1.ListDestinationsReply, error) {
	_, err := s.need(ctx, viewer)
	return &opsv1.ListDestinationsReply{Manual: s.Destinations}, err
}

// Publish asks publish to bring a playable clip to a destination. One it is at, or on its way to, is left alone.
func (s *Service) Publish(ctx context.Context, req *opsv1.PublishRequest) (*opsv1.ListPublicationsReply, error) {
	c, err := s.need(ctx, operator)
	if err != nil {
		return nil, err
	}
	if !destinationName.MatchString(req.Destination) {
		return nil, unprocessable("destination: must be 1 to 40 lower-case letters, digits, '_' or '-', is %.80q", req.Destination)
	}
	clip, err := s.clip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	st := storyOf(clip)
	if st.state() != "published" || st.rendered == nil {
		return nil, conflict("clip %s is %s: only a playable clip can go to a destination", clip.ID, st.state())
	}
	reply := &opsv1.ListPublicationsReply{Publications: publicationMessages(clip)}
	for _, p := range reply.Publications {
		state := domain.PublicationState(p.State)
		under := state == domain.PublicationIntended || state == domain.PublicationAccepted || state == domain.PublicationVisible
		if p.Destination == req.Destination && under {
			return reply, nil
		}
	}
	now := s.Now()
	e := origin(clip).Follow(domain.Decided{
		Clip: clip.ID, Revision: st.revision, Verdict: domain.VerdictApproved, By: c.name, Hash: st.rendered.Hash, Destination: req.Destination,
	}, now, "publish/"+req.Destination+strconv.FormatInt(now.UnixNano(), 10))
	if err := s.Bus.Publish(ctx, e); err != nil {
		return nil, fmt.Errorf("publish clip %s to %s: %w", clip.ID, req.Destination, err)
	}
	return reply, nil
}
