package ops

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/sidecar"
	"liveclip/internal/view"
)

// previewWatched is how long after its last request a preview is taken to be playing.
const previewWatched = 10 * time.Second

// isPlaying reports whether somebody plays the clip's growing preview and was not sent its end yet.
func (p *previews) isPlaying(clip view.Clip, w domain.Window) bool {
	p.mu.Lock()
	one := p.open[previewKey{clip.Envelope.Tenant, clip.ID, w}]
	p.mu.Unlock()
	if one == nil {
		return false
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	return !one.endSent && one.failed == nil && time.Since(one.lastRequest) < previewWatched
}

// finishedRendition is the rendition that takes the preview's place: the largest that has an index. It may still wait for a verdict.
func finishedRendition(rev revision) *domain.Rendition {
	if rev.rendered == nil {
		return nil
	}
	var best *domain.Rendition
	for i, r := range rev.rendered.Renditions {
		if r.Index != "" && (best == nil || r.Width*r.Height > best.Width*best.Height) {
			best = &rev.rendered.Renditions[i]
		}
	}
	return best
}

// finishedFile is the file's name in the playlist; it is never the name of a run's file.
func finishedFile(r domain.Rendition) string { return "finished-" + r.Profile + ".mp4" }

// sendFinished answers with a finished rendition from the store: its playlist, or its bytes.
func (s *Service) sendFinished(w http.ResponseWriter, r *http.Request, finished domain.Rendition, index bool) error {
	if index {
		body, _, err := s.Store.Get(r.Context(), finished.Index, 0, -1)
		if err != nil {
			return fmt.Errorf("read index %s: %w", finished.Index, err)
		}
		defer body.Close()
		x, err := sidecar.Read(body)
		if err != nil {
			return fmt.Errorf("read index %s: %w", finished.Index, err)
		}
		return sendPlaylist(w, finishedPlaylist(finishedFile(finished)+tokenQuery(r), x))
	}
	return s.sendRange(w, r, finished.Bytes, true, func(ctx context.Context, out io.Writer, from, to int64) error {
		body, _, err := s.Store.Get(ctx, finished.Key, from, to-from)
		if err != nil {
			return err
		}
		defer body.Close()
		n, err := io.Copy(out, body)
		if err == nil && n < to-from {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
}

func finishedPlaylist(file string, x sidecar.Index) string {
	longest := 1.0
	for _, f := range x.Fragments {
		longest = max(longest, f.LengthS)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=%q,BYTERANGE=\"%d@0\"\n",
		int(math.Ceil(longest)), file, x.Header)
	for _, f := range x.Fragments {
		fmt.Fprintf(&b, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%d@%d\n%s\n", f.LengthS, f.Size, f.Offset, file)
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	return b.String()
}
