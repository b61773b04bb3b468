package publish

import (
	"errors"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/sign"
)

const (
	eventPublished = "clip.published"
	eventWithdrawn = "clip.withdrawn"
)

// message is what a destination is told of a clip: a webhook's body, a folder's JSON file.
type message struct {
	Event       string     `json:"event"`
	ClipID      string     `json:"clip_id"`
	Revision    int        `json:"revision"`
	Tenant      string     `json:"tenant"`
	StreamID    string     `json:"stream_id"`
	BroadcastID string     `json:"broadcast_id"`
	Destination string     `json:"destination"`
	RemoteID    string     `json:"remote_id,omitempty"`
	Replaces    *replaced  `json:"replaces,omitempty"` // what the destination has of this clip
	Title       string     `json:"title"`
	Text        string     `json:"text"`
	Generated   bool       `json:"generated"` // to be labelled as AI-generated
	StartS      float64    `json:"start_s"`   // of media time
	EndS        float64    `json:"end_s"`
	PublishedAt time.Time  `json:"published_at"`
	Hash        string     `json:"hash"`
	Video       *videoFile `json:"video,omitempty"`
	HLS         string     `json:"hls,omitempty"`
	Listing     string     `json:"listing,omitempty"` // JSON for a player that fetches ranges itself
	Cover       string     `json:"cover,omitempty"`
	Thumbnails  string     `json:"thumbnails,omitempty"`
	Subtitles   string     `json:"subtitles,omitempty"`
}

// replaced is an older revision: a destination that puts the new one in its place answers with the same ID, and another is
// told clip.withdrawn of it afterwards.
type replaced struct {
	Revision int    `json:"revision"`
	RemoteID string `json:"remote_id,omitempty"`
}

type videoFile struct {
	URL       string  `json:"url"` // a folder's: the name of the file beside
	Profile   string  `json:"profile"`
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	DurationS float64 `json:"duration_s"`
	Bytes     int64   `json:"bytes"`
	SHA256    string  `json:"sha256"`
	Heads     *heads  `json:"heads,omitempty"` // what a preload should fetch
}

// heads are bytes from the beginning of the file.
type heads struct {
	Frame int64 `json:"frame"` // the first frame shown
	S1    int64 `json:"1s"`
	S2    int64 `json:"2s"`
	S4    int64 `json:"4s"`
}

// messageOf tells of the clip without its files.
func messageOf(event string, p publication, remoteID string) message {
	m := p.manifest
	said := message{
		Event:       event,
		ClipID:      string(p.Clip),
		Revision:    p.Revision,
		Tenant:      string(p.Tenant),
		StreamID:    string(m.Stream),
		BroadcastID: string(m.Broadcast),
		Destination: p.Destination,
		RemoteID:    remoteID,
		Title:       m.Rendered.Title,
		Text:        m.Rendered.Text,
		Generated:   m.Rendered.Generated,
		StartS:      m.Rendered.Window.Start.Seconds(),
		EndS:        m.Rendered.Window.End.Seconds(),
		PublishedAt: m.Published.UTC(),
		Hash:        p.hash,
	}
	if r := p.replaces; r != nil {
		said.Replaces = &replaced{r.Revision, r.RemoteID}
	}
	return said
}

func videoOf(r domain.Rendition, url string) *videoFile {
	v := &videoFile{URL: url, Profile: r.Profile, Width: r.Width, Height: r.Height, DurationS: r.Length.Seconds(), Bytes: r.Bytes, SHA256: r.SHA256}
	if r.Heads != (domain.Heads{}) {
		known := heads(r.Heads)
		v.Heads = &known
	}
	return v
}

// folder is the path under which the revision's files are served.
func (p publication) folder() string { return "/vod/" + string(p.Clip) + "/" + p.hash + "/" }

// links signs URLs of the VOD path, or of a CDN before it.
type links struct {
	base string
	keys sign.Keys
	cdn  sign.CDN // with a name: through it
	ttl  time.Duration
	now  func() time.Time
}

// fill gives the message links to the publication's files, for a session of the destination's own.
func (l links) fill(m *message, p publication) error {
	rendered := p.manifest.Rendered
	grant := sign.Grant{
		Path:    p.folder(),
		Tenant:  p.Tenant,
		Session: p.Destination,
		Expires: l.now().Add(l.ttl),
	}
	var faults error
	to := func(file string) string {
		if l.cdn.Name == "" {
			return strings.TrimSuffix(l.base, "/") + l.keys.URL(grant, file)
		}
		link, err := l.cdn.URL(grant, file)
		faults = errors.Join(faults, err)
		return link
	}
	m.Video = videoOf(p.rendition, to(p.rendition.Profile+".mp4"))
	m.HLS, m.Listing = to("index.m3u8"), to("index.json")
	if rendered.Cover != "" {
		m.Cover = to("cover.jpg")
	}
	if rendered.Thumbnails != "" {
		m.Thumbnails = to("thumbs.vtt")
	}
	if rendered.Subtitles != "" {
		m.Subtitles = to("subtitles.vtt")
	}
	return faults
}
