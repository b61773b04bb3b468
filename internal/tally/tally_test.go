package tally_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/roomlog"
	"liveclip/internal/tally"
)

func window(start, end float64) domain.Window {
	return domain.Window{Start: time.Duration(start * float64(time.Second)), End: time.Duration(end * float64(time.Second))}
}

func moment(start, end float64, kind string) roomlog.Moment {
	w := window(start, end)
	return roomlog.Moment{Start: w.Start, End: w.End, Kind: kind}
}

func clip(start, end, score, needed, at float64) tally.Found {
	w := window(needed, at)
	return tally.Found{Window: window(start, end), Score: score, Clip: true, Needed: w.Start, At: w.End}
}

// Worked out by hand. The first room: 10–20 is met by 12–20 (8/10) and less well by 10–15 (5/10), 40–50 by 41–50 (9/10),
// 80–90 only touched by 88–110. The second: nothing there, one clip.
func TestTheTableIsWhatHandsWorkOut(t *testing.T) {
	rooms := []tally.Room{
		{Length: time.Hour, Moments: []roomlog.Moment{moment(10, 20, "flash"), moment(40, 50, "price"), moment(80, 90, "price")}, Found: []tally.Found{
			clip(12, 20, 0.9, 20, 20.5), clip(10, 15, 0.8, 21, 22), clip(41, 50, 0.7, 51, 51), clip(88, 110, 0.6, 100, 103),
			{Window: window(80, 90), Score: 0.3},                                        // below the threshold
			{Window: window(80, 91), Score: 0.2}, {Window: window(11, 20), Score: 0.99}, // the same moments again
		}},
		{Length: time.Hour, Found: []tally.Found{clip(1, 2, 0.95, 3, 3)}},
	}
	got := tally.Of(rooms)
	want := tally.Table{Rooms: 2, Hours: 2, Moments: 3, Clips: 5, Matched: 2, Misplaced: 2,
		Precision: 2. / 5, Recall: 2. / 3, F1: 0.5, FalsePerHour: 1.5,
		// ranked: false, match, false, match, false, match
		AP:          (0.5 + 0.5 + 0.5) / 3,
		StartError:  1.5,
		StartOff:    1.5, // 2, 0, 1, 8
		EndOff:      0,   // 0, -5, 0, 20
		Decision:    tally.Spread{Median: 0.5, P99: 3, Worst: 3},
		AfterMoment: tally.Spread{Median: 10.75, P99: 11, Worst: 11},
		Kinds:       map[string]tally.Kind{"flash": {Moments: 1, Matched: 1}, "price": {Moments: 2, Matched: 1}},
	}
	if math.Abs(got.F1-want.F1) > 1e-9 || math.Abs(got.AP-want.AP) > 1e-9 {
		t.Errorf("F1 %v, average precision %v; want %v, %v", got.F1, got.AP, want.F1, want.AP)
	}
	got.F1, got.AP = want.F1, want.AP
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestMatchesAreOneToOneAndAtHalfOverlap(t *testing.T) {
	moments := []roomlog.Moment{moment(0, 10, ""), moment(10, 20, "")}
	for name, c := range map[string]struct {
		clips []tally.Found
		want  []tally.Pair
	}{
		"just enough":         {[]tally.Found{clip(5, 10, 1, 0, 0)}, []tally.Pair{{Clip: 0, Moment: 0, IoU: 0.5}}},
		"just too little":     {[]tally.Found{clip(5.1, 10, 1, 0, 0)}, nil},
		"over both":           {[]tally.Found{clip(0, 20, 1, 0, 0)}, []tally.Pair{{Clip: 0, Moment: 0, IoU: 0.5}}},
		"two on one":          {[]tally.Found{clip(0, 8, 1, 0, 0), clip(0, 10, 1, 0, 0)}, []tally.Pair{{Clip: 1, Moment: 0, IoU: 1}}},
		"nowhere":             {[]tally.Found{clip(50, 60, 1, 0, 0)}, nil},
		"an empty clip":       {[]tally.Found{clip(5, 5, 1, 0, 0)}, nil},
		"one turned about":    {[]tally.Found{clip(9, 2, 1, 0, 0)}, nil},
		"each to its own one": {[]tally.Found{clip(11, 20, 1, 0, 0), clip(1, 10, 1, 0, 0)}, []tally.Pair{{Clip: 0, Moment: 1, IoU: 0.9}, {Clip: 1, Moment: 0, IoU: 0.9}}},
	} {
		got := tally.Match(c.clips, moments)
		if len(got) == 0 {
			got = nil
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestNothingAtAllMeasuresNothing(t *testing.T) {
	if got, want := tally.Of(nil), (tally.Table{Kinds: map[string]tally.Kind{}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}
