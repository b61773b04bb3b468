package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/export"
)

// collect copies a stream's clips, and its recap where there is one, out of the store.
func (b *batch) collect(ctx context.Context, ref domain.Ref, state *heardStream, recap domain.ClipID, result *export.Source) {
	result.Duration, result.FrameRate = state.recordedTo.Seconds(), state.parameters.FrameRate
	result.Transcript, result.Engine = state.transcript(), state.engine
	for id, steps := range state.clips {
		if id == recap {
			continue
		}
		clip, err := b.clip(ctx, ref, id, steps)
		if err != nil {
			result.Error = err.Error()
			continue
		}
		result.Clips = append(result.Clips, clip)
	}
	if recap != "" {
		if err := b.collectRecap(ctx, ref, recap, state, result); err != nil {
			result.Error = err.Error()
		}
	}
	if len(result.Clips) == 0 && result.Error == "" {
		result.Note = "no highlight found · 没有发现高光"
		if len(result.Transcript) == 0 {
			result.Note += " (no speech was recognised in it)"
		}
	}
}

func (b *batch) clip(ctx context.Context, ref domain.Ref, id domain.ClipID, steps map[domain.Step]domain.ClipStep) (export.Clip, error) {
	clip := export.Clip{ID: id}
	if plan := steps[domain.StepPlanned].Plan; plan != nil {
		clip.Start, clip.End, clip.Score = plan.Window.Start.Seconds(), plan.Window.End.Seconds(), plan.Score
		clip.Title, clip.Text = plan.Title, plan.Text
		for _, r := range plan.Reasons {
			reason := export.Reason{Signal: r.Signal, Detail: r.Detail, At: r.At.Seconds()}
			for _, p := range r.Phrases {
				reason.Phrases = append(reason.Phrases, export.Phrase{Spoken: p.Spoken, Written: p.Written, Start: p.Start.Seconds(), End: p.End.Seconds()})
			}
			clip.Reasons = append(clip.Reasons, reason)
		}
	}
	if decided := steps[domain.StepDecided].Decided; decided != nil {
		clip.Verdict, clip.Note = decided.Verdict, decided.Reason
	}
	clip.Note = strings.TrimSpace(clip.Note + " " + steps[domain.StepFailed].Note)
	rendered := steps[domain.StepRendered].Rendered
	if rendered == nil {
		return clip, nil
	}
	clip.Start, clip.End, clip.Text = rendered.Window.Start.Seconds(), rendered.Window.End.Seconds(), rendered.Text
	folder := filepath.Join(string(ref.Stream), string(id))
	if err := os.MkdirAll(filepath.Join(b.Out, folder), 0o755); err != nil {
		return clip, fmt.Errorf("clip %s: %w", id, err)
	}
	for _, r := range rendered.Renditions {
		path := filepath.Join(folder, r.Profile+".mp4")
		if err := fetch(ctx, b.platform.Store, r.Key, filepath.Join(b.Out, path)); err != nil {
			return clip, fmt.Errorf("clip %s: %w", id, err)
		}
		clip.Renditions = append(clip.Renditions, export.Rendition{
			Profile: r.Profile, Path: filepath.ToSlash(path), Width: r.Width, Height: r.Height, Duration: r.Length.Seconds(), Bytes: r.Bytes,
		})
	}
	clip.Cover = filepath.ToSlash(filepath.Join(folder, "cover.jpg"))
	return clip, fetch(ctx, b.platform.Store, rendered.Cover, filepath.Join(b.Out, folder, "cover.jpg"))
}

func fetch(ctx context.Context, store blob.Store, key, path string) error {
	content, _, err := store.Get(ctx, key, 0, -1)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	defer content.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(file, content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return file.Close()
}
