package review

import (
	"path/filepath"
	"sync"
	"testing"
)

func TestAServiceThatEndsMakesNoFurtherFolder(t *testing.T) {
	// A folder that can't be made lets a render end at once.
	s := &Service{cfg: Config{Work: filepath.Join(t.TempDir(), "missing", "folder")}}
	var rendering sync.WaitGroup
	for range 4 {
		rendering.Go(func() {
			for range 200 {
				_, _ = s.render(t.Context(), clip{})
			}
		})
	}
	s.endMaking()
	rendering.Wait()
	s.cfg.Work = t.TempDir()
	if _, err := s.render(t.Context(), clip{}); err == nil {
		t.Error("it rendered after its end")
	}
	if left, _ := filepath.Glob(filepath.Join(s.cfg.Work, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
