// Package export writes what a batch leaves in its folder: clips.json, transcript.json, subtitles, an EDL and a page to
// look at.
package export

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"liveclip/internal/caption"
	"liveclip/internal/domain"
)

// Source is one recording that went through the pipeline.
type Source struct {
	Source   string          `json:"source"`
	StreamID domain.StreamID `json:"stream_id"`
	Duration float64         `json:"duration_s"`
	Note     string          `json:"note,omitempty"` // "no highlight found", or why there is less than expected
	Error    string          `json:"error,omitempty"`
	Clips    []Clip          `json:"clips"`
	Recap    *Clip           `json:"recap,omitempty"` // the best of it as one reel

	FrameRate  float64                 `json:"-"`
	Engine     string                  `json:"-"`
	Transcript []domain.TranscriptLine `json:"-"`
}

// Clip is one clip of a source; paths are relative to the batch's folder.
type Clip struct {
	ID         domain.ClipID  `json:"clip_id"`
	Start      float64        `json:"start_s"`
	End        float64        `json:"end_s"`
	Score      float64        `json:"score"`
	Reasons    []Reason       `json:"reasons"`
	Title      string         `json:"title"`
	Text       string         `json:"text"`
	Verdict    domain.Verdict `json:"verdict"`
	Note       string         `json:"note,omitempty"`
	Cover      string         `json:"cover"`
	Renditions []Rendition    `json:"renditions"`

	Chapters     []Chapter `json:"chapters,omitempty"`      // of a recap, in order
	ChaptersFile string    `json:"chapters_file,omitempty"` // as WebVTT
}

// Chapter is a piece of a recap, in the recording's time.
type Chapter struct {
	Start float64 `json:"start_s"`
	End   float64 `json:"end_s"`
	Title string  `json:"title"`
}

// Reason says why.
type Reason struct {
	Signal string  `json:"signal"`
	Detail string  `json:"detail"`
	At     float64 `json:"at_s"`
	// Phrases are what the host said that it rests on.
	Phrases []Phrase `json:"phrases,omitempty"`
}

// Phrase is something that the host said: as it was heard, and as it is printed.
type Phrase struct {
	Spoken  string  `json:"spoken"`
	Written string  `json:"written"`
	Start   float64 `json:"start_s"`
	End     float64 `json:"end_s"`
}

// Rendition is one finished file.
type Rendition struct {
	Profile  string  `json:"profile"`
	Path     string  `json:"path"`
	Width    int     `json:"width"`
	Height   int     `json:"height"`
	Duration float64 `json:"duration_s"`
	Bytes    int64   `json:"bytes"`
}

type transcript struct {
	Source string `json:"source"`
	Engine string `json:"engine"`
	Lines  []line `json:"lines"`
}

type line struct {
	Start float64 `json:"start_s"`
	End   float64 `json:"end_s"`
	Text  string  `json:"text"`
	Words []word  `json:"words"`
}

type word struct {
	Text       string  `json:"text"`
	Start      float64 `json:"start_s"`
	End        float64 `json:"end_s"`
	Confidence float64 `json:"confidence"`
}

// Write writes everything into folder; clips are sorted by start.
func Write(folder string, sources []Source) error {
	transcripts := make([]transcript, 0, len(sources))
	for i := range sources {
		s := &sources[i]
		slices.SortFunc(s.Clips, func(a, b Clip) int { return cmp.Compare(a.Start, b.Start) })
		if s.Clips == nil {
			s.Clips = []Clip{}
		}
		transcripts = append(transcripts, transcript{s.Source, s.Engine, lines(s.Transcript)})
		if s.Error != "" {
			continue
		}
		name := filepath.Join(folder, string(s.StreamID))
		cues := caption.Of(0, s.Transcript, domain.Window{End: math.MaxInt64})
		for path, text := range map[string]string{
			name + ".srt": caption.SubRip(cues), name + ".vtt": caption.WebVTT(cues), name + ".edl": EDL(*s),
		} {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				return fmt.Errorf("write %s: %w", path, err)
			}
		}
	}
	if err := writeJSON(filepath.Join(folder, "clips.json"), map[string]any{"sources": sources}); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(folder, "transcript.json"), map[string]any{"sources": transcripts}); err != nil {
		return err
	}
	return writePage(filepath.Join(folder, "index.html"), sources)
}

func lines(all []domain.TranscriptLine) []line {
	out := make([]line, 0, len(all))
	for _, l := range all {
		words := make([]word, 0, len(l.Words))
		for _, w := range l.Words {
			words = append(words, word{w.Text, w.Start.Seconds(), w.End.Seconds(), w.Confidence})
		}
		out = append(out, line{l.Start.Seconds(), l.End.Seconds(), l.Text, words})
	}
	return out
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// EDL gives a source's clips as a CMX 3600 edit decision list, non-drop-frame, at the source's frame rate.
func EDL(s Source) string {
	rate := s.FrameRate
	if rate <= 0 {
		rate = 25
	}
	timecode := func(seconds float64) string {
		whole := int64(rate + 0.5) // CMX 3600 counts whole frames a second
		frames := int64(seconds*rate + 0.5)
		return fmt.Sprintf("%02d:%02d:%02d:%02d", frames/(3600*whole), frames/(60*whole)%60, frames/whole%60, frames%whole)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "TITLE: %s\nFCM: NON-DROP FRAME\n\n", oneLine(filepath.Base(s.Source)))
	at := 0.0
	for i, c := range s.Clips {
		fmt.Fprintf(&out, "%03d  AX       B     C        %s %s %s %s\n* FROM CLIP NAME: %s\n* COMMENT: %s\n\n", i+1,
			timecode(c.Start), timecode(c.End), timecode(at), timecode(at+c.End-c.Start), oneLine(filepath.Base(s.Source)), oneLine(c.Title))
		at += c.End - c.Start
	}
	return out.String()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
