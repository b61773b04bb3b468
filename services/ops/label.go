package ops

import (
	"context"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/record"
	"liveclip/internal/view"
)

// labelDecision keeps a person's verdict on a clip that detection found as a label for tuning it. It never fails a decision.
func (s *Service) labelDecision(ctx context.Context, clip view.Clip, e event.Event, verdict domain.Verdict) {
	rev := newestRevision(clip)
	if rev.plan == nil || rev.plan.By != "" {
		return // a window that a person chose says nothing of detection
	}
	s.keepLabel(ctx, e, domain.Label{
		Clip: clip.ID, Kind: rev.plan.Kind, Window: rev.plan.Window, Verdict: verdict, Score: rev.plan.Score, Features: rev.plan.Features,
	})
}

// labelRequest keeps a window that a person asked for as a label: detection missed it, or gave it other ends.
func (s *Service) labelRequest(ctx context.Context, e event.Event) {
	h := e.Payload.(domain.Highlight)
	s.keepLabel(ctx, e, domain.Label{Clip: domain.NewClipID(h.ID, "main"), Kind: h.Kind, Window: h.Window, Verdict: domain.VerdictApproved, Manual: true})
}

func (s *Service) keepLabel(ctx context.Context, e event.Event, l domain.Label) {
	l.Stream, l.Broadcast, l.At = e.Stream, e.Broadcast, e.Wall
	if stream, err := s.views.Stream(ctx, e.Ref()); err == nil {
		l.Category = stream.State.Context.Category
	}
	if _, err := blob.WriteNewJSON(ctx, s.Store, record.Label(e.Tenant, l.Stream, l.Clip, e.ID), &l); err != nil {
		s.Log.Warn("label not kept", "clip_id", l.Clip, "stream_id", l.Stream, "error", err)
	}
}
