package review

import (
	"context"
	"fmt"
	"strings"
	"time"

	"liveclip/internal/caption"
	"liveclip/internal/domain"
	"liveclip/internal/record"
	mediav1 "liveclip/proto/media/v1"
)

const chaptersName = "chapters.vtt"

// chapters are a recap's, in clip time: one for each piece of footage, exact to the picture it begins with.
func (s *Service) chapters(c clip, finished []*mediav1.FinishedPart) []caption.Cue {
	titles := c.plan.Value.Chapters
	var chapters []caption.Cue
	for i, part := range c.cut.Value.Parts {
		if len(titles) == 0 || i >= len(finished) {
			break
		}
		if part.File != "" {
			continue
		}
		at, length := time.Duration(finished[i].GetAt()), time.Duration(finished[i].GetEnd()-finished[i].GetStart())
		title, _ := s.lists.Clean(titles[0].Title)
		titles = titles[1:]
		if length > 0 {
			chapters = append(chapters, caption.Cue{Start: at, End: at + length, Text: title})
		}
	}
	return chapters
}

// putChapters puts a recap's chapters beside its renditions.
func (s *Service) putChapters(ctx context.Context, c clip, finished *mediav1.Finished, r *domain.Rendered) error {
	chapters := s.chapters(c, finished.GetParts())
	if len(chapters) == 0 {
		return nil
	}
	r.Chapters = record.File(c.Tenant, c.Clip, r.Hash, chaptersName)
	if _, err := s.store.Put(ctx, r.Chapters, strings.NewReader(caption.WebVTT(chapters))); err != nil {
		return fmt.Errorf("put %s: %w", r.Chapters, err)
	}
	return nil
}
