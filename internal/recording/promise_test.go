package recording_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/recording"
)

// expected is what a Reader promises, said plainly: from the last part one can begin at, no later than the window's start,
// to the last part that begins before its end.
func expected(parts []recording.Part, w domain.Window) []recording.Part {
	first := slices.IndexFunc(parts, func(p recording.Part) bool { return p.Window.End > w.Start })
	if first < 0 {
		return nil
	}
	begin := first
	for !parts[begin].Keyframe {
		begin--
	}
	last := slices.IndexFunc(parts, func(p recording.Part) bool { return p.Window.Start >= w.End })
	if last < 0 {
		last = len(parts)
	}
	if last <= first {
		return nil
	}
	return parts[begin:last]
}

// drawParts draws a recording: parts of odd lengths, gaps, runs, groups of pictures of every length.
func drawParts(t *rapid.T) []recording.Part {
	var parts []recording.Part
	at, run := time.Duration(0), 0
	for n := range rapid.IntRange(1, 120).Draw(t, "parts") {
		p := recording.Part{Keyframe: n == 0 || rapid.IntRange(0, 5).Draw(t, "keyframe") == 0, Data: fmt.Appendf(nil, "part %d", n)}
		if n > 0 && rapid.IntRange(0, 30).Draw(t, "change") == 0 {
			run++
			p.Keyframe = true
		}
		if n > 0 && rapid.IntRange(0, 30).Draw(t, "gap") == 0 {
			at += time.Duration(rapid.Int64Range(1, int64(3*time.Second)).Draw(t, "gap's length"))
			p.Keyframe = true
		}
		p.Run = run
		p.Window.Start = at
		at += time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Second)).Draw(t, "length"))
		p.Window.End = at
		parts = append(parts, p)
	}
	return parts
}

func TestEveryWindowIsReadAsPromisedWhereverItLies(t *testing.T) {
	o := startOwner(t)
	home := t.TempDir()
	var broadcast atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		id := domain.BroadcastID(fmt.Sprintf("b%d", broadcast.Add(1)))
		folder := filepath.Join(home, string(id))
		store, err := blob.Open(context.Background(), blob.Config{URL: "file://" + filepath.Join(folder, "store")})
		if err != nil {
			t.Fatal(err)
		}
		parts := drawParts(t)
		now := time.Unix(1780000000, 0)
		open := func(epoch int64) *recording.Writer {
			w, err := recording.Create(recording.WriterConfig{Folder: filepath.Join(folder, "spool"), Ref: room, Broadcast: id, Epoch: epoch,
				Now: func() time.Time { return now }}, store, quiet)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
		w, epoch, run := open(1), int64(1), -1
		for _, p := range parts {
			if p.Keyframe && rapid.IntRange(0, 20).Draw(t, "killed") == 0 { // and taken up again
				epoch++
				run, w = -1, open(epoch)
			}
			if p.Run != run {
				run = p.Run
				if err := w.Init(runInit(run)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Part(p); err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 15).Draw(t, "stored") == 0 { // what is complete reaches the store, and leaves the spool
				w.StoreAndSweep(context.Background(), func() { now = now.Add(time.Hour) })
			}
		}
		remove := o.hot.Add(w)
		defer remove()
		end := parts[len(parts)-1].Window.End
		reader := recording.NewReader(store, &finder{address: o.address}, quiet)
		defer reader.Close()
		check := func(where string) {
			start := time.Duration(rapid.Int64Range(0, int64(end)-1).Draw(t, "start"))
			window := domain.Window{Start: start, End: start + 1 + time.Duration(rapid.Int64Range(0, int64(end-start)-1).Draw(t, "window's length"))}
			var got []string
			if _, err := reader.Read(context.Background(), room, id, window, func(c recording.Chunk) error {
				if c.Part != nil {
					got = append(got, string(c.Part.Data))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, p := range expected(parts, window) {
				want = append(want, string(p.Data))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s, window %v: got %v, want %v", where, window, got, want)
			}
		}
		check("store and hot tail")
		check("store and hot tail")
		if err := w.Close(end, "over"); err != nil {
			t.Fatal(err)
		}
		if err := w.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		remove()
		check("store")
		check("store")
	})
}
