package ops

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	opsv1 "liveclip/proto/ops/v1"
)

// Trim moves the ends of a clip that was planned: a new revision of it is asked for, and the window is kept as a label. When two
// calls trim the same revision, the first is made.
func (s *Service) Trim(ctx context.Context, req *opsv1.TrimRequest) (*opsv1.Clip, error) {
	c, err := s.authorize(ctx, operator)
	if err != nil {
		return nil, err
	}
	clip, err := s.findClip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	rev := newestRevision(clip)
	switch {
	case rev.takenDown:
		return nil, conflict("clip %s was taken down: it can't be changed any more", clip.ID)
	case rev.plan == nil:
		return nil, conflict("clip %s is %s: its ends can be moved once it is planned", clip.ID, rev.state())
	case len(rev.plan.Chapters) > 0:
		return nil, unprocessable("clip %s is a recap: it has no two ends", clip.ID)
	}
	start, err1 := parseSeconds("start_s", req.StartS)
	end, err2 := parseSeconds("end_s", req.EndS)
	if err := errors.Join(err1, err2); err != nil {
		return nil, unprocessable("window: %s", err)
	}
	window := domain.Window{Start: start, End: end}
	if window == rev.plan.Window {
		return s.clipMessage(ctx, c, clip, nil), nil
	}
	ref := clip.Envelope.Ref()
	stream, err := s.findStream(ctx, ref)
	if err != nil {
		return nil, err
	}
	if stream.Broadcast.ID != clip.Envelope.Broadcast {
		return nil, conflict("clip %s is of a broadcast before the newest: its ends can't be moved any more", clip.ID)
	}
	kept, err := s.Recording.KeptFrom(ctx, ref, stream.Broadcast.ID)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	if window, _, err = clampWindow(window, stream.Broadcast, kept, mediaNow(stream.Broadcast, now), s.cfg); err != nil {
		return nil, err
	}
	e := trimEvent(clip.Envelope, *rev.plan, window, rev.number+1, c.name, now)
	if err := s.Bus.Publish(ctx, e); err != nil {
		return nil, fmt.Errorf("trim clip %s: %w", clip.ID, err)
	}
	s.labelRequest(ctx, e)
	m := s.clipMessage(ctx, c, clip, nil)
	m.Revision, m.State, m.StartS, m.EndS = int32(rev.number+1), "requested", window.Start.Seconds(), window.End.Seconds()
	return m, nil
}

// trimEvent is the request for a revision of a clip with another window and all else the same; only a title that liveclip worded
// is worded again.
func trimEvent(of event.Envelope, p domain.Plan, w domain.Window, revision int, by string, now time.Time) event.Event {
	vertical, opening, title := false, domain.OpeningNone, ""
	if p.Titled {
		title = p.Title
	}
	if first := p.Shots[:min(1, len(p.Shots))]; len(first) > 0 && first[0].Kind == domain.ShotTemplate {
		opening = first[0].Template
	}
	for _, profile := range p.Profiles {
		vertical = vertical || profile.Name == "vertical"
	}
	return event.Event{
		Envelope: event.Envelope{
			ID:     domain.H("event", string(event.ClipRequested), string(p.Highlight), strconv.Itoa(revision)),
			Tenant: of.Tenant, Stream: of.Stream, Broadcast: of.Broadcast, Epoch: of.Epoch, At: w.Start, Wall: now, Lane: domain.LaneManual,
		},
		Payload: domain.Highlight{
			ID: p.Highlight, Kind: p.Kind, Window: w, Score: p.Score, Reasons: p.Reasons, Text: p.Text, Title: title, By: by, TriggeredAt: now,
			Mode: p.Mode, Vertical: vertical, Opening: opening, Features: p.Features, Product: p.Product, Shortest: p.Shortest, Revision: revision,
		},
	}
}
