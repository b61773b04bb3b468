package ops

import (
	"context"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/record"
	"liveclip/internal/view"
)

// labelDecision keeps what a person thought of a clip that was noticed, for detect tune. It never fails a decision.
func (s *Service) labelDecision(ctx context.Context, clip view.Clip, e event.Event, verdict domain.Verdict) {
	st := storyOf(clip)
	if st.plan == nil || st.plan.By != "" {
		return // a window that a person chose says nothing of what was noticed
	}
	s.keepLabel(ctx, e, domain.Label{
		Clip: clip.ID, Kind: st.plan.Kind, Window: st.plan.Window, Verdict: verdict, Score: st.plan.Score, Features: st.plan.Features,
	})
}

// labelRequest keeps a window that a person asked for: a moment that was missed, or noticed with other ends.
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
