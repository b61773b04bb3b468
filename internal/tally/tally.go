// Package tally says how well found clips fit labelled moments.
//
// A clip matches a moment when their temporal intersection over union is at least 0.5; matches are one to one, the best
// overlap first. Precision is the part of the clips that match, recall the part of the moments that are matched, F1 their
// harmonic mean. Start error is how far a matching clip begins from where its moment does. Average precision ranks
// everything that was considered, also what fell below the threshold, by its score, and matches the highest first; of windows
// of one room that match each other only the highest counts, for it was the same moment considered again.
package tally

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/roomlog"
)

// LeastIoU is the temporal intersection over union from which a clip matches a moment.
const LeastIoU = 0.5

// Found is a window that was considered.
type Found struct {
	Window domain.Window
	Score  float64
	Clip   bool          // it became one
	At     time.Duration // when that was decided
	Needed time.Duration // when the last thing it rests on had come, on the same clock
	Why    []string      // for a person
}

// Room is what was found in one room, and its labels.
type Room struct {
	Name    string
	Found   []Found
	Moments []roomlog.Moment
	Length  time.Duration
}

// Table is the measure of rooms. Rates are 0 where there is nothing to divide by.
type Table struct {
	Rooms        int             `json:"rooms"`
	Hours        float64         `json:"hours"`
	Moments      int             `json:"moments"`
	Clips        int             `json:"clips"`
	Matched      int             `json:"matched"`
	Misplaced    int             `json:"misplaced"` // clips that touch a moment and match none
	Precision    float64         `json:"precision"`
	Recall       float64         `json:"recall"`
	F1           float64         `json:"f1"`
	AP           float64         `json:"average_precision"`
	StartError   float64         `json:"start_error_median_s"`
	StartOff     float64         `json:"touching_start_off_median_s"` // of clips that touch a moment: later is positive
	EndOff       float64         `json:"touching_end_off_median_s"`
	FalsePerHour float64         `json:"false_clips_an_hour"`
	Decision     Spread          `json:"decision_after_last_signal_s"`
	AfterMoment  Spread          `json:"decision_after_moment_start_s"`
	Kinds        map[string]Kind `json:"kinds"`
}

// Spread is of times, in seconds.
type Spread struct {
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	Worst  float64 `json:"worst"`
}

// Kind counts the moments of one kind.
type Kind struct {
	Moments int `json:"moments"`
	Matched int `json:"matched"`
}

// Of measures rooms together: every clip and every moment weighs the same.
func Of(rooms []Room) Table {
	t := Table{Rooms: len(rooms), Kinds: map[string]Kind{}}
	var starts, decided, after, startOff, endOff []float64
	for _, r := range rooms {
		t.Hours += r.Length.Hours()
		t.Moments += len(r.Moments)
		clips := r.clips()
		t.Clips += len(clips)
		matches := Match(clips, r.Moments)
		t.Matched += len(matches)
		hit := map[int]bool{}
		taken := map[int]bool{}
		for _, m := range matches {
			hit[m.Moment], taken[m.Clip] = true, true
			clip, moment := clips[m.Clip], r.Moments[m.Moment]
			starts = append(starts, (clip.Window.Start - moment.Start).Abs().Seconds())
			after = append(after, (clip.At - moment.Start).Seconds())
		}
		for i, m := range r.Moments {
			k := t.Kinds[m.Kind]
			k.Moments++
			if hit[i] {
				k.Matched++
			}
			t.Kinds[m.Kind] = k
		}
		for i, c := range clips {
			decided = append(decided, (c.At - c.Needed).Seconds())
			j := slices.IndexFunc(r.Moments, func(m roomlog.Moment) bool { return c.Window.Overlap(m.Window()) > 0 })
			if j < 0 {
				continue
			}
			startOff = append(startOff, (c.Window.Start - r.Moments[j].Start).Seconds())
			endOff = append(endOff, (c.Window.End - r.Moments[j].End).Seconds())
			if !taken[i] {
				t.Misplaced++
			}
		}
	}
	t.Precision, t.Recall = part(t.Matched, t.Clips), part(t.Matched, t.Moments)
	if sum := t.Precision + t.Recall; sum > 0 {
		t.F1 = 2 * t.Precision * t.Recall / sum
	}
	if t.Hours > 0 {
		t.FalsePerHour = float64(t.Clips-t.Matched) / t.Hours
	}
	t.AP = averagePrecision(rooms)
	t.StartError, t.StartOff, t.EndOff = spread(starts).Median, spread(startOff).Median, spread(endOff).Median
	t.Decision, t.AfterMoment = spread(decided), spread(after)
	return t
}

