// Package reel chooses what a recap shows: the clips of a broadcast that together say most of it in so many seconds.
//
// What a choice is worth is facility location: every clip of the broadcast counts its score times how well a chosen one
// stands for it, which is how like it that one is times that one's own score. So a second clip of the same product, or
// of the same words, adds less than a first, and one that stands for many adds more. It is monotone and submodular; the
// greedy choice by worth per second, or the best single clip where that is worth more, reaches at least (1−1/e)/2 of
// the best there is (Leskovec and others, Cost-effective Outbreak Detection in Networks, KDD 2007). No two chosen clips
// share a moment of the broadcast, nor are nearly the same.
package reel

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"liveclip/internal/domain"
)

const (
	duplicate   = 0.7 // so much alike is the same again
	sameProduct = 0.4 // how much alike two clips of one product are at least
	mostClips   = 500 // are compared, each with each: of more, those with the best score
)

// Clip can be shown.
type Clip struct {
	ID      domain.ClipID
	Window  domain.Window
	Score   float64
	Title   string
	Text    string // what is said
	Product string // that is on show; empty: unknown
}

// Choose gives clips of at most so much length together, in order of time; none when no clip is short enough.
func Choose(clips []Clip, budget time.Duration) []Clip {
	clips = slices.DeleteFunc(slices.Clone(clips), func(c Clip) bool { return c.Window.Length() == 0 || c.Window.Length() > budget || c.Score <= 0 })
	slices.SortStableFunc(clips, func(a, b Clip) int { return cmp.Compare(b.Score, a.Score) })
	clips = clips[:min(len(clips), mostClips)]
	slices.SortStableFunc(clips, func(a, b Clip) int {
		return cmp.Or(cmp.Compare(a.Window.Start, b.Window.Start), cmp.Compare(a.Window.End, b.Window.End))
	})
	alike := likeness(clips)
	chosen, worth := greedy(clips, alike, budget)
	for i := range clips {
		if alone := gain(clips, alike, make([]float64, len(clips)), i); alone > worth {
			chosen, worth = []int{i}, alone
		}
	}
	slices.Sort(chosen)
	reel := make([]Clip, 0, len(chosen))
	for _, i := range chosen {
		reel = append(reel, clips[i])
	}
	return reel
}

// Highlight is the reel as something to be planned: one chapter a clip. Its ID, and who asked for it, are the caller's.
func Highlight(chosen []Clip) domain.Highlight {
	h := domain.Highlight{Kind: "recap", Score: 1}
	for i, c := range chosen {
		if i == 0 {
			h.Window.Start = c.Window.Start
		}
		h.Window.End = max(h.Window.End, c.Window.End)
		h.Chapters = append(h.Chapters, domain.Chapter{Window: c.Window, Title: c.Title})
	}
	return h
}

// greedy takes, while something fits, what adds most per second.
func greedy(clips []Clip, alike [][]float64, budget time.Duration) (chosen []int, worth float64) {
	covered := make([]float64, len(clips)) // how well a chosen one stands for each clip
	for {
		best, most := -1, 0.
		for i, c := range clips {
			if c.Window.Length() > budget || excluded(clips, alike, chosen, i) {
				continue
			}
			if rate := gain(clips, alike, covered, i) / c.Window.Length().Seconds(); rate > most {
				best, most = i, rate
			}
		}
		if best < 0 {
			return chosen, worth
		}
		worth += gain(clips, alike, covered, best)
		for j := range clips {
			covered[j] = max(covered[j], alike[best][j]*clips[best].Score)
		}
		chosen = append(chosen, best)
		budget -= clips[best].Window.Length()
	}
}

func excluded(clips []Clip, alike [][]float64, chosen []int, i int) bool {
	return slices.ContainsFunc(chosen, func(j int) bool {
		return i == j || alike[i][j] >= duplicate || clips[i].Window.Overlap(clips[j].Window) > 0
	})
}

func gain(clips []Clip, alike [][]float64, covered []float64, i int) float64 {
	sum := 0.
	for j, c := range clips {
		sum += c.Score * max(0, alike[i][j]*clips[i].Score-covered[j])
	}
	return sum
}

// likeness of every two clips, 0 to 1.
func likeness(clips []Clip) [][]float64 {
	said := make([]map[string]bool, len(clips))
	for i, c := range clips {
		said[i] = pairs(c.Text)
	}
	alike := make([][]float64, len(clips))
	for i, a := range clips {
		alike[i] = make([]float64, len(clips))
		for j, b := range clips[:i] {
			v := dice(said[i], said[j])
			if a.Product != "" && a.Product == b.Product {
				v = max(v, sameProduct)
			}
			shared := a.Window.Overlap(b.Window).Seconds() / min(a.Window.Length(), b.Window.Length()).Seconds()
			alike[i][j] = max(v, shared)
			alike[j][i] = alike[i][j]
		}
		alike[i][i] = 1
	}
	return alike
}

// pairs of letters that stand beside each other: as good for Chinese as for English.
func pairs(text string) map[string]bool {
	letters := []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text))
	set := map[string]bool{}
	for i := 1; i < len(letters); i++ {
		set[string(letters[i-1:i+1])] = true
	}
	return set
}

// dice is how much two sets share (Sørensen and Dice).
func dice(a, b map[string]bool) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	both := 0
	for p := range a {
		if b[p] {
			both++
		}
	}
	return 2 * float64(both) / float64(len(a)+len(b))
}
