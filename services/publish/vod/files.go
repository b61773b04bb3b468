package vod

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path"
	"strings"

	"liveclip/internal/domain"
	"liveclip/internal/sidecar"
)

// file is what a name under a clip's hash, other than a rendition's, stands for: an object of the store, or a text made
// for the request.
type file struct {
	object
	profile string                                // the rung whose rendition it is; empty: none's
	text    func(context.Context) ([]byte, error) // nil: it is the object
	private bool                                  // the text carries the request's signature on: no shared cache may keep it
}

const (
	kindPlaylist = "application/vnd.apple.mpegurl"
	kindVTT      = "text/vtt; charset=utf-8"
	kindJPEG     = "image/jpeg"
	kindJSON     = "application/json"
)

// file finds what the name stands for; false: the clip has no such file.
func (v *Handler) file(rendered domain.Rendered, name string, to linker) (file, bool) {
	switch {
	case name == "index.m3u8":
		return file{object: object{kind: kindPlaylist}, private: true, text: func(ctx context.Context) ([]byte, error) {
			indexes, err := v.indexesOf(ctx, rendered)
			if err != nil {
				return nil, err
			}
			return masterPlaylist(rendered, indexes, to)
		}}, true
	case name == "index.json":
		return file{object: object{kind: kindJSON}, private: true, text: func(ctx context.Context) ([]byte, error) {
			indexes, err := v.indexesOf(ctx, rendered)
			if err != nil {
				return nil, err
			}
			return listing(rendered, indexes, to)
		}}, true
	case name == "cover.jpg" && rendered.Cover != "":
		return file{object: object{key: rendered.Cover, kind: kindJPEG}}, true
	case name == "thumbs.jpg" && rendered.Sprite != "":
		return file{object: object{key: rendered.Sprite, kind: kindJPEG}}, true
	case name == "thumbs.vtt" && rendered.Thumbnails != "" && rendered.Sprite != "":
		return file{object: object{kind: kindVTT}, private: true, text: func(ctx context.Context) ([]byte, error) {
			return v.thumbnails(ctx, rendered, to)
		}}, true
	case name == "subtitles.m3u8" && rendered.Subtitles != "" && len(rendered.Renditions) > 0:
		return file{object: object{kind: kindPlaylist}, private: true, text: func(context.Context) ([]byte, error) {
			return subtitlesPlaylist(rendered.Renditions[0].Length.Seconds(), to)
		}}, true
	case rendered.Subtitles != "" && (name == "subtitles.vtt" || name == path.Base(rendered.Subtitles)):
		return file{object: object{key: rendered.Subtitles, kind: kindVTT}}, true
	case name == "chapters.vtt" && rendered.Chapters != "":
		return file{object: object{key: rendered.Chapters, kind: kindVTT}}, true
	case name == "subtitles.srt" && rendered.SubRip != "":
		return file{object: object{key: rendered.SubRip, kind: "application/x-subrip; charset=utf-8"}}, true
	}
	for _, r := range rendered.Renditions {
		if extension, ok := strings.CutPrefix(name, r.Profile); ok {
			if f, ok := v.renditionFile(r, extension, to); ok {
				f.profile = r.Profile
				return f, true
			}
		}
	}
	return file{}, false
}

func (v *Handler) renditionFile(r domain.Rendition, extension string, to linker) (file, bool) {
	switch extension {
	case ".m3u8":
		return file{object: object{kind: kindPlaylist}, private: true, text: func(ctx context.Context) ([]byte, error) {
			x, err := v.indexes.of(ctx, r)
			if err != nil {
				return nil, err
			}
			return mediaPlaylist(r, x, to)
		}}, true
	case ".json":
		return file{object: object{kind: kindJSON}, text: func(ctx context.Context) ([]byte, error) {
			x, err := v.indexes.of(ctx, r)
			if err != nil {
				return nil, err
			}
			return json.Marshal(x)
		}}, true
	}
	return file{}, false
}

func (v *Handler) indexesOf(ctx context.Context, rendered domain.Rendered) ([]sidecar.Index, error) {
	all := make([]sidecar.Index, len(rendered.Renditions))
	for i, r := range rendered.Renditions {
		var err error
		if all[i], err = v.indexes.of(ctx, r); err != nil {
			return nil, err
		}
	}
	return all, nil
}

const maxThumbnails = 1 << 20 // bytes of a thumbnails' WebVTT

// thumbnails is the WebVTT with links to the sprite that carry the signature on.
func (v *Handler) thumbnails(ctx context.Context, rendered domain.Rendered, to linker) ([]byte, error) {
	sprite, err := to("thumbs.jpg")
	if err != nil {
		return nil, err
	}
	body, _, err := v.deps.Store.Get(ctx, rendered.Thumbnails, 0, maxThumbnails)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if place, ok := bytes.CutPrefix(line, []byte("thumbs.jpg")); ok {
			lines[i] = append([]byte(sprite), place...)
		}
	}
	return bytes.Join(lines, []byte("\n")), nil
}

// clipListing tells a player that fetches ranges itself what there is: index.json.
type clipListing struct {
	ClipID     string             `json:"clip_id"`
	Hash       string             `json:"hash"`
	Revision   int                `json:"revision"`
	Title      string             `json:"title"`
	LengthS    float64            `json:"length_s"`
	Renditions []renditionListing `json:"renditions"`
	HLS        string             `json:"hls"`
	Cover      string             `json:"cover,omitempty"`
	Thumbnails string             `json:"thumbnails,omitempty"`
	Subtitles  string             `json:"subtitles,omitempty"`
}

type renditionListing struct {
	Profile   string        `json:"profile"`
	URL       string        `json:"url"`
	Index     string        `json:"index"` // the sidecar index's URL
	Width     int           `json:"width"`
	Height    int           `json:"height"`
	Bytes     int64         `json:"bytes"`
	Bandwidth int64         `json:"bandwidth"` // average, bit/s
	Peak      int64         `json:"peak_bandwidth"`
	Codecs    string        `json:"codecs,omitempty"`
	Header    int64         `json:"header_bytes"`
	Heads     sidecar.Heads `json:"heads"` // preload hints: so many bytes show the first frame, play 1 s, 2 s, 4 s
}

func listing(rendered domain.Rendered, indexes []sidecar.Index, to linker) ([]byte, error) {
	l := links{to: to}
	out := clipListing{
		ClipID: string(rendered.Clip), Hash: rendered.Hash, Revision: rendered.Revision, Title: rendered.Title,
		Renditions: []renditionListing{}, HLS: l.link("index.m3u8"),
	}
	for i, r := range rendered.Renditions {
		x := indexes[i]
		peak, average := bandwidth(x)
		out.LengthS = max(out.LengthS, x.LengthS)
		out.Renditions = append(out.Renditions, renditionListing{
			Profile: r.Profile, URL: l.link(r.Profile + ".mp4"), Index: l.link(r.Profile + ".json"), Width: r.Width, Height: r.Height,
			Bytes: x.Bytes, Bandwidth: average, Peak: peak, Codecs: x.Codecs, Header: x.Header, Heads: x.Heads,
		})
	}
	for _, extra := range []struct {
		key, file string
		link      *string
	}{
		{rendered.Cover, "cover.jpg", &out.Cover},
		{rendered.Thumbnails, "thumbs.vtt", &out.Thumbnails},
		{rendered.Subtitles, "subtitles.vtt", &out.Subtitles},
	} {
		if extra.key != "" {
			*extra.link = l.link(extra.file)
		}
	}
	if l.err != nil {
		return nil, l.err
	}
	return json.Marshal(out)
}
