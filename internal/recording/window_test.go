package recording_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/recording"
)

// gapped records 0 to 10 s and 15 to 20 s of a broadcast.
func gapped(t *testing.T, w *recording.Writer) {
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 20, 4)
	must(t, w.Init(runInit(1)))
	for n := 30; n < 40; n++ {
		p := part(n, 2)
		p.Run = 1
		must(t, w.Part(p))
	}
}

func TestAReadSaysWhatBecameOfItsWindow(t *testing.T) {
	hole := []domain.Window{window(10, 15)}
	cases := []struct {
		name    string
		window  domain.Window
		at      float64
		clipped string
		gaps    []domain.Window
	}{
		{"all there", window(2, 8), 8, "", nil},
		{"over a gap", window(8, 17), 17, "", hole},
		{"ends in a gap", window(8, 13), 10, domain.ClippedToGap, nil},
		{"begins in a gap", window(12, 17), 17, domain.ClippedToStart, nil},
		{"ends after the broadcast", window(16, 30), 20, domain.ClippedToEnd, nil},
		{"over a gap and after the broadcast", window(9, 30), 20, domain.ClippedToEnd, hole},
	}
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprintf("stored %v", stored), func(t *testing.T) {
			store, owners := openStore(t), &finder{}
			o := startOwner(t)
			w := create(t, store, nil)
			o.hot.Add(w)
			gapped(t, w)
			must(t, w.Close(20*time.Second, "the source ended"))
			if stored {
				runUntilStored(t, w)
			} else {
				owners.set(o.address)
			}
			for _, c := range cases {
				_, end := read(t, newReader(t, store, owners), c.window)
				end.Reason = ""
				same(t, c.name, end, recording.End{At: time.Duration(c.at * float64(time.Second)), Clipped: c.clipped, Gaps: c.gaps})
			}
		})
	}
}

func TestAWindowWhoseOwnerIsLostSaysThatTheRecordingBrokeOff(t *testing.T) {
	store := openStore(t)
	w := create(t, store, nil)
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 60, 4)
	w.StoreAndSweep(t.Context(), func() {})
	_, end := read(t, newReader(t, store, &finder{}), window(20, 40))
	if end.Clipped != domain.ClippedToLoss || !end.Lost {
		t.Errorf("%+v", end)
	}
}

func TestANewRunsInitialisationSegmentComesBetweenItsPartsAndThoseBefore(t *testing.T) {
	store, o := openStore(t), startOwner(t)
	w := create(t, store, nil)
	remove := o.hot.Add(w)
	gapped(t, w)
	want := []string{"init 0", "part 16", "part 17", "part 18", "part 19", "init 1", "part 30", "part 31"}
	got, _ := read(t, newReader(t, store, &finder{address: o.address}), window(8.5, 16))
	same(t, "hot", got, want)
	must(t, w.Close(20*time.Second, "the source ended"))
	runUntilStored(t, w)
	remove()
	got, _ = read(t, newReader(t, store, &finder{}), window(8.5, 16))
	same(t, "stored", got, want)
}

func TestTheLoudnessOfAWindowIsReadHotAndStoredAndAfterAKill(t *testing.T) {
	store, owners, o := openStore(t), &finder{}, startOwner(t)
	folder := t.TempDir()
	w := create(t, store, func(c *recording.WriterConfig) { c.Folder = folder })
	o.hot.Add(w)
	owners.set(o.address)
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 80, 4)
	for s := range 40 {
		values := make([]float64, 10)
		for i := range values {
			values[i] = -20 - float64(s) - float64(i)/10
		}
		must(t, w.Sound(domain.SoundMeasured{Start: time.Duration(s) * time.Second, Step: 100 * time.Millisecond, Momentary: values}))
		must(t, w.Heard(time.Duration(s)*time.Second))
	}
	must(t, w.Sound(domain.SoundMeasured{Start: 39 * time.Second, Step: 100 * time.Millisecond, Momentary: []float64{0}})) // again
	want := []domain.SoundMeasured{
		{Start: 12500 * time.Millisecond, Step: 100 * time.Millisecond, Momentary: []float64{-32.5, -32.6, -32.7, -32.8, -32.9}},
		{Start: 13 * time.Second, Step: 100 * time.Millisecond, Momentary: []float64{-33, -33.1}},
	}
	loudness := func(what string, w domain.Window, want []domain.SoundMeasured) {
		t.Helper()
		got, err := newReader(t, store, owners).Loudness(t.Context(), room, show, w)
		must(t, err)
		same(t, what, got, want)
	}
	loudness("hot", window(12.45, 13.2), want)
	loudness("what is still to come is not waited for", window(39.9, 60), []domain.SoundMeasured{{Start: 39900 * time.Millisecond, Step: 100 * time.Millisecond, Momentary: []float64{-59.9}}})

	// A process that is killed here leaves its spool.
	again := create(t, store, func(c *recording.WriterConfig) { c.Folder, c.Epoch = copyFolder(t, folder), 9 })
	remove := o.hot.Add(again)
	loudness("after a kill", window(12.45, 13.2), want)
	must(t, again.Close(40*time.Second, "the source ended"))
	runUntilStored(t, again)
	remove()
	owners.set("")
	loudness("stored", window(12.45, 13.2), want)
	loudness("stored to its end", window(39.9, 60), []domain.SoundMeasured{{Start: 39900 * time.Millisecond, Step: 100 * time.Millisecond, Momentary: []float64{-59.9}}})
}

