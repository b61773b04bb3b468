package asr

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"liveclip/internal/caption"
	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

// captions are what is said in a recording as somebody wrote it beside: ROOM.vtt or ROOM.srt for ROOM.mp4. Nothing is heard;
// a line is known as soon as the recording has come to its end.
type captions struct {
	cues []caption.Cue // not told yet, in order
	to   time.Duration // every line that ends before it was told
}

// longestCaption bounds how long what is heard stands still for a caption.
const longestCaption = 15 * time.Second

var errNoSidecar = errors.New("no .vtt or .srt beside the recording")

// readCaptions reads the file beside a source. Streams have none.
func readCaptions(source string, from time.Duration) (*captions, caption.Faults, error) {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "file" {
		return nil, caption.Faults{}, errNoSidecar
	}
	path := strings.TrimPrefix(source, "file://")
	bare := strings.TrimSuffix(path, filepath.Ext(path))
	for _, beside := range []string{bare + ".vtt", bare + ".srt", path + ".vtt", path + ".srt"} {
		file, err := os.Open(beside)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, caption.Faults{}, fmt.Errorf("open captions: %w", err)
		}
		defer file.Close()
		cues, faults, err := caption.Read(file)
		if err != nil {
			return nil, faults, fmt.Errorf("%s: %w", filepath.Base(beside), err)
		}
		for i := range cues {
			cues[i].End = min(cues[i].End, cues[i].Start+longestCaption)
		}
		c := &captions{cues: cues, to: from}
		for len(c.cues) > 0 && c.cues[0].End <= from { // told before
			c.cues = c.cues[1:]
		}
		return c, faults, nil
	}
	return nil, caption.Faults{}, errNoSidecar
}

// captioned: the room's lines come from captions, not from a recogniser.
func (r *room) captioned() bool { return r.cfg.engines()[r.wish().name].Kind == kindCaptions }

// readCaptions has the broadcast take its lines from what lies beside its recording.
func (b *broadcast) readCaptions(from time.Duration, writer *wording.Writer) {
	c, faults, err := readCaptions(b.source, from)
	switch {
	case err != nil:
		b.log.Warn("no captions are read: nothing that is said is known", "error", err)
		return
	case faults != caption.Faults{}:
		b.log.Warn("captions were mended", "faults", faults.String())
	}
	b.captions, b.written = c, writer
}

// caption tells the lines that the recording has come to the end of; with last, those it ends within.
func (b *broadcast) caption(last bool) {
	if b.captions == nil {
		return
	}
	b.mu.Lock()
	to := b.recordedTo
	b.mu.Unlock()
	c := b.captions
	for len(c.cues) > 0 && (c.cues[0].End <= to || last && c.cues[0].Start < to) {
		cue := c.cues[0]
		c.cues = c.cues[1:]
		b.line(b.captionLine(cue, min(cue.End, to)))
	}
	if len(c.cues) > 0 && !last {
		to = min(to, c.cues[0].Start) // as of a line that is still being spoken
	}
	b.mu.Lock()
	c.to = to
	b.mu.Unlock()
}

func (b *broadcast) captionLine(cue caption.Cue, end time.Duration) domain.TranscriptLine {
	language := "en"
	if strings.ContainsFunc(cue.Text, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		language = "zh"
	}
	return domain.TranscriptLine{
		ID: domain.H("line", string(b.id), "caption", strconv.FormatInt(int64(cue.Start), 10), cue.Text), Final: true, Start: cue.Start, End: end,
		Text: b.written.Text(cue.Text, wording.Style{}), Heard: cue.Text, Engine: kindCaptions, Language: language,
	}
}
