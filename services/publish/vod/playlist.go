package vod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
)

const indexesKept = 512 // of renditions, about 100 bytes per fragment; full: any of them goes

// playlists writes HLS over the bytes that are served as MP4: every fragment a byte range of it.
type playlists struct {
	store blob.Store

	mu      sync.Mutex
	indexes map[string]index // by object key, which holds the content's hash
	flight  singleflight.Group
}

func newPlaylists(store blob.Store) *playlists {
	return &playlists{store: store, indexes: map[string]index{}}
}

// master names a media playlist per rendition. The links carry the signature of the query on.
func (p *playlists) master(ctx context.Context, rendered domain.Rendered, query string) ([]byte, error) {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n")
	independent := true
	var variants strings.Builder
	for _, rendition := range rendered.Renditions {
		ix, err := p.index(ctx, rendition.Key)
		if err != nil {
			return nil, err
		}
		peak, average := ix.bandwidth()
		independent = independent && ix.independent()
		fmt.Fprintf(&variants, "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d", peak, average)
		if rendition.Width > 0 && rendition.Height > 0 {
			fmt.Fprintf(&variants, ",RESOLUTION=%dx%d", rendition.Width, rendition.Height)
		}
		if ix.codecs != "" {
			fmt.Fprintf(&variants, ",CODECS=%q", ix.codecs)
		}
		fmt.Fprintf(&variants, "\n%s\n", link(rendition.Profile+".m3u8", query))
	}
	if independent {
		b.WriteString("#EXT-X-INDEPENDENT-SEGMENTS\n")
	}
	b.WriteString(variants.String())
	return []byte(b.String()), nil
}

// media lists the fragments of a rendition.
func (p *playlists) media(ctx context.Context, rendition domain.Rendition, query string) ([]byte, error) {
	ix, err := p.index(ctx, rendition.Key)
	if err != nil {
		return nil, err
	}
	longest := 0.0
	for _, f := range ix.fragments {
		longest = max(longest, f.length.Seconds())
	}
	file := link(rendition.Profile+".mp4", query)
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-PLAYLIST-TYPE:VOD\n", max(1, int(math.Round(longest))))
	if ix.independent() {
		b.WriteString("#EXT-X-INDEPENDENT-SEGMENTS\n")
	}
	fmt.Fprintf(&b, "#EXT-X-MAP:URI=%q,BYTERANGE=\"%d@0\"\n", file, ix.head)
	for _, f := range ix.fragments {
		fmt.Fprintf(&b, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%d@%d\n%s\n", f.length.Seconds(), f.size, f.offset, file)
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	return []byte(b.String()), nil
}

// link is a file beside the playlist with the signature's parameters, and no others, of the query.
func link(file, query string) string {
	asked, err := url.ParseQuery(query)
	if err != nil {
		return file
	}
	kept := url.Values{}
	for _, name := range []string{"tenant", "session", "expires", "key", "signature"} {
		if asked.Has(name) {
			kept.Set(name, asked.Get(name))
		}
	}
	if len(kept) == 0 {
		return file
	}
	return file + "?" + kept.Encode()
}

func (ix index) independent() bool {
	for _, f := range ix.fragments {
		if !f.keyframe {
			return false
		}
	}
	return true
}

// bandwidth is the peak over a fragment and the average, in bits per second.
func (ix index) bandwidth() (peak, average int64) {
	var bits, seconds float64
	for _, f := range ix.fragments {
		bits += float64(f.size) * 8
		seconds += f.length.Seconds()
		if f.length > 0 {
			peak = max(peak, int64(math.Ceil(float64(f.size)*8/f.length.Seconds())))
		}
	}
	if seconds > 0 {
		average = int64(math.Ceil(bits / seconds))
	}
	return max(peak, average, 1), max(average, 1)
}

// index reads a rendition's index once.
func (p *playlists) index(ctx context.Context, key string) (index, error) {
	p.mu.Lock()
	known, ok := p.indexes[key]
	p.mu.Unlock()
	if ok {
		return known, nil
	}
	found, err, _ := p.flight.Do(key, func() (any, error) {
		ctx := context.WithoutCancel(ctx) // others wait for it too
		info, err := p.store.Stat(ctx, key)
		if err != nil {
			return nil, err
		}
		ix, err := readIndex(readerAt{ctx, p.store, key}, info.Size)
		if err != nil {
			return nil, fmt.Errorf("index %s: %w", key, err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.indexes) >= indexesKept {
			for other := range p.indexes {
				delete(p.indexes, other)
				break
			}
		}
		p.indexes[key] = ix
		return ix, nil
	})
	if err != nil {
		return index{}, err
	}
	return found.(index), nil
}

// readerAt reads an object by ranges.
type readerAt struct {
	ctx   context.Context
	store blob.Store
	key   string
}

func (r readerAt) ReadAt(b []byte, offset int64) (int, error) {
	body, _, err := r.store.Get(r.ctx, r.key, offset, int64(len(b)))
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.ReadFull(body, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
