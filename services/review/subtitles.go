package review

import (
	"context"
	"strings"
	"time"

	"liveclip/internal/caption"
	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

const maxBurned = 400 // cues; what a finisher takes

// clipWords are the words of a clip, to come.
type clipWords struct {
	done       chan struct{}
	spokenText // once done is closed
}

// spokenText is the text of a clip and its cues.
type spokenText struct {
	text string
	cues []caption.Cue
}

// hear waits beside the work until the clip's words are known. Words that cannot be had leave the clip without subtitles:
// moderation is who insists on hearing them.
func (s *Service) hear(ctx context.Context, c clip, pieces []piece) *clipWords {
	h := &clipWords{done: make(chan struct{})}
	wait := s.wordsWait(pieces)
	go func() {
		defer close(h.done)
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		var all spokenText
		for i, p := range pieces {
			if p.file != "" {
				continue
			}
			heard, err := s.recording.Heard(ctx, c.ref(), c.broadcast(), p.window)
			if err != nil {
				s.log.Warn("clip goes without subtitles", "clip_id", c.Clip, "revision", c.Revision, "error", err)
				return
			}
			all.cues = append(all.cues, s.cues(i, heard.Lines, p.window)...)
			all.text = strings.TrimSpace(all.text + " " + caption.Said(heard.Lines, p.window))
		}
		h.spokenText = all
	}()
	return h
}

// wordsWait is how long the words may take: what is still to come of the windows, and a little.
func (s *Service) wordsWait(pieces []piece) time.Duration {
	wait := s.cfg.SubtitlesWait
	for _, p := range pieces {
		wait += p.window.Length()
	}
	return wait
}

// wait gives what is said, nothing when it does not come in time.
func (h *clipWords) wait(ctx context.Context, most time.Duration) spokenText {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-h.done:
		return h.spokenText
	case <-timer.C:
	case <-ctx.Done():
	}
	return spokenText{}
}

// cues are a part's, without the words that may not be put out.
func (s *Service) cues(part int, lines []domain.TranscriptLine, w domain.Window) []caption.Cue {
	cues := caption.Of(part, lines, w)
	for i := range cues {
		cues[i].Text = s.lists.Mask(cues[i].Text)
	}
	return cues
}

// inClipTime are the cues in clip time, exact to the picture that each part begins with.
func inClipTime(cues []caption.Cue, parts []*mediav1.FinishedPart) []caption.Cue {
	var out []caption.Cue
	for _, c := range cues {
		if c.Part >= len(parts) {
			continue
		}
		p := parts[c.Part]
		at, end := time.Duration(p.GetAt()), time.Duration(p.GetAt()+p.GetEnd()-p.GetStart())
		c.Start, c.End = max(at, c.Start+at-time.Duration(p.GetStart())), min(end, c.End+at-time.Duration(p.GetStart()))
		if c.Start < c.End {
			out = append(out, c)
		}
	}
	return out
}

func burns(profiles []domain.Profile) bool {
	for _, p := range profiles {
		if p.Subtitles {
			return true
		}
	}
	return false
}

func toBurn(cues []caption.Cue) []*mediav1.FinishSubtitle {
	var subtitles []*mediav1.FinishSubtitle
	for _, c := range cues[:min(len(cues), maxBurned)] {
		subtitles = append(subtitles, &mediav1.FinishSubtitle{Part: int64(c.Part), Start: int64(c.Start), End: int64(c.End), Text: c.Text})
	}
	return subtitles
}
