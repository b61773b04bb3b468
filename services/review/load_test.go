package review

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

func TestUnderLoadAClipIsMadeCheaperAndSaysSo(t *testing.T) {
	steps := []LoadStep{
		{Running: 4, Preset: "superfast"},
		{Backlog: 20 * time.Second, Preset: "superfast"},
		{Behind: 3 * time.Second, Preset: "medium"}, // slower than the usual one: no relief
		{Behind: 8 * time.Second, Preset: "ultrafast", Rungs: 1},
	}
	for _, c := range []struct {
		name   string
		load   load
		preset string
		rungs  int
		notes  []string
	}{
		{"little to do", load{running: 3, lane: domain.LaneLive}, "veryfast", 2, nil},
		{"many at once", load{running: 4, lane: domain.LaneLive}, "superfast", 2, []string{"encoded at superfast instead of veryfast: 4 clips were finished at once"}},
		{"a step that is none", load{running: 4, behind: 4 * time.Second, lane: domain.LaneLive}, "veryfast", 2, nil},
		{"late", load{running: 4, behind: 8500 * time.Millisecond, lane: domain.LaneManual}, "ultrafast", 1,
			[]string{"encoded at ultrafast instead of veryfast: it began 8.5 s late", "made in 1 of 2 profiles: it began 8.5 s late"}},
		{"the last half minute", load{running: 1, backlog: 30 * time.Second, lane: domain.LaneManual}, "superfast", 2,
			[]string{"encoded at superfast instead of veryfast: 30 s of it were over when it was asked for"}},
		{"batch has time", load{running: 2, behind: time.Hour, backlog: time.Hour, lane: domain.LaneBatch}, "veryfast", 2, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			order := &mediav1.FinishOrder{Preset: "veryfast", Profiles: []*mediav1.FinishProfile{{Name: "720p"}, {Name: "360p"}}}
			notes := lighten(order, steps, c.load)
			if order.Preset != c.preset || len(order.Profiles) != c.rungs || !reflect.DeepEqual(notes, c.notes) {
				t.Errorf("encoded at %s in %d profiles, notes %q", order.Preset, len(order.Profiles), notes)
			}
		})
	}
}

func TestEncodersOfManyClipsShareTheThreadsThatOneWouldHave(t *testing.T) {
	var got []int64
	for _, c := range []struct{ processors, clips int }{{2, 0}, {2, 1}, {2, 2}, {2, 4}, {8, 2}, {8, 4}, {8, 40}, {128, 2}, {1, 3}} {
		got = append(got, threads(c.processors, c.clips))
	}
	if want := []int64{0, 0, 2, 1, 6, 3, 1, 16, 1}; !slices.Equal(got, want) {
		t.Errorf("threads %v, want %v", got, want)
	}
}

func TestAClipWaitsForOthersOnlyWhileItsWindowIsOpenAndItHasNotWaitedYet(t *testing.T) {
	for _, c := range []struct {
		name   string
		load   load
		toCome time.Duration
		want   bool
	}{
		{"open", load{lane: domain.LaneLive}, 2 * time.Second, true},
		{"open, by hand", load{lane: domain.LaneManual, behind: 100 * time.Millisecond, backlog: time.Minute}, 10 * time.Second, true},
		{"about to end", load{lane: domain.LaneLive}, 1900 * time.Millisecond, false},
		{"over", load{lane: domain.LaneManual}, -time.Minute, false},
		{"waited for a place", load{lane: domain.LaneLive, behind: time.Second}, 10 * time.Second, false},
		{"of the archive", load{lane: domain.LaneBatch}, 10 * time.Second, false},
	} {
		if got := c.load.gathers(c.toCome); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestALoadStepThatCannotHoldIsAFault(t *testing.T) {
	c := Defaults()
	c.Load = []LoadStep{{Preset: "superfast"}, {Running: 2}, {Running: -1, Preset: "placebo"}}
	want := []string{
		"review.load[0]: must say when it holds: running, behind or backlog",
		"review.load[1]: must say what is given up: preset or rungs",
		"review.load[2]: running, behind, backlog and rungs must not be negative",
		`review.load[2]: preset must be one of [ultrafast superfast veryfast faster fast medium], is "placebo"`,
	}
	if got := c.Faults(); !reflect.DeepEqual(got, want) {
		t.Errorf("faults %q", got)
	}
	if faults := Defaults().Faults(); len(faults) > 0 {
		t.Errorf("the defaults have faults: %q", faults)
	}
}

func TestLoudnessIsThatOfTheFootageOnceItIsKnown(t *testing.T) {
	windows := []domain.Window{{Start: 2 * time.Second, End: 4 * time.Second}}
	sound := []domain.SoundMeasured{{Start: 0, Step: time.Second, Momentary: []float64{-10, -10, -20, -21, -10}}}
	want := []domain.SoundMeasured{
		{Start: 2 * time.Second, Step: time.Second, Momentary: []float64{-20}}, {Start: 3 * time.Second, Step: time.Second, Momentary: []float64{-21}},
	}
	if got := inside(sound, windows); !reflect.DeepEqual(got, want) {
		t.Errorf("inside are %v", got)
	}
	if length := backlog(sound, []domain.Window{{Start: time.Second, End: 2 * time.Second}, {Start: 4 * time.Second, End: 9 * time.Second}}); length != 2*time.Second {
		t.Errorf("a backlog of %v", length)
	}
	if to := measuredTo(sound); to != 5*time.Second {
		t.Errorf("measured to %v", to)
	}
}
