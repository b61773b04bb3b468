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

// captions are what is said in a broadcast as somebody wrote it: nothing is heard. They come from the first place that gives any:
// the file beside a recording (ROOM.vtt or ROOM.srt for ROOM.mp4), captions within the source, or the API (sent.go).
type captions struct {
	on      *broadcast
	written *wording.Writer
	names   func() []string // as the operator writes them
	wait    time.Duration   // for what may still be sent of live speech
	behind  time.Duration   // the same, for a sender that says how far it is

	mu      sync.Mutex
	from    captionSource
	cues    []caption.Cue // beside, not told yet, in order
	within  time.Duration // every line in the source that begins before it was told; endless: it is not looked at
	newest  time.Time     // when the newest line came
	finalTo time.Duration // every line that ends before it was published
	faults  int           // of lines in the source
	sent    sentLines
	closing bool
}

type captionSource string

const (
	captionsBeside captionSource = "the file beside the recording"
	captionsWithin captionSource = "captions in the stream"
	captionsSent   captionSource = "the API"
)

// longestCaption bounds how long what is heard stands still for a caption.
const longestCaption = 15 * time.Second

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

// captioned: the room's lines come from captions, not from a recogniser.
func (r *room) captioned() bool { return r.cfg.kind(r.heardBy().Engine) == kindCaptions }

// kind of a named engine.
func (c Config) kind(engine string) string { return c.engines()[engine].Kind }

// channel of captions in the source that the room reads; empty: none.
func (r *room) channel() string {
	engine := r.cfg.engines()[r.wish().name]
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

// newCaptions has the broadcast take its lines from what lies beside its recording, else from whoever gives any.
func (r *room) newCaptions(b *broadcast, from resumption) *captions {
	c := &captions{on: b, written: r.writer, names: func() []string { return r.wish().names }, wait: r.cfg.CaptionWait, behind: r.cfg.Behind,
		within: endless, finalTo: max(from.heardTo, from.recordedTo), sent: newSentLines()}
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
		cue.End = min(cue.End, cue.Start+longestCaption)
		if cue.End > from.heardTo {
			c.cues = append(c.cues, cue)
		}
	}
	c.from = captionsBeside
	return c
}

// mark is the media time before which every line that ends was told.
func (c *captions) mark() time.Duration {
	to, since := c.on.recorded()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.from {
	case captionsBeside:
		c.tellCues(to, false)
		if len(c.cues) > 0 {
			to = min(to, c.cues[0].Start) // a line that is still being spoken
		}
	case captionsWithin:
		to = min(to, c.within)
	case captionsSent:
		c.takeBack(to - longestSent - c.wait)
		to = c.sentTo(to, since)
	default:
		to = min(c.sentTo(to, since), c.within)
	}
	c.finalTo = max(c.finalTo, to)
	return c.finalTo
}

// tellCues tells the lines that the recording has come to the end of; with last, those it ends within.
func (c *captions) tellCues(to time.Duration, last bool) {
	for len(c.cues) > 0 && (c.cues[0].End <= to || last && c.cues[0].Start < to) {
		cue := c.cues[0]
		c.cues = c.cues[1:]
		c.give(cue, min(cue.End, to))
	}
}

// take takes lines in the source, and how far it was read.
func (c *captions) take(m *mediav1.Captions) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range m.Captions {
		cue := caption.Cue{Start: time.Duration(m.Start), End: time.Duration(m.End), Text: m.Text}
		if c.from == "" {
			c.from = captionsWithin
			c.on.log.Info("lines are taken from captions in the stream", "channel", m.Channel)
		}
		if c.from != captionsWithin {
			continue
		}
		if cue.End <= c.finalTo { // a source whose clock leapt
			c.faults++
			continue
		}
		c.give(cue, cue.End)
	}
	c.within = time.Duration(m.To)
}

// pauseHere: the source is gone for now, and what was open in it with it.
func (c *captions) pauseHere() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.within = endless
}

// give tells a line; called with mu held.
func (c *captions) give(cue caption.Cue, end time.Duration) {
	c.newest = c.on.now()
	c.on.line(domain.TranscriptLine{
		ID: domain.H("line", string(c.on.id), "caption", strconv.FormatInt(int64(cue.Start), 10), cue.Text), Final: true, Start: cue.Start, End: end,
		Text: c.written.Text(cue.Text, wording.Style{Names: c.names()}), Heard: cue.Text, Engine: kindCaptions, Language: languageOf(cue.Text),
	})
}

// languageOf a text, as far as its letters tell.
func languageOf(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		return "zh"
	}
	return "en"
}

// close tells what is left of the file beside. From here on nothing is taken.
func (c *captions) close() {
	to, _ := c.on.recorded()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	c.tellCues(to, true)
	c.takeBack(endless)
	if c.from == "" {
		c.on.log.Warn("no captions came: nothing that was said is known")
	}
	if c.faults > 0 {
		c.on.log.Warn("captions in the stream came too late", "lines", c.faults)
	}
}

// nobody gives lines: none came from anywhere, or their sender is gone.
func (c *captions) nobody() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (c.from == "" || c.from == captionsSent) && c.on.now().Sub(c.sent.called) > senderGone
}

// health of speech as a signal.
func (c *captions) health(now time.Time) domain.Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.from == "" || c.from == captionsSent && now.Sub(c.sent.called) > senderGone:
		return domain.HealthMissing
	case c.on.live && now.Sub(c.newest) > quietAfter:
		return domain.HealthQuiet
	}
	return domain.HealthPresent
}
