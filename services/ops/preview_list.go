package ops

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// How much of a recording a segment of the playlist holds at least; the first ones hold less, so that they can be played at
// once. Parts are shorter.
const (
	previewSegment = 2 * time.Second
	previewFirst   = 500 * time.Millisecond
)

// segments joins parts to what the playlist lists. One that may still grow is held back.
func (o *preview) segments() []previewPart {
	var segments []previewPart
	least := previewFirst
	for i, p := range o.parts {
		last := len(segments) - 1
		whole := i == 0 || segments[last].window.Length() >= least || p.keyframe && segments[last].window.Length() >= least/2
		if whole && i > 0 {
			least = min(2*least, previewSegment)
		}
		if whole || p.run != segments[last].run {
			segments = append(segments, p)
			continue
		}
		segments[last].window.End = p.window.End
		segments[last].size += p.size
	}
	if last := len(segments) - 1; !o.done && last >= 0 && segments[last].window.Length() < least {
		segments = segments[:last]
	}
	return segments
}

// awaitFirstSegment waits up to previewWait for a segment to play.
func (o *preview) awaitFirstSegment(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, previewWait)
	defer cancel()
	for {
		o.mu.Lock()
		grown, some, done, failed := o.grown, len(o.segments()) > 0, o.done, o.failed
		o.mu.Unlock()
		switch {
		case some:
			return nil
		case failed != nil:
			return notFound("%s", failed)
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

// playlist is an HLS media playlist of what is there: byte ranges of the runs' files. It grows (EVENT) until the window's end is
// reached or the broadcast has ended, and plays from the window's beginning.
func (o *preview) playlist(query string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	segments, longest := o.segments(), previewSegment
	for _, p := range segments {
		longest = max(longest, p.window.Length())
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n", int(math.Ceil(longest.Seconds())))
	if len(segments) > 0 {
		fmt.Fprintf(&b, "#EXT-X-START:TIME-OFFSET=%.3f,PRECISE=YES\n", max(0, o.window.Start-segments[0].window.Start).Seconds())
	}
	run := -1
	for _, p := range segments {
		if p.run != run {
			if run >= 0 {
				b.WriteString("#EXT-X-DISCONTINUITY\n")
			}
			run = p.run
			fmt.Fprintf(&b, "#EXT-X-MAP:URI=\"%d.mp4%s\",BYTERANGE=\"%d@0\"\n", run, query, o.inits[run])
		}
		fmt.Fprintf(&b, "#EXTINF:%.3f,\n#EXT-X-BYTERANGE:%d@%d\n%d.mp4%s\n", p.window.Length().Seconds(), p.size, p.at, run, query)
	}
	if o.done {
		b.WriteString("#EXT-X-ENDLIST\n")
		o.endSent = true
	}
	return b.String()
}
