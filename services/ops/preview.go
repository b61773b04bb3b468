package ops

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/recording"
	"liveclip/internal/view"
)

const (
	previewsKept = 32              // indexes at once; full: the one that was asked for longest ago goes
	previewIdle  = time.Minute     // an index nobody asked for so long is let go
	previewWait  = 3 * time.Second // for the first part
	previewRead  = 15 * time.Second
)

// previews are playlists over the recorded parts of clips' windows: nothing is copied or encoded. Each follows the recording
// like a tail and keeps only what a playlist needs: where each part lies.
type previews struct {
	recording *recording.Reader

	mu   sync.Mutex
	base context.Context // nil: not running
	open map[previewKey]*preview
}

type previewKey struct {
	tenant domain.Tenant
	clip   domain.ClipID
	window domain.Window
}

// preview is the index of one clip's window, growing until done.
type preview struct {
	stop   context.CancelFunc
	ref    domain.Ref
	of     domain.BroadcastID
	mu     sync.Mutex
	asked  time.Time
	parts  []previewPart
	inits  map[int]bool
	end    recording.End
	done   bool
	grown  chan struct{} // closed, and made anew, when something changed
	failed error
}

type previewPart struct {
	run      int
	window   domain.Window
	keyframe bool
}

// previewSegment is how much of a recording a segment of the playlist holds at least; parts are shorter.
const previewSegment = 2 * time.Second

// segments joins parts to what the playlist lists. One that may still grow is held back.
func (o *preview) segments() []previewPart {
	var segments []previewPart
	for i, p := range o.parts {
		last := len(segments) - 1
		if i == 0 || p.run != segments[last].run || segments[last].window.Length() >= previewSegment ||
			p.keyframe && segments[last].window.Length() >= previewSegment/2 {
			segments = append(segments, p)
			continue
		}
		segments[last].window.End = p.window.End
	}
	if last := len(segments) - 1; !o.done && last >= 0 && segments[last].window.Length() < previewSegment {
		segments = segments[:last]
	}
	return segments
}

func newPreviews(r *recording.Reader) *previews {
	return &previews{recording: r, open: map[previewKey]*preview{}}
}

// run lets go of what nobody looks at, until ctx ends, and then of everything.
func (p *previews) run(ctx context.Context) {
	p.mu.Lock()
	p.base = ctx
	p.mu.Unlock()
	tick := time.NewTicker(previewIdle / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return // the readers' contexts end with it
		case now := <-tick.C:
			p.mu.Lock()
			for key, one := range p.open {
				if now.Sub(one.lastAsked()) > previewIdle {
					one.stop()
					delete(p.open, key)
				}
			}
			p.mu.Unlock()
		}
	}
}

func (o *preview) lastAsked() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

// get gives the clip's index, which begins to be read at the first call.
func (p *previews) get(clip view.Clip, w domain.Window) (*preview, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.base == nil || p.base.Err() != nil {
		return nil, unavailable("previews are not running yet")
	}
	key := previewKey{clip.Envelope.Tenant, clip.ID, w}
	one, ok := p.open[key]
	if !ok {
		if len(p.open) >= previewsKept {
			p.dropOldest()
		}
		ctx, stop := context.WithCancel(p.base)
		one = &preview{
			stop: stop, ref: clip.Envelope.Ref(), of: clip.Envelope.Broadcast, inits: map[int]bool{}, grown: make(chan struct{}),
		}
		p.open[key] = one
		go one.follow(ctx, p.recording, w)
	}
	one.mu.Lock()
	one.asked = time.Now()
	one.mu.Unlock()
	return one, nil
}

func (p *previews) dropOldest() {
	var oldest previewKey
	var asked time.Time
	for key, one := range p.open {
		if at := one.lastAsked(); asked.IsZero() || at.Before(asked) {
			oldest, asked = key, at
		}
	}
	p.open[oldest].stop()
	delete(p.open, oldest)
}

func (o *preview) follow(ctx context.Context, r *recording.Reader, w domain.Window) {
	defer o.stop()
	end, err := r.Read(ctx, o.ref, o.of, w, func(c recording.Chunk) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case c.Init != nil:
			o.inits[c.Init.Run] = true
		case c.Part != nil:
			o.parts = append(o.parts, previewPart{c.Part.Run, c.Part.Window, c.Part.Keyframe})
		}
		o.wake()
		return nil
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end, o.done, o.failed = end, true, err
	o.wake()
}

func (o *preview) wake() {
	close(o.grown)
	o.grown = make(chan struct{})
}

// first waits a little for something to show.
func (o *preview) first(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, previewWait)
	defer cancel()
	for {
		o.mu.Lock()
		grown, some, done, failed := o.grown, len(o.segments()) > 0, o.done, o.failed
		o.mu.Unlock()
		switch {
		case some:
			return nil
		case done && failed != nil:
			return fmt.Errorf("read recording of stream %s: %w", o.ref, failed)
		case done:
			return notFound("nothing of the clip's window was recorded")
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return unavailable("nothing of the clip's window is recorded yet: ask again")
		}
	}
}

