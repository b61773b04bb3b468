package review

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/sidecar"
)

func TestALosslessClipIsPlayableAsTheSourcesOwnPictures(t *testing.T) {
	h := newHouse(t, nil)
	l := h.room("room")
	l.recordTo(7)
	h.cut(l, "lossless", seconds(5.2, 11.7), func(p *domain.Plan) {
		p.Mode, p.Profiles = domain.ModeCopy, []domain.Profile{{Name: domain.SourceProfile}}
	})
	l.recordTo(13)
	l.must(l.Heard(13 * time.Second))
	h.decision("lossless", "approved by rule, playable")
	m, _, found := h.manifest("lossless")
	if !found || len(m.Rendered.Renditions) != 1 || m.Rendered.ClippedTo != "" || len(m.Rendered.Notes) > 0 || m.Rendered.Cover == "" {
		t.Fatalf("manifest %+v", m)
	}
	r := m.Rendered.Renditions[0]
	off := r.Length - 6500*time.Millisecond
	if r.Profile != domain.SourceProfile || r.Width != 640 || r.Height != 360 || max(off, -off) > time.Second/rate || m.Rendered.Window.Length() != r.Length {
		t.Errorf("rendition %+v", r)
	}
	if n, title := h.frames(r, "title"); n != 195 || title != "Last three minutes" {
		t.Errorf("%d pictures, want 195, and the title %q", n, title)
	}
	if x, err := sidecar.Read(bytes.NewReader(h.fetch(r.Index, ""))); err != nil || x.Bytes != r.Bytes || !x.Independent() {
		t.Errorf("index %v, %+v", err, x)
	}
	file := filepath.Join(t.TempDir(), "clip.mp4")
	h.fetch(r.Key, file)
	if said := h.ffprobe("-show_entries", "stream=codec_name,width", file); !strings.Contains(said, "h264") {
		t.Error(said)
	}
}

func TestWhatCantBeCopiedExactlySaysWhy(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.MaxRetry = 0 })
	l := h.room("room")
	l.recordTo(13)
	l.must(l.Heard(13 * time.Second))
	h.cut(l, "two", seconds(5, 7), func(p *domain.Plan) {
		p.Mode, p.Profiles = domain.ModeCopy, []domain.Profile{{Name: domain.SourceProfile}}
		p.Shots = append(p.Shots, domain.Shot{Kind: domain.ShotFootage, Window: seconds(8, 9)})
	})
	failed := h.step("two", domain.StepFailed)
	if !strings.Contains(failed.Note, "ask for the clip without mode copy") {
		t.Errorf("failed: %q", failed.Note)
	}
}
