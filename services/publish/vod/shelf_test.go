package vod

import (
	"fmt"
	"strings"
	"testing"

	"liveclip/internal/blob"
)

func TestTheShelfClosesWhatNobodyUses(t *testing.T) {
	store, err := blob.OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.Files = 3
	s := newShelf(store, cfg, newClock().now)
	open := openFiles(t)
	var used []*openObject
	for i := range 10 {
		key := fmt.Sprintf("default/clips/c/h/%d", i)
		if _, err := store.Put(t.Context(), key, strings.NewReader(key)); err != nil {
			t.Fatal(err)
		}
		h, hit, err := s.take(t.Context(), key)
		if err != nil || hit {
			t.Fatal(h, hit, err)
		}
		if i < 5 {
			used = append(used, h) // two more than there is room for
			continue
		}
		s.give(h)
	}
	if n := openFiles(t) - open; n != 5 {
		t.Errorf("%d files are open, five are in use", n)
	}
	for _, h := range used {
		s.give(h)
	}
	if n := openFiles(t) - open; n > cfg.Files {
		t.Errorf("%d files are open, and nobody uses one", n)
	}
	same, hit, err := s.take(t.Context(), used[0].info.Key)
	if err != nil || !hit || same != used[0] {
		t.Errorf("the first is not at hand any more: %v", err)
	}
}
