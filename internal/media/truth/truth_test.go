package truth_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/media/truth"
)

// Windows of every path together: 200, or a tenth of them when tests are to be short.
const (
	fileWindows      = 6  // of each source of a file, for either way
	tailWindows      = 6  // of each source as a room, for either way
	gapWindows       = 10 // across a reconnect, for either way
	parameterWindows = 8  // across a change of parameters
)

// seed of the windows: a failure is seen again with the one it printed.
const seed = 20261120

// lots draws windows.
type lots struct{ *rand.Rand }

func newLots(t testing.TB) lots {
	t.Helper()
	n := uint64(seed)
	for _, c := range t.Name() {
		n = n*31 + uint64(c)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("windows were drawn with seed %d", n)
		}
	})
	return lots{rand.New(rand.NewPCG(n, 0))}
}

func (l lots) between(a, b time.Duration) time.Duration {
	return a + time.Duration(l.Int64N(int64(max(1, b-a))))
}

// window is of a picture's length to three seconds, within a length. Where pictures come at uneven times it begins and ends
// with one, since which is the nearest depends on what is taken for the rate.
func (l lots) window(m truth.Made) domain.Window {
	last := m.Times[len(m.Times)-1]
	start := l.between(0, last-m.Every)
	w := domain.Window{Start: start, End: min(start+l.between(2*m.Every, 3*time.Second), last)}
	if m.Source.Times == "" {
		return w
	}
	i := l.IntN(len(m.Times) - 4)
	j := i + 2 + l.IntN(min(70, len(m.Times)-i-3))
	return domain.Window{Start: m.Times[i], End: m.Times[j]}
}

func windows(n int) int {
	if testing.Short() {
		return max(1, n/10)
	}
	return n
}

func shifted(w domain.Window, by time.Duration) domain.Window {
	return domain.Window{Start: w.Start + by, End: w.End + by}
}

// even is a source whose pictures a clip of a constant rate can show one by one.
func even(s truth.Source) bool { return s.Times == "" }

func TestWindowsOfFilesAreExact(t *testing.T) {
	for _, s := range truth.Sources() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			made, draw := truth.Make(t, t.TempDir(), s), newLots(t)
			for _, way := range []struct {
				name string
				way  way
			}{{"copied", copied}, {"finished", finished}} {
				for range windows(fileWindows) {
					w := draw.window(made)
					path, err := way.way.ofFile(t, made.Path, shifted(w, made.Begins))
					if err != nil {
						t.Errorf("%s %v: %v", way.name, w, err)
						continue
					}
					check(t, way.name, made, w, path)
				}
			}
		})
	}
}

// check compares a clip with what it should show. One of a constant rate shows a source of uneven times as near as it can.
func check(t testing.TB, way string, made truth.Made, w domain.Window, path string) {
	t.Helper()
	var faults []string
	switch seen := truth.Read(t, path); {
	case way == "copied":
		faults = made.Check(seen, made.Frames(w.Start, w.End))
	case even(made.Source):
		faults = made.Check(seen, made.Lasting(w.Start, w.End))
	default:
		faults = made.CheckNear(seen, w.Start, w.End)
	}
	for _, fault := range faults {
		t.Errorf("%s %s to %s: %s", way, w.Start, w.End, fault)
	}
}

func TestWindowsThatAreStillRecordedAreExact(t *testing.T) {
	for _, s := range truth.Sources() {
		if s.Name == "open-25" || s.Name == "transport" || s.Name == "uneven" {
			continue // as in files
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			room, draw := record(t, truth.Make(t, t.TempDir(), s), 3*time.Second, 1), newLots(t)
			for _, way := range []struct {
				name string
				way  way
			}{{"copied", copied}, {"finished", finished}} {
				for range windows(tailWindows) {
					w := draw.window(room.Made)
					path, err := way.way.ofRoom(t, newHouse(t, room), shifted(w, room.begins))
					if err != nil {
						t.Errorf("%s %v: %v", way.name, w, err)
						continue
					}
					check(t, way.name, room.Made, w, path)
				}
			}
		})
	}
}

// A publisher that left and came back: the second run begins 1.3 s after the first.
func TestWindowsAcrossAReconnectAreExact(t *testing.T) {
	source := truth.Sources()[0]
	source.Frames = 25 * 4
	first := record(t, truth.Make(t, t.TempDir(), source), time.Second, 1)
	source.Name, source.First = "again", 5000
	again := record(t, truth.Make(t, t.TempDir(), source), first.ends+1300*time.Millisecond, 2)
	draw := newLots(t)
	for _, way := range []struct {
		name string
		way  way
	}{{"copied", copied}, {"finished", finished}} {
		for range windows(gapWindows) {
			w := domain.Window{Start: draw.between(first.begins, first.ends-200*time.Millisecond), End: draw.between(again.begins+100*time.Millisecond, again.begins+3*time.Second)}
			path, err := way.way.ofRoom(t, newHouse(t, first, again), w)
			if err != nil {
				t.Errorf("%s %v: %v", way.name, w, err)
				continue
			}
			for _, fault := range truth.CheckBoth(truth.Read(t, path), way.name == "finished", first.Made, first.begins, again.Made, again.begins, w.Start, w.End) {
				t.Errorf("%s %s to %s: %s", way.name, w.Start, w.End, fault)
			}
		}
	}
}

// A PK switch: another size, another rate of pictures and of sound. A clip spans it, a copy can't.
func TestWindowsAcrossAChangeOfParametersAreExact(t *testing.T) {
	source := truth.Sources()[0]
	source.Frames = 25 * 4
	first := record(t, truth.Make(t, t.TempDir(), source), time.Second, 1)
	source = truth.Sources()[1]
	source.Name, source.First, source.Frames, source.Rate, source.Width, source.Height = "switched", 5000, 25*4, "25", 240, 144
	switched := record(t, truth.Make(t, t.TempDir(), source), first.ends, 2)
	draw := newLots(t)
	for range windows(parameterWindows) {
		w := domain.Window{Start: draw.between(first.begins, first.ends-200*time.Millisecond), End: draw.between(switched.begins+100*time.Millisecond, switched.begins+3*time.Second)}
		path, err := way(finished).ofRoom(t, newHouse(t, first, switched), w)
		if err != nil {
			t.Errorf("%v: %v", w, err)
			continue
		}
		for _, fault := range truth.CheckBoth(truth.Read(t, path), true, first.Made, first.begins, switched.Made, switched.begins, w.Start, w.End) {
			t.Errorf("%s to %s: %s", w.Start, w.End, fault)
		}
		if _, err := way(copied).ofRoom(t, newHouse(t, first, switched), w); err == nil || !domain.IsPermanent(err) || !strings.Contains(err.Error(), "parameters change") {
			t.Errorf("copied %s to %s: %v", w.Start, w.End, err)
		}
	}
}
