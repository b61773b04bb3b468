package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"liveclip/internal/caption"
	"liveclip/internal/domain"
	"liveclip/internal/record"
	mediav1 "liveclip/proto/media/v1"
)

const (
	coverName      = "cover.jpg"
	spriteName     = "thumbs.jpg"
	thumbnailsName = "thumbs.vtt"
	subtitlesName  = "subtitles.vtt"
	subRipName     = "subtitles.srt"
)

// upload puts the finished files under the hash of all renditions: what lies there never changes. Words come last.
func (s *Service) upload(ctx context.Context, c clip, folder string, finished *mediav1.Finished, words func() spokenText) (domain.Rendered, error) {
	plan := c.plan.Value
	r := domain.Rendered{
		Clip: c.Clip, Revision: c.Revision, Window: finishedWindow(c.windows(), finished), ClippedTo: finished.GetClippedTo(), Notes: finished.GetNotes(),
		Generated: c.generated(), Title: s.title(plan), Text: s.lists.Mask(plan.Text),
	}
	var causes []string
	for _, file := range finished.GetFiles() {
		path := inFolder(folder, file.GetPath())
		sum, size, err := digest(path)
		if err != nil {
			return domain.Rendered{}, err
		}
		causes = append(causes, file.GetProfile(), sum)
		r.Renditions = append(r.Renditions, domain.Rendition{
			Profile: file.GetProfile(), Width: int(file.GetWidth()), Height: int(file.GetHeight()),
			Length: time.Duration(file.GetLength()), Bytes: size, SHA256: sum,
		})
	}
	r.Hash = domain.H(append([]string{"renditions"}, causes...)...)
	for i, file := range finished.GetFiles() {
		key := record.File(c.Tenant, c.Clip, r.Hash, file.GetProfile()+".mp4")
		if err := s.putFile(ctx, key, inFolder(folder, file.GetPath())); err != nil {
			return domain.Rendered{}, err
		}
		r.Renditions[i].Key = key
		if err := s.putIndex(ctx, &r.Renditions[i], inFolder(folder, file.GetPath())); err != nil {
			return domain.Rendered{}, err
		}
	}
	for _, beside := range []struct {
		made, name string
		key        *string
	}{
		{finished.GetCover(), coverName, &r.Cover},
		{finished.GetSprite(), spriteName, &r.Sprite},
		{finished.GetThumbnails(), thumbnailsName, &r.Thumbnails},
	} {
		if beside.made == "" {
			continue
		}
		*beside.key = record.File(c.Tenant, c.Clip, r.Hash, beside.name)
		if err := s.putFile(ctx, *beside.key, inFolder(folder, beside.made)); err != nil {
			return domain.Rendered{}, err
		}
	}
	if err := s.putChapters(ctx, c, finished, &r); err != nil {
		return domain.Rendered{}, err
	}
	heard := words()
	if heard.text != "" { // the plan's is of what was heard when it was made, and of a window that may have been trimmed
		r.Text = s.lists.Mask(heard.text)
	}
	if len(heard.cues) == 0 {
		return r, nil
	}
	r.Subtitles, r.SubRip = record.File(c.Tenant, c.Clip, r.Hash, subtitlesName), record.File(c.Tenant, c.Clip, r.Hash, subRipName)
	for key, text := range map[string]string{r.Subtitles: caption.WebVTT(heard.cues), r.SubRip: caption.SubRip(heard.cues)} {
		if _, err := s.store.Put(ctx, key, strings.NewReader(text)); err != nil {
			return domain.Rendered{}, fmt.Errorf("put %s: %w", key, err)
		}
	}
	return r, nil
}

// finishedWindow is the media time from the clip's first footage to its last.
func finishedWindow(windows []domain.Window, finished *mediav1.Finished) domain.Window {
	switch len(windows) {
	case 0:
		return domain.Window{}
	case 1:
		return domain.Window{Start: time.Duration(finished.GetStart()), End: time.Duration(finished.GetEnd())}
	}
	return domain.Window{Start: time.Duration(finished.GetStart()), End: windows[len(windows)-1].End}
}

// inFolder keeps a path that the child names inside the folder it was told.
func inFolder(folder, path string) string { return filepath.Join(folder, filepath.Base(path)) }

func digest(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("hash a rendition: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	size, err = io.Copy(h, f)
	if err != nil {
		return "", 0, fmt.Errorf("hash a rendition: %w", err)
	}
	if size == 0 {
		return "", 0, fmt.Errorf("rendition %s is empty", filepath.Base(path))
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

func (s *Service) putFile(ctx context.Context, key, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	defer func() { _ = f.Close() }()
	if _, err := s.store.Put(ctx, key, f); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}
