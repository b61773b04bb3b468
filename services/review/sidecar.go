package review

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"liveclip/internal/domain"
	"liveclip/internal/sidecar"
)

// putIndex writes the index of a finished file beside it, and keeps what a preload needs of it. One that cannot be indexed
// gets none: what serves it reads its boxes then.
func (s *Service) putIndex(ctx context.Context, r *domain.Rendition, path string) error {
	key := strings.TrimSuffix(r.Key, ".mp4") + ".json"
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("index %s: %w", key, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("index %s: %w", key, err)
	}
	x, err := sidecar.Of(f, info.Size())
	if domain.IsPermanent(err) {
		s.log.Warn("rendition without index", "key", key, "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("index %s: %w", key, err)
	}
	data, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("index %s: %w", key, err)
	}
	if _, err := s.store.Put(ctx, key, bytes.NewReader(data)); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	r.Index, r.Header, r.Heads = key, x.Header, domain.Heads(x.Heads)
	return nil
}
