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
	c, err := s.authorize(ctx, operator)
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
	clip, err := s.findClip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	rev := newestRevision(clip)
	switch state := rev.state(); {
	case state == "taken_down":
		return nil, conflict("clip %s was taken down: nothing can be decided on it any more", clip.ID)
	case state == "failed" && verdict == domain.VerdictApproved:
		return nil, conflict("clip %s could not be made: there is nothing to approve", clip.ID)
	case state == "published" && verdict == domain.VerdictApproved: // nothing is left to be done; that it was liked is kept
		s.labelDecision(ctx, clip, clipEnvelope(clip).Follow(domain.Decided{}, s.Now(), c.name), verdict)
		return s.clipMessage(ctx, c, clip, nil), nil
	}
	now := s.Now()
	decided := domain.Decided{Clip: clip.ID, Revision: rev.number, Verdict: verdict, By: c.name, Reason: req.Reason}
	e := clipEnvelope(clip).Follow(decided, now, c.name+strconv.FormatInt(now.UnixNano(), 10))
	if err := s.publishAndApply(ctx, e); err != nil {
		return nil, fmt.Errorf("decide on clip %s: %w", clip.ID, err)
	}
	s.labelDecision(ctx, clip, e, verdict)
	return s.GetClip(ctx, &opsv1.GetClipRequest{ClipId: req.ClipId})
}

// clipEnvelope is the clip's envelope as events that a person causes follow from it: without the trace that made the clip.
func clipEnvelope(clip view.Clip) event.Envelope {
	e := clip.Envelope
	e.Trace = ""
	return e
}

// publishAndApply publishes events, and applies them to the views, so that the caller reads what it wrote.
func (s *Service) publishAndApply(ctx context.Context, events ...event.Event) error {
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

// TakeDown writes the record that every VOD origin looks at before it serves, and then publishes. Again is no error.
func (s *Service) TakeDown(ctx context.Context, req *opsv1.TakeDownRequest) (*opsv1.Clip, error) {
	c, err := s.authorize(ctx, operator)
	if err != nil {
		return nil, err
	}
	if err := checkText("reason", req.Reason); err != nil {
		return nil, err
	}
	clip, err := s.findClip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	decided := domain.Decided{
		Clip: clip.ID, Revision: newestRevision(clip).number, Verdict: domain.VerdictRejected, By: c.name, Reason: req.Reason, TakeDown: true,
	}
	e := clipEnvelope(clip).Follow(decided, s.Now(), "take-down")
	kept := record.Of[domain.Decided]{Envelope: e.Envelope, Value: decided}
	if _, err := blob.WriteNewJSON(ctx, s.Store, record.TakeDown(c.tenant, clip.ID), &kept); err != nil {
		return nil, fmt.Errorf("take down clip %s: %w", clip.ID, err)
	}
	e = event.Event{Envelope: kept.Envelope, Payload: kept.Value} // an earlier take-down is published again
	step := e.Follow(domain.ClipStep{
		Clip: clip.ID, Revision: kept.Value.Revision, Step: domain.StepTakenDown, At: e.Wall, Note: takeDownNote(kept.Value), Decided: &kept.Value,
	}, e.Wall, "")
	if err := s.publishAndApply(ctx, e, step); err != nil {
		return nil, fmt.Errorf("take down clip %s: %w", clip.ID, err)
	}
	return s.GetClip(ctx, &opsv1.GetClipRequest{ClipId: req.ClipId})
}

// takeDownNote is the note of a take-down's step: who took the clip down, and why.
func takeDownNote(d domain.Decided) string {
	if d.Reason == "" {
		return "by " + d.By
	}
	return note.TakenDownBy.Say(d.By, d.Reason)
}

// destinationName is the form of a destination's name in publish's configuration.
var destinationName = regexp.MustCompile(`^[a-z0-9_-]{1,40}$`)

// ListDestinations names the destinations that clips go to only by hand.
func (s *Service) ListDestinations(ctx context.Context, _ *opsv1.ListDestinationsRequest) (*opsv1.ListDestinationsReply, error) {
	_, err := s.authorize(ctx, viewer)
	return &opsv1.ListDestinationsReply{Manual: s.Destinations}, err
}

// Publish asks publish to bring a playable clip to a destination. One it is at, or on its way to, is left alone.
func (s *Service) Publish(ctx context.Context, req *opsv1.PublishRequest) (*opsv1.ListPublicationsReply, error) {
	c, err := s.authorize(ctx, operator)
	if err != nil {
		return nil, err
	}
	if !destinationName.MatchString(req.Destination) {
		return nil, unprocessable("destination: must be 1 to 40 lower-case letters, digits, '_' or '-', is %.80q", req.Destination)
	}
	clip, err := s.findClip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	rev := newestRevision(clip)
	if rev.state() != "published" || rev.rendered == nil {
		return nil, conflict("clip %s is %s: only a playable clip can go to a destination", clip.ID, rev.state())
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
	e := clipEnvelope(clip).Follow(domain.Decided{
		Clip: clip.ID, Revision: rev.number, Verdict: domain.VerdictApproved, By: c.name, Hash: rev.rendered.Hash, Destination: req.Destination,
	}, now, "publish/"+req.Destination+strconv.FormatInt(now.UnixNano(), 10))
	if err := s.Bus.Publish(ctx, e); err != nil {
		return nil, fmt.Errorf("publish clip %s to %s: %w", clip.ID, req.Destination, err)
	}
	return reply, nil
}