func copyFolder(t *testing.T, from string) string {
	to := filepath.Join(t.TempDir(), "spool")
	must(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

func TestIntegratedLoudnessIsGated(t *testing.T) {
	values := func(v float64, n int) []float64 { return slices.Repeat([]float64{v}, n) }
	for name, c := range map[string]struct {
		values []float64
		want   float64
		ok     bool
	}{
		"even":                          {values(-23, 50), -23, true},
		"silence does not count":        {slices.Concat(values(-23, 50), values(-120, 500)), -23, true},
		"nor does what is much quieter": {slices.Concat(values(-20, 50), values(-50, 50)), -20, true},
		"silence":                       {values(-120, 50), 0, false},
		"nothing":                       {nil, 0, false},
	} {
		got, ok := recording.Integrated([]domain.SoundMeasured{{Step: 100 * time.Millisecond, Momentary: c.values}})
		if ok != c.ok || got-c.want > 0.05 || c.want-got > 0.05 {
			t.Errorf("%s: %f %v, want %f %v", name, got, ok, c.want, c.ok)
		}
	}
}

// archive stores a whole broadcast of 30 s, 6 s a segment, a keyframe every 2 s.
func archive(t *testing.T, store blob.Store, b domain.BroadcastID) {
	t.Helper()
	w := create(t, store, func(c *recording.WriterConfig) { c.Broadcast = b })
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 60, 4)
	must(t, w.Heard(30*time.Second))
	must(t, w.Close(30*time.Second, "the source ended"))
	runUntilStored(t, w)
}

func keysIn(t *testing.T, store blob.Store) (names []string) {
	t.Helper()
	for info, err := range store.List(t.Context(), "", "") {
		must(t, err)
		_, name, _ := strings.Cut(info.Key, "/rec/")
		names = append(names, strings.SplitN(name, "-00000000000000", 2)[0])
	}
	return names
}

func TestRetentionAnnouncesThenRemovesWhatIsOldAndSaysSo(t *testing.T) {
	store := openStore(t)
	archive(t, store, show)
	now := time.Now()
	var needed []domain.Window
	s := recording.Sweeper{Store: store, Limits: recording.Limits{Age: 24 * time.Hour}, Now: func() time.Time { return now },
		Needed: func(domain.BroadcastID) []domain.Window { return slices.Clone(needed) }}
	sweep := func() recording.Swept {
		t.Helper()
		swept, err := s.Sweep(t.Context())
		must(t, err)
		return swept
	}
	before := keysIn(t, store)
	if swept := sweep(); swept.Removed != 0 || swept.Kept == 0 {
		t.Errorf("what is young: %+v", swept)
	}
	same(t, "what is young stays", keysIn(t, store), before)

	now = now.Add(25 * time.Hour)
	needed = []domain.Window{window(13, 14)} // an open clip
	if swept := sweep(); swept.Removed != 0 || swept.Held == 0 {
		t.Errorf("announced: %+v", swept)
	}
	got, end := read(t, newReader(t, store, &finder{}), window(2, 4))
	same(t, "what is announced is still there", got, span(4, 8))
	same(t, "and whole", end, recording.End{At: 4 * time.Second})

	now = now.Add(time.Hour)
	if swept := sweep(); swept.Removed == 0 || swept.Held == 0 {
		t.Errorf("removed: %+v", swept)
	}
	reader := newReader(t, store, &finder{})
	got, _ = read(t, reader, window(13, 14))
	same(t, "what an open clip needs stays", got, span(24, 28))
	_, err := reader.Read(t.Context(), room, show, window(2, 4), func(recording.Chunk) error { return nil })
	if !errors.Is(err, recording.ErrRemoved) || !domain.IsPermanent(err) {
		t.Errorf("what was removed: %v", err)
	}
	_, end = read(t, reader, window(8, 14))
	same(t, "what was removed in part", end.Clipped, domain.ClippedToKept)

	needed = nil
	now = now.Add(time.Hour)
	sweep()
	same(t, "what says that it was removed stays", keysIn(t, store), []string{"closed.json", "kept.json"})
	now = now.Add(40 * 24 * time.Hour)
	sweep()
	same(t, "for a while", keysIn(t, store), []string(nil))
}

func TestWhatOthersKeepBesideARecordingGoesWithItsAge(t *testing.T) {
	store := openStore(t)
	archive(t, store, show)
	beside := "default/room1/" + string(show) + "/detect/000001.jsonl.gz"
	_, err := store.Put(t.Context(), beside, strings.NewReader("what the audience wrote"))
	must(t, err)
	now := time.Now()
	s := recording.Sweeper{Store: store, Limits: recording.Limits{Age: time.Hour}, Beside: []string{"detect"}, Now: func() time.Time { return now },
		Needed: func(domain.BroadcastID) []domain.Window { return []domain.Window{window(0, 1000)} }}
	for _, c := range []struct {
		after time.Duration
		there bool
	}{{time.Minute, true}, {2 * time.Hour, false}} {
		now = now.Add(c.after)
		_, err := s.Sweep(t.Context())
		must(t, err)
		_, err = store.Stat(t.Context(), beside)
		if there := err == nil; there != c.there {
			t.Errorf("after %s it is there: %v", c.after, there)
		}
	}
}

func TestRetentionRemovesHoweverCloselySweepsFollow(t *testing.T) {
	folder := t.TempDir()
	store, err := blob.OpenFiles(folder)
	must(t, err)
	archive(t, store, show)
	begin := time.Now()
	age := 10 * time.Second // one segment more of it grows old between two sweeps
	for info, err := range store.List(t.Context(), "", "") {
		must(t, err)
		name := filepath.Base(info.Key)
		if seg, ok := recording.ParseSegmentName(name); ok {
			at := begin.Add(5 * seg.Window.Start)
			must(t, os.Chtimes(filepath.Join(folder, info.Key), at, at))
		}
	}
	now := begin.Add(age)
	s := recording.Sweeper{Store: store, Limits: recording.Limits{Age: age}, Now: func() time.Time { return now },
		Needed: func(domain.BroadcastID) []domain.Window { return nil }}
	var removed int64
	for now.Before(begin.Add(age + 2*time.Minute)) { // six processes that keep recordings
		now = now.Add(30 * time.Second)
		swept, err := s.Sweep(t.Context())
		must(t, err)
		removed += swept.Removed
	}
	if removed == 0 {
		t.Error("nothing was removed")
	}
}

func TestRetentionByBytesTakesTheOldestOfAStreamsBroadcasts(t *testing.T) {
	folder := t.TempDir()
	store, err := blob.OpenFiles(folder)
	must(t, err)
	for _, b := range []domain.BroadcastID{"b-new", "a-old"} {
		archive(t, store, b)
	}
	var size int64
	old := time.Now().Add(-time.Hour)
	for info, err := range store.List(t.Context(), "", "") {
		must(t, err)
		if strings.HasSuffix(info.Key, ".m4s") {
			size += info.Size
		}
		if strings.Contains(info.Key, "a-old") {
			must(t, os.Chtimes(filepath.Join(folder, info.Key), old, old))
		}
	}
	now := time.Now()
	s := recording.Sweeper{Store: store, Limits: recording.Limits{Bytes: size / 2}, Now: func() time.Time { return now },
		Needed: func(domain.BroadcastID) []domain.Window { return nil }}
	for range 3 {
		now = now.Add(time.Hour)
		_, err := s.Sweep(t.Context())
		must(t, err)
	}
	left := map[string]int{}
	for info, err := range store.List(t.Context(), "", "") {
		must(t, err)
		if strings.HasSuffix(info.Key, ".m4s") {
			left[strings.Split(info.Key, "/")[2]]++
		}
	}
	same(t, "segments left", left, map[string]int{"b-new": 5})
}

func TestASpoolThatCannotBeStoredIsBoundedAndKeepsWhatClipsNeed(t *testing.T) {
	store := &awayStore{Store: openStore(t)}
	var lost []domain.Window
	w := create(t, store, func(c *recording.WriterConfig) {
		c.Spool = recording.Limits{Bytes: 3 * 12 * (48 + 7)} // of three segments
		c.Needed = func() []domain.Window { return []domain.Window{window(7, 8)} }
		c.Dropped = func(w domain.Window, _ int64) { lost = append(lost, w) }
	})
	must(t, w.Init(runInit(0)))
	write(t, w, 0, 60, 4)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store.failed = make(chan struct{}, 1)
	ran := make(chan error, 1)
	go func() { ran <- w.Run(ctx) }()
	<-store.failed
	<-store.failed // the spool was bounded between both
	cancel()
	must(t, <-ran)
	same(t, "lost", lost, []domain.Window{window(0, 6), window(12, 18)})
	o := startOwner(t)
	o.hot.Add(w)
	got, _ := read(t, newReader(t, store, &finder{address: o.address}), window(7, 8))
	same(t, "what a clip needs", got, span(12, 16))
}

// awayStore takes nothing.
type awayStore struct {
	blob.Store
	failed chan struct{}
}

func (s *awayStore) Put(context.Context, string, io.Reader) (blob.Info, error) {
	s.failed <- struct{}{}
	return blob.Info{}, errors.New("the store is away")
}
