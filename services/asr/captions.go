package asr

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"liveclip/internal/caption"
	"liveclip/internal/caption/cea"
	"liveclip/internal/domain"
	"liveclip/internal/fileurl"
	"liveclip/internal/wording"
	mediav1 "liveclip/proto/media/v1"
)

// captions are the lines of a broadcast that somebody wrote: nothing is recognised. They come from the first place that has any:
// the file beside a recording (ROOM.vtt or ROOM.srt for ROOM.mp4), captions within the source, or the API (captions_sent.go).
type captions struct {
	broadcast *broadcast
	writer    *wording.Writer
	names     func() []string // as the operator writes them
	wait      time.Duration   // for what may still be sent of live speech
	behind    time.Duration   // the same, for a sender that says how far it is

	mu       sync.Mutex
	source   captionSource
	cues     []caption.Cue // of the file beside, not emitted yet, in order
	withinTo time.Duration // every line in the source that begins before it was emitted; endless: it has no captions
	newest   time.Time     // when the newest line came
	finalTo  time.Duration // every line that ends before it was published
	faults   int           // of lines in the source
	sent     sentLines
	closing  bool
}

type captionSource string

const (
	captionsBeside captionSource = "the file beside the recording"
	captionsWithin captionSource = "captions in the stream"
	captionsSent   captionSource = "the API"
)

// maxCaption bounds how long a caption holds back the mark to which the broadcast is heard.
const maxCaption = 15 * time.Second

var errNoSidecar = errors.New("no .vtt or .srt beside the recording")

// readSidecar reads the file beside a source. Streams have none.
func readSidecar(source string) ([]caption.Cue, caption.Faults, error) {
	path, ok := fileurl.Path(source)
	if !ok {
		return nil, caption.Faults{}, errNoSidecar
	}
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
		return cues, faults, nil
	}
	return nil, caption.Faults{}, errNoSidecar
}

// usesCaptions reports whether the room's lines come from captions, not from a recogniser.
func (r *room) usesCaptions() bool { return r.cfg.kind(r.chosenHearing().Engine) == kindCaptions }

// kind of a named engine.
func (c Config) kind(engine string) string { return c.engines()[engine].Kind }

// captionChannel is the channel of captions in the source that the room reads; empty: none.
func (r *room) captionChannel() string {
	engine := r.cfg.engines()[r.hearingSettings().name]
	if engine.Kind != kindCaptions || engine.Options[optionChannel] == engineNone {
		return ""
	}
	return cmp.Or(engine.Options[optionChannel], cea.Any)
}

// optionChannel of an engine of captions: one of cea.Channels, "track", "any" (if empty) or "none".
const optionChannel = "channel"

func channelFaults(at string, e EngineConfig) []string {
	known := append([]string{cea.Any, "track", engineNone}, cea.Channels...)
	if c := e.Options[optionChannel]; c != "" && !slices.Contains(known, c) {
		return []string{fmt.Sprintf("%s.options.channel: must be one of %s, is %q", at, strings.Join(known, ", "), c)}
	}
	return nil
}

// newCaptions takes a broadcast's lines from the file beside its recording, else from the first place that has any.
func (r *room) newCaptions(b *broadcast, from resumption) *captions {
	c := &captions{broadcast: b, writer: r.writer, names: func() []string { return r.hearingSettings().names }, wait: r.cfg.CaptionWait, behind: r.cfg.Behind,
		withinTo: endless, finalTo: max(from.heardTo, from.recordedTo), sent: newSentLines()}
	cues, faults, err := readSidecar(b.source)
	switch {
	case errors.Is(err, errNoSidecar):
		return c
	case err != nil:
		b.log.Warn("the captions beside the recording are not read", "error", err)
		return c
	case faults != caption.Faults{}:
		b.log.Warn("captions were mended", "faults", faults.String())
	}
	for _, cue := range cues {
		cue.End = min(cue.End, cue.Start+maxCaption)
		if cue.End > from.heardTo {
			c.cues = append(c.cues, cue)
		}
	}
	c.source = captionsBeside
	return c
}

// heardTo is the media time before which every line that ends was emitted.
func (c *captions) heardTo() time.Duration {
	to, since := c.broadcast.recorded()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.source {
	case captionsBeside:
		c.emitCues(to, false)
		if len(c.cues) > 0 {
			to = min(to, c.cues[0].Start) // a line that is still being spoken
		}
	case captionsWithin:
		to = min(to, c.withinTo)
	case captionsSent:
		c.retractOpen(to - maxPartialAge - c.wait)
		to = c.sentTo(to, since)
	default:
		to = min(c.sentTo(to, since), c.withinTo)
	}
	c.finalTo = max(c.finalTo, to)
	return c.finalTo
}

// emitCues emits the lines that end before to; with last, also the one that to lies within.
func (c *captions) emitCues(to time.Duration, last bool) {
	for len(c.cues) > 0 && (c.cues[0].End <= to || last && c.cues[0].Start < to) {
		cue := c.cues[0]
		c.cues = c.cues[1:]
		c.emit(cue, min(cue.End, to))
	}
}

// acceptCues takes lines in the source, and the media time to which it was read for them.
func (c *captions) acceptCues(m *mediav1.Captions) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range m.Captions {
		cue := caption.Cue{Start: time.Duration(m.Start), End: time.Duration(m.End), Text: m.Text}
		if c.source == "" {
			c.source = captionsWithin
			c.broadcast.log.Info("lines are taken from captions in the stream", "channel", m.Channel)
		}
		if c.source != captionsWithin {
			continue
		}
		if cue.End <= c.finalTo { // a source whose clock leapt
			c.faults++
			continue
		}
		c.emit(cue, cue.End)
	}
	c.withinTo = time.Duration(m.To)
}

// pause notes that the source is gone for now, and with it the line that was open in it.
func (c *captions) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.withinTo = endless
}

// emit emits a cue as a final line; called with mu held.
func (c *captions) emit(cue caption.Cue, end time.Duration) {
	c.newest = c.broadcast.now()
	c.broadcast.addLine(domain.TranscriptLine{
		ID: domain.H("line", string(c.broadcast.id), "caption", strconv.FormatInt(int64(cue.Start), 10), cue.Text), Final: true, Start: cue.Start, End: end,
		Text: c.writer.Text(cue.Text, wording.Style{Names: c.names()}), Heard: cue.Text, Engine: kindCaptions, Language: languageOf(cue.Text),
	})
}

// languageOf a text, as far as its letters tell.
func languageOf(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		return "zh"
	}
	return "en"
}

// close emits what is left of the file beside. From here on no line is accepted.
func (c *captions) close() {
	to, _ := c.broadcast.recorded()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	c.emitCues(to, true)
	c.retractOpen(endless)
	if c.source == "" {
		c.broadcast.log.Warn("no captions came: nothing that was said is known")
	}
	if c.faults > 0 {
		c.broadcast.log.Warn("captions in the stream came too late", "lines", c.faults)
	}
}

// hasNoSource reports whether no lines come from anywhere, or their sender is gone.
func (c *captions) hasNoSource() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (c.source == "" || c.source == captionsSent) && c.broadcast.now().Sub(c.sent.called) > senderTimeout
}

// health of speech as a signal.
func (c *captions) health(now time.Time) domain.Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.source == "" || c.source == captionsSent && now.Sub(c.sent.called) > senderTimeout:
		return domain.HealthMissing
	case c.broadcast.live && now.Sub(c.newest) > quietAfter:
		return domain.HealthQuiet
	}
	return domain.HealthPresent
}
