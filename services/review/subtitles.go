package review

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

const (
	cueLength = 5 * time.Second         // of one cue, at most, where words have times
	cueWidth  = 42                      // columns; a Chinese character takes two
	cueFull   = cueWidth * 2 / 3        // past it a cue ends with the sentence
	cuePause  = 1200 * time.Millisecond // between two words of one cue, at most
	cueLeast  = 800 * time.Millisecond  // a cue stands so long, if the next one lets it
	maxBurned = 400                     // what a finisher takes
)

// cue is one subtitle, in media time of a part of the cut; once laid, in clip time.
type cue struct {
	part       int
	start, end time.Duration
	text       string
}

// heard are the cues of a clip, to come.
type heard struct {
	done chan struct{}
	cues []cue // once done is closed
}

// hear waits beside the work until the clip's words are known. Words that cannot be had leave the clip without subtitles:
// moderation is who insists on hearing them.
func (s *Service) hear(ctx context.Context, c clip, pieces []piece) *heard {
	h := &heard{done: make(chan struct{})}
	wait := s.wordsWait(pieces)
	go func() {
		defer close(h.done)
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		var cues []cue
		for i, p := range pieces {
			if p.file != "" {
				continue
			}
			lines, _, err := s.recording.Lines(ctx, c.ref(), c.broadcast(), p.window)
			if err != nil {
				s.log.Warn("clip goes without subtitles", "clip_id", c.Clip, "revision", c.Revision, "error", err)
				return
			}
			for _, line := range lines {
				cues = append(cues, s.cuesOf(line, i, p.window)...)
			}
		}
		h.cues = standing(cues)
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

// wait gives the cues, none when they do not come in time.
func (h *heard) wait(ctx context.Context, most time.Duration) []cue {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-h.done:
		return h.cues
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// cuesOf cuts a line into cues that can be read, of what is said inside a part's window.
func (s *Service) cuesOf(line domain.TranscriptLine, part int, w domain.Window) []cue {
	var cues []cue
	var text string
	var from, to time.Duration
	flush := func() {
		if text = strings.TrimSpace(text); text != "" && to > from {
			cues = append(cues, cue{part, from, to, s.lists.mask(text)})
		}
		text = ""
	}
	for _, word := range within(line, w) {
		end, next := min(word.End, w.End), glue(text, word.Text)
		if columns(next) > cueWidth || end-from > cueLength || word.Start-to > cuePause || columns(text) > cueFull && ends(text) {
			flush()
			next = word.Text
		}
		if text == "" {
			from = max(word.Start, w.Start)
		}
		text, to = next, end
	}
	flush()
	return cues
}

// ends tells whether a text ends where a speaker pauses.
func ends(text string) bool {
	last, _ := utf8.DecodeLastRuneInString(text)
	return strings.ContainsRune("，。！？、；,.!?;", last)
}

// standing lets short cues stand for a while.
func standing(cues []cue) []cue {
	for i := range cues {
		until := cues[i].start + cueLeast
		if i+1 < len(cues) && cues[i+1].part == cues[i].part {
			until = min(until, cues[i+1].start)
		}
		cues[i].end = max(cues[i].end, until)
	}
	return cues
}

// laid are the cues in clip time, exact to the picture that each part begins with.
func laid(cues []cue, parts []*mediav1.FinishedPart) []cue {
	var out []cue
	for _, c := range cues {
		if c.part >= len(parts) {
			continue
		}
		p := parts[c.part]
		at, end := time.Duration(p.GetAt()), time.Duration(p.GetAt()+p.GetEnd()-p.GetStart())
		c.start, c.end = max(at, c.start+at-time.Duration(p.GetStart())), min(end, c.end+at-time.Duration(p.GetStart()))
		if c.start < c.end {
			out = append(out, c)
		}
	}
	return out
}

// glue puts a space between words that are written with one.
func glue(text, word string) string {
	if text == "" || word == "" {
		return text + word
	}
	last, _ := utf8.DecodeLastRuneInString(text)
	first, _ := utf8.DecodeRuneInString(word)
	if unicode.Is(unicode.Han, last) || unicode.Is(unicode.Han, first) || unicode.IsPunct(first) {
		return text + word
	}
	return text + " " + word
}

func columns(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x2E80 { // where East Asian characters begin, their punctuation among them
			n++
		}
	}
	return n
}

func burns(profiles []domain.Profile) bool {
	for _, p := range profiles {
		if p.Subtitles {
			return true
		}
	}
	return false
}

func burned(cues []cue) []*mediav1.FinishSubtitle {
	var subtitles []*mediav1.FinishSubtitle
	for _, c := range cues[:min(len(cues), maxBurned)] {
		subtitles = append(subtitles, &mediav1.FinishSubtitle{Part: int64(c.part), Start: int64(c.start), End: int64(c.end), Text: c.text})
	}
	return subtitles
}

var vttEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", " ", "\n", " ")

func webVTT(cues []cue) string {
	var out strings.Builder
	out.WriteString("WEBVTT\n")
	for _, c := range cues {
		fmt.Fprintf(&out, "\n%s --> %s\n%s\n", vttTime(c.start), vttTime(c.end), vttEscape.Replace(c.text))
	}
	return out.String()
}

func vttTime(t time.Duration) string {
	ms := t.Round(time.Millisecond).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}

var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

// subRip is the same as SRT, which knows no escapes.
func subRip(cues []cue) string {
	var out strings.Builder
	comma := func(t time.Duration) string { return strings.Replace(vttTime(t), ".", ",", 1) }
	for i, c := range cues {
		fmt.Fprintf(&out, "%d\n%s --> %s\n%s\n\n", i+1, comma(c.start), comma(c.end), lineBreaks.Replace(c.text))
	}
	return out.String()
}
