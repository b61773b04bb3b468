package detect

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

const lookEvery = 2 * time.Second

// shelf holds the rules that are in force, and takes up changed ones while the service runs.
type shelf struct {
	cfg   Config
	book  atomic.Pointer[Book]
	files []string // of the rules last read, refused or not
	seen  string   // how they looked then
	alert func(err error)
}

func openShelf(cfg Config, alert func(error)) (*shelf, error) {
	s := &shelf{cfg: cfg, alert: alert}
	var files []string
	if cfg.Rules != "" {
		files = []string{cfg.Rules}
	}
	if err := s.read(files); err != nil {
		return nil, err
	}
	return s, nil
}

// read reads the rules of what is thought to be their files. How those looked is noted before they are read, so that what
// changes meanwhile is a change; where they turn out to be other files, all is read again.
func (s *shelf) read(files []string) error {
	for {
		s.files, s.seen = files, fingerprint(files)
		book, err := readBook(s.cfg.Rules, s.cfg.Preset)
		if slices.Equal(files, book.files) {
			if err == nil {
				s.book.Store(book)
			}
			return err
		}
		files = book.files
	}
}

// of gives the rules of a room of a category, as they are now.
func (s *shelf) of(category string) *Rules { return s.book.Load().Of(category) }

// watch looks for changes every now and then, until ctx ends. Rules that cannot be read are told, and the old ones stay.
func (s *shelf) watch(ctx context.Context) {
	if s.cfg.Rules == "" {
		return
	}
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			s.look()
		}
	}
}

// look reads the rules again if their files changed, and tells what came of it.
func (s *shelf) look() {
	if fingerprint(s.files) != s.seen {
		s.alert(s.read(s.files))
	}
}

// fingerprint changes when a file does; a file that cannot be read is one more state.
func fingerprint(files []string) string {
	h := sha256.New()
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			fmt.Fprintf(h, "%s: %v\n", f, err)
			continue
		}
		fmt.Fprintf(h, "%s %d\n", f, len(text))
		h.Write(text)
	}
	return string(h.Sum(nil))
}