func part(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func (r Room) clips() []Found {
	return slices.DeleteFunc(slices.Clone(r.Found), func(f Found) bool { return !f.Clip })
}

// Pair is a clip and a moment that match, by their places.
type Pair struct {
	Clip, Moment int
	IoU          float64
}

// Match pairs clips with moments, one to one, the best overlap first.
func Match(clips []Found, moments []roomlog.Moment) []Pair {
	var pairs []Pair
	for i, c := range clips {
		for j, m := range moments {
			if v := IoU(c.Window, m.Window()); v >= LeastIoU {
				pairs = append(pairs, Pair{i, j, v})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b Pair) int { return cmp.Compare(b.IoU, a.IoU) })
	clip, moment := map[int]bool{}, map[int]bool{}
	return slices.DeleteFunc(pairs, func(p Pair) bool {
		again := clip[p.Clip] || moment[p.Moment]
		if !again {
			clip[p.Clip], moment[p.Moment] = true, true
		}
		return again
	})
}

// IoU is the temporal intersection over union of two windows.
func IoU(a, b domain.Window) float64 {
	both := a.Overlap(b)
	if either := a.Length() + b.Length() - both; either > 0 {
		return float64(both) / float64(either)
	}
	return 0
}

// averagePrecision is the area under precision over recall, precision taken as the best at that recall or beyond.
func averagePrecision(rooms []Room) float64 {
	type ranked struct {
		Found
		room int
	}
	var all []ranked
	moments := 0
	taken := make([]map[int]bool, len(rooms))
	for i, r := range rooms {
		moments += len(r.Moments)
		taken[i] = map[int]bool{}
		for _, f := range once(r.Found) {
			all = append(all, ranked{f, i})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(b.Score, a.Score) })
	var precision []float64 // at each match
	matched := 0
	for n, f := range all {
		best, at := LeastIoU, -1
		for j, m := range rooms[f.room].Moments {
			if v := IoU(f.Window, m.Window()); v >= best && !taken[f.room][j] {
				best, at = v, j
			}
		}
		if at >= 0 {
			taken[f.room][at] = true
			matched++
			precision = append(precision, part(matched, n+1))
		}
	}
	var area, best float64
	for _, p := range slices.Backward(precision) {
		best = max(best, p)
		area += best
	}
	if moments == 0 {
		return 0
	}
	return area / float64(moments)
}

// once gives the highest of each moment that was considered, clips before what did not become one.
func once(found []Found) []Found {
	sorted := slices.Clone(found)
	slices.SortStableFunc(sorted, func(a, b Found) int {
		if a.Clip != b.Clip {
			return map[bool]int{true: -1, false: 1}[a.Clip]
		}
		return cmp.Compare(b.Score, a.Score)
	})
	var kept []Found
	for _, f := range sorted {
		again := func(k Found) bool { return k.Window.Start <= f.Window.End && IoU(k.Window, f.Window) >= LeastIoU }
		if f.Clip || !slices.ContainsFunc(kept, again) {
			kept = append(kept, f)
		}
	}
	return kept
}

// spread sorts values.
func spread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	slices.Sort(values)
	n := len(values)
	return Spread{(values[(n-1)/2] + values[n/2]) / 2, values[(99*n+99)/100-1], values[n-1]}
}

// Mistakes are the moments that no clip matches, and the clips that match no moment.
func (r Room) Mistakes() (missed []roomlog.Moment, wrong []Found) {
	clips := r.clips()
	hit, taken := map[int]bool{}, map[int]bool{}
	for _, p := range Match(clips, r.Moments) {
		hit[p.Moment], taken[p.Clip] = true, true
	}
	for i, m := range r.Moments {
		if !hit[i] {
			missed = append(missed, m)
		}
	}
	for i, c := range clips {
		if !taken[i] {
			wrong = append(wrong, c)
		}
	}
	return missed, wrong
}

// Nearest says what was found that overlaps m most, for a person.
func (r Room) Nearest(m roomlog.Moment) string {
	var best Found
	for _, f := range r.Found {
		if over, was := f.Window.Overlap(m.Window()), best.Window.Overlap(m.Window()); over > was || over == was && over > 0 && f.Clip {
			best = f
		}
	}
	if best.Window.Overlap(m.Window()) == 0 {
		return "nothing"
	}
	what := "not clipped"
	if best.Clip {
		what = "clipped"
	}
	return fmt.Sprintf("%.1f–%.1f, %s, score %.2f: %s", best.Window.Start.Seconds(), best.Window.End.Seconds(), what, best.Score, strings.Join(best.Why, "; "))
}
