package face

import (
	"cmp"
	"slices"

	"liveclip/internal/media/follow"
)

// apart keeps the surest of boxes that lie over each other by more than a third: one face is found many times.
func apart(faces []follow.Face) []follow.Face {
	slices.SortStableFunc(faces, func(a, b follow.Face) int { return cmp.Compare(b.Score, a.Score) })
	var kept []follow.Face
	for _, f := range faces {
		if !slices.ContainsFunc(kept, func(k follow.Face) bool { return overlap(f, k) > 0.3 }) {
			kept = append(kept, f)
		}
	}
	return kept
}

// overlap is the share of two boxes' common area in all they cover.
func overlap(a, b follow.Face) float64 {
	side := func(ax, aw, bx, bw float64) float64 { return max(0, min(ax+aw/2, bx+bw/2)-max(ax-aw/2, bx-bw/2)) }
	both := side(a.X, a.Width, b.X, b.Width) * side(a.Y, a.Height, b.Y, b.Height)
	return both / (a.Width*a.Height + b.Width*b.Height - both)
}
