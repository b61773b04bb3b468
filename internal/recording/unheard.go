package recording

import (
	"cmp"
	"fmt"
	"slices"

	"liveclip/internal/domain"
)

// Unheard adds a stretch that nobody heard. They come in order, each before Heard covers it.
func (w *Writer) Unheard(u domain.Unheard) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u.Window.Length() == 0 {
		return nil
	}
	if w.end != nil {
		return fmt.Errorf("record what nobody heard of broadcast %s: %w", w.cfg.Broadcast, errClosed)
	}
	if err := w.logEntry(entry{Unheard: &u}); err != nil {
		return fmt.Errorf("record what nobody heard of broadcast %s: %w", w.cfg.Broadcast, err)
	}
	w.unheard = joinUnheard(w.unheard, u)
	return nil
}

// joinUnheard adds a stretch to those before it, as one with the last where it goes on.
func joinUnheard(all []domain.Unheard, u domain.Unheard) []domain.Unheard {
	if n := len(all) - 1; n >= 0 && all[n].Chosen == u.Chosen && u.Window.Start >= all[n].Window.Start && u.Window.Start <= all[n].Window.End {
		all[n].Window.End = max(all[n].Window.End, u.Window.End)
		return all
	}
	return append(all, u)
}

// unheardIn gives what overlaps the window, cut to it.
func unheardIn(all []domain.Unheard, w domain.Window) (in []domain.Unheard) {
	for _, u := range all {
		if u.Window.Overlap(w) > 0 {
			u.Window = domain.Window{Start: max(u.Window.Start, w.Start), End: min(u.Window.End, w.End)}
			in = append(in, u)
		}
	}
	return in
}

// mergedUnheard puts what objects and the owner say of a window in order, each stretch once.
func mergedUnheard(all []domain.Unheard, w domain.Window) (out []domain.Unheard) {
	in := unheardIn(all, w)
	slices.SortFunc(in, func(a, b domain.Unheard) int {
		return cmp.Or(cmp.Compare(a.Window.Start, b.Window.Start), cmp.Compare(a.Window.End, b.Window.End))
	})
	for _, u := range in {
		out = joinUnheard(out, u)
	}
	return out
}
