package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/export"
	"liveclip/internal/reel"
)

// recap asks for the best of a recording as one reel and gives its clip's ID; empty when there is nothing to show.
func (b *batch) recap(ctx context.Context, ref domain.Ref, state *heardStream) (domain.ClipID, error) {
	var clips []reel.Clip
	for id, steps := range state.clips {
		plan, rendered, decided := steps[domain.StepPlanned].Plan, steps[domain.StepRendered].Rendered, steps[domain.StepDecided].Decided
		if plan == nil || rendered == nil || decided == nil || decided.Verdict != domain.VerdictApproved {
			continue
		}
		clips = append(clips, reel.Clip{ID: id, Window: rendered.Window, Score: plan.Score, Title: rendered.Title, Text: rendered.Text, Product: plan.Product})
	}
	chosen := reel.Choose(clips, b.Recap)
	if len(chosen) == 0 {
		return "", nil
	}
	h := reel.Highlight(chosen)
	h.ID, h.By, h.TriggeredAt = domain.NewRequestID(ref, "recap/"+b.Recap.String()), "batch", time.Now()
	h.Reasons = []domain.Reason{{Signal: "request", Detail: fmt.Sprintf("the best of %d clips", len(clips)), At: h.Window.Start, Weight: 1}}
	clip := domain.NewClipID(h.ID, "main")
	b.follow.expect(ref, clip)
	return clip, b.platform.Bus.Publish(ctx, event.Event{
		Envelope: event.Envelope{
			ID: domain.H("event", string(event.ClipRequested), string(h.ID)), Tenant: ref.Tenant, Stream: ref.Stream,
			Broadcast: domain.ArchivedBroadcast(ref), At: h.Window.Start, Wall: h.TriggeredAt, Lane: domain.LaneBatch,
		},
		Payload: h,
	})
}

// collectRecap copies a recap's files out of the store.
func (b *batch) collectRecap(ctx context.Context, ref domain.Ref, id domain.ClipID, state *heardStream, result *export.Source) error {
	steps := state.clips[id]
	clip, err := b.clip(ctx, ref, id, steps)
	if err != nil {
		return err
	}
	if plan := steps[domain.StepPlanned].Plan; plan != nil {
		for _, c := range plan.Chapters {
			clip.Chapters = append(clip.Chapters, export.Chapter{Start: c.Window.Start.Seconds(), End: c.Window.End.Seconds(), Title: c.Title})
		}
	}
	if rendered := steps[domain.StepRendered].Rendered; rendered != nil && rendered.Chapters != "" {
		path := filepath.Join(string(ref.Stream), string(id), "chapters.vtt")
		clip.ChaptersFile = filepath.ToSlash(path)
		if err := fetch(ctx, b.platform.Store, rendered.Chapters, filepath.Join(b.Out, path)); err != nil {
			return err
		}
	}
	result.Recap = &clip
	return nil
}
