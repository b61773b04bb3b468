package recording_test

import (
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/recording"
)

func TestWhatNobodyHeardIsKeptBesideTheLinesOverARestartAndInTheStore(t *testing.T) {
	folder, store := t.TempDir(), openStore(t)
	w := create(t, store, func(c *recording.WriterConfig) { c.Folder = folder })
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 30, 4)
	lost := func(start, end float64) domain.Unheard { return domain.Unheard{Window: window(start, end)} }
	chosen := func(start, end float64) domain.Unheard {
		return domain.Unheard{Window: window(start, end), Chosen: true}
	}
	for _, u := range []domain.Unheard{lost(1, 2), lost(4, 5), lost(5, 5.5), lost(5.5, 5.5), chosen(6, 7), chosen(7, 8), lost(9, 11.2504)} {
		must(t, w.Unheard(u))
	}
	must(t, w.Heard(11200*time.Millisecond)) // an object ends here, within a stretch
	must(t, w.Unheard(lost(11.2504, 12)))
	o := startOwner(t)
	o.hot.Add(w)
	owned := newReader(t, store, &finder{address: o.address})
	heard := func(what string, r *recording.Reader, in domain.Window, want ...domain.Unheard) {
		t.Helper()
		got, err := r.Heard(t.Context(), room, show, in)
		must(t, err)
		same(t, what, got.Unheard, want)
	}
	heard("hot", owned, window(4.5, 7.5), lost(4.5, 5.5), chosen(6, 7.5))
	heard("hot, where everything was heard", owned, window(2, 4))

	// The process is killed here, and what it recorded is taken up.
	again := create(t, store, func(c *recording.WriterConfig) { c.Folder, c.Epoch = folder, 2 })
	o.hot.Add(again)
	all := []domain.Unheard{lost(1, 2), lost(4, 5.5), chosen(6, 8), lost(9, 13)}
	must(t, again.Unheard(lost(12, 13)))
	must(t, again.Heard(15*time.Second))
	heard("after a restart", owned, window(0, 15), all...)
	must(t, again.Close(15*time.Second, "over"))
	if err := again.Unheard(lost(16, 17)); err == nil {
		t.Error("a closed broadcast took what nobody heard")
	}
	runUntilStored(t, again)
	heard("stored", newReader(t, store, &finder{}), window(0, 15), all...)
}