// playlist is an HLS media playlist of what is there; it grows (EVENT) until the window's end is reached.
func (o *preview) playlist(query string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	segments, longest := o.segments(), previewSegment
	for _, p := range segments {
		longest = max(longest, p.window.Length())
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n"+
		"#EXT-X-START:TIME-OFFSET=0\n", int(math.Ceil(longest.Seconds())))
	run := -1
	for _, p := range segments {
		if p.run != run {
			if run >= 0 {
				b.WriteString("#EXT-X-DISCONTINUITY\n")
			}
			run = p.run
			fmt.Fprintf(&b, "#EXT-X-MAP:URI=\"%d.init.mp4%s\"\n", run, query)
		}
		fmt.Fprintf(&b, "#EXTINF:%.3f,\n%d-%d-%d.m4s%s\n", p.window.Length().Seconds(), run, int64(p.window.Start), int64(p.window.End), query)
	}
	if o.done {
		b.WriteString("#EXT-X-ENDLIST\n")
	}
	return b.String()
}

// window is what must be read to have a segment's bytes, or, with start below 0, a run's beginning.
func (o *preview) window(run int, start, end time.Duration) (domain.Window, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.segments() {
		if p.run == run && (start < 0 || p.window == domain.Window{Start: start, End: end}) {
			return p.window, true
		}
	}
	return domain.Window{}, false
}

// servePreview answers index.m3u8, {run}.init.mp4 and {run}-{start}-{end}.m4s below /preview/{clip}/.
func (s *Service) servePreview(w http.ResponseWriter, r *http.Request) {
	if err := s.sendPreview(w, r); err != nil {
		writeProblem(w, r, problemOf(s.Log, r.URL.Path, err))
	}
}

func (s *Service) sendPreview(w http.ResponseWriter, r *http.Request) error {
	c := r.Context().Value(callerKey{}).(caller)
	clip, err := s.clip(r.Context(), c, r.PathValue("clip"))
	if err != nil {
		return err
	}
	window := clipWindow(clip)
	if window.Length() == 0 || clip.Envelope.Broadcast == "" || storyOf(clip).takenDown {
		return notFound("clip %s has no window to preview", clip.ID)
	}
	one, err := s.preview.get(clip, window)
	if err == nil {
		err = one.first(r.Context())
	}
	if err != nil {
		return err
	}
	file := r.PathValue("file")
	w.Header().Set("Cache-Control", "private, no-store")
	if file == "index.m3u8" {
		query := ""
		if token := r.URL.Query().Get("access_token"); token != "" {
			query = "?access_token=" + url.QueryEscape(token)
		}
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		_, err := w.Write([]byte(one.playlist(query)))
		return ignore(err)
	}
	body, err := s.preview.bytes(r.Context(), one, file)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, err = w.Write(body)
	return ignore(err)
}

// ignore an error of sending: the reader went away.
func ignore(error) error { return nil }

// clipWindow is the window a clip shows: planned, else asked for or found.
func clipWindow(clip view.Clip) domain.Window {
	if st := storyOf(clip); st.plan != nil {
		return st.plan.Window
	}
	if clip.Highlight != nil {
		return clip.Highlight.Window
	}
	return domain.Window{}
}

// previewFile reads {run}.init.mp4, start then below 0, or {run}-{start}-{end}.m4s, times in ns.
func previewFile(file string) (run int, start, end time.Duration, ok bool) {
	var from, to int64
	if n, err := fmt.Sscanf(file, "%d.init.mp4", &run); n == 1 && err == nil && file == fmt.Sprintf("%d.init.mp4", run) {
		return run, -1, -1, true
	}
	_, err := fmt.Sscanf(file, "%d-%d-%d.m4s", &run, &from, &to)
	ok = err == nil && from >= 0 && to > from && file == fmt.Sprintf("%d-%d-%d.m4s", run, from, to)
	return run, time.Duration(from), time.Duration(to), ok
}

var errHave = errors.New("have what was asked for")

// bytes reads one segment, or a run's beginning, again from wherever the recording lies.
func (p *previews) bytes(ctx context.Context, one *preview, file string) ([]byte, error) {
	run, start, end, ok := previewFile(file)
	if !ok {
		return nil, notFound("no such file: %.80q", file)
	}
	window, ok := one.window(run, start, end)
	if !ok {
		return nil, notFound("no such part: %.80q", file)
	}
	ctx, cancel := context.WithTimeout(ctx, previewRead)
	defer cancel()
	var body []byte
	_, err := p.recording.Read(ctx, one.ref, one.of, window, func(c recording.Chunk) error {
		switch {
		case c.Init != nil && start < 0 && c.Init.Run == run:
			body = slices.Clone(c.Init.Data)
			return errHave
		case c.Part != nil && c.Part.Run == run && c.Part.Window.Start >= start && c.Part.Window.End <= end:
			body = append(body, c.Part.Data...)
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errHave):
		return nil, fmt.Errorf("read part %s of stream %s: %w", file, one.ref, err)
	case body == nil:
		return nil, notFound("part %.80q is not there any more", file)
	}
	return body, nil
}
