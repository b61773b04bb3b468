package ops

import (
	"context"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/recording"
	"liveclip/internal/view"
)

const (
	previewsKept = 32              // indexes at once; full: the one that was requested longest ago is dropped
	previewIdle  = time.Minute     // an index that nobody requested for so long is dropped
	previewWait  = 3 * time.Second // for the first part
	previewRead  = 15 * time.Second
	previewRetry = time.Second // between two tries to read on
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

// preview is the index of one clip's window, growing until done. Each run of the recording is, to whoever plays it, one file:
// the run's initialisation segment, then its parts.
type preview struct {
	stop      context.CancelFunc
	ref       domain.Ref
	broadcast domain.BroadcastID
	window    domain.Window

	mu          sync.Mutex
	lastRequest time.Time
	parts       []previewPart
	inits       map[int]int64 // by run: how many bytes its initialisation segment has
	sizes       map[int]int64 // by run: how many bytes its file has so far
	done        bool
	endSent     bool          // a playlist with #EXT-X-ENDLIST went out
	grown       chan struct{} // closed, and made anew, when something changed
	failed      error         // for good
}

// previewPart is a part of the recording, or several that make a segment of the playlist.
type previewPart struct {
	run      int
	window   domain.Window
	keyframe bool
	at, size int64 // bytes of the run's file
}

func newPreviews(r *recording.Reader) *previews {
	return &previews{recording: r, open: map[previewKey]*preview{}}
}

// run drops the indexes that nobody looks at, until ctx ends, and then all of them.
func (p *previews) run(ctx context.Context) {
	p.mu.Lock()
	p.base = ctx
	p.mu.Unlock()
	tick := time.NewTicker(previewIdle / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return // the context of every index ends with it
		case now := <-tick.C:
			p.mu.Lock()
			for key, one := range p.open {
				if now.Sub(one.requestedAt()) > previewIdle {
					one.stop()
					delete(p.open, key)
				}
			}
			p.mu.Unlock()
		}
	}
}

func (o *preview) requestedAt() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lastRequest
}

// get gives the clip's index; its first call starts the reading of the recording.
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
			stop: stop, ref: clip.Envelope.Ref(), broadcast: clip.Envelope.Broadcast, window: w,
			inits: map[int]int64{}, sizes: map[int]int64{}, grown: make(chan struct{}),
		}
		p.open[key] = one
		go one.follow(ctx, p.recording)
	}
	one.mu.Lock()
	one.lastRequest = time.Now()
	one.mu.Unlock()
	return one, nil
}

func (p *previews) dropOldest() {
	var oldest previewKey
	var asked time.Time
	for key, one := range p.open {
		if at := one.requestedAt(); asked.IsZero() || at.Before(asked) {
			oldest, asked = key, at
		}
	}
	p.open[oldest].stop()
	delete(p.open, oldest)
}

// follow reads to the end of the window or of the broadcast. When the recording breaks off, it waits for the process that takes it
// over.
func (o *preview) follow(ctx context.Context, r *recording.Reader) {
	defer o.stop()
	window := o.window
	for {
		end, err := r.Read(ctx, o.ref, o.broadcast, window, func(c recording.Chunk) error {
			o.add(c)
			return nil
		})
		o.mu.Lock()
		o.done = err == nil && !end.Lost
		if domain.IsPermanent(err) {
			o.failed = err
		}
		if n := len(o.parts); n > 0 {
			window.Start = o.parts[n-1].window.End
		}
		over := o.done || o.failed != nil
		o.signalGrowth()
		o.mu.Unlock()
		if over {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(previewRetry):
		}
	}
}

// add puts a part at the end of its run's file. One that begins before the last part's end was read again, and is left out.
func (o *preview) add(c recording.Chunk) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := c.Init; i != nil && o.sizes[i.Run] == 0 {
		o.inits[i.Run], o.sizes[i.Run] = int64(len(i.Data)), int64(len(i.Data))
	}
	p := c.Part
	if n := len(o.parts); p == nil || n > 0 && p.Window.Start < o.parts[n-1].window.End {
		return
	}
	size := int64(len(p.Data))
	o.parts = append(o.parts, previewPart{p.Run, p.Window, p.Keyframe, o.sizes[p.Run], size})
	o.sizes[p.Run] += size
	o.signalGrowth()
}

func (o *preview) signalGrowth() {
	close(o.grown)
	o.grown = make(chan struct{})
}
