package follow

import (
	"cmp"
	"math"
	"slices"
)

// Face is a face in a picture, in shares of its width and height.
type Face struct {
	X, Y, Width, Height float64 // of its middle; its size
	Score               float64 // 0 to 1
}

const (
	faceScore = 0.6  // a face below it may be a pattern
	faceStep  = 0.12 // of the width: how far the same face goes from one look to the next
	switchFor = 3    // looks for which another one has to be seen before it is followed
	holdFor   = 10   // looks for which a face that is gone is still stood by: it turned, or bowed to the goods
)

// subject is who is followed.
type subject struct {
	crop   float64 // share of the width
	at     float64
	known  bool // at is a face's
	other  float64
	others int // looks for which another face was seen at other
	gone   int // looks without a face
}

// scene forgets: somebody else may stand elsewhere now.
func (s *subject) scene() { *s = subject{crop: s.crop} }

// look takes what was found and gives where the subject is; false: not known.
func (s *subject) look(faces []Face, moved func() (float64, bool)) (at float64, ok bool) {
	found, ok := s.choose(faces)
	switch {
	case ok:
		s.gone = 0
		s.take(found)
		return s.at, true
	case s.known:
		if s.gone++; s.gone <= holdFor {
			return s.at, true
		}
		s.known = false
	}
	return moved()
}

// choose gives the middle of the faces that matter: all of them when they fit, else the one that is followed already, else
// the largest.
func (s *subject) choose(faces []Face) (float64, bool) {
	faces = slices.DeleteFunc(slices.Clone(faces), func(f Face) bool { return f.Score < faceScore })
	if len(faces) == 0 {
		return 0, false
	}
	largest := slices.MaxFunc(faces, func(a, b Face) int { return cmp.Compare(a.Width*a.Score, b.Width*b.Score) })
	// Passers-by and pictures on the wall are smaller than half the speaker.
	faces = slices.DeleteFunc(faces, func(f Face) bool { return f.Width < largest.Width/2 })
	left, right := 1.0, 0.0
	for _, f := range faces {
		left, right = min(left, f.X-f.Width/2), max(right, f.X+f.Width/2)
	}
	if right-left < s.crop*0.8 {
		return (left + right) / 2, true
	}
	if s.known {
		near := slices.MinFunc(faces, func(a, b Face) int { return cmp.Compare(math.Abs(a.X-s.at), math.Abs(b.X-s.at)) })
		if math.Abs(near.X-s.at) < faceStep {
			return near.X, true
		}
	}
	return largest.X, true
}

// take goes along with the same face at once, and with another one when it stays.
func (s *subject) take(found float64) {
	if !s.known || math.Abs(found-s.at) < faceStep {
		s.at, s.known, s.others = found, true, 0
		return
	}
	if s.others > 0 && math.Abs(found-s.other) >= faceStep {
		s.others = 0
	}
	s.other = found
	if s.others++; s.others >= switchFor {
		s.at, s.others = found, 0
	}
}
