package media

import (
	"math"
	"slices"
	"time"
)

const (
	sceneKeyframes = 8  // intervals between keyframes that the usual one is told from
	sceneSizes     = 60 // coded sizes of pictures that the usual one is told from
	sceneLeast     = 24 // of them, before anything is told
	sceneApart     = 300 * time.Millisecond
	sceneEarly     = 0.9 // of the longest interval: a keyframe that comes sooner was called for by the picture
	sceneSame      = 0.1 // keyframes whose sizes differ by less show the same scene
	sceneJump      = 6   // times the usual size
	sceneOfKey     = 0.4 // of the last keyframe's size
)

// scenes guesses where the picture cuts to another, without decoding it: at a keyframe that came before its turn and is
// of another size (encoders put one where the scene changes), and at a picture between keyframes that is many times the
// usual size and nearly as large as a keyframe (what is new can't be predicted). It misses dissolves, and cuts that
// fall on a regular keyframe; a flash or a sudden pan looks like a cut to it.
type scenes struct {
	cuts      []time.Duration // found and not told yet
	last      time.Duration   // the last one told
	lastKey   time.Duration   // when the last keyframe was shown
	keySize   int
	intervals []time.Duration // between keyframes, the newest last
	sizes     []int           // of the pictures between keyframes, the newest last
	sorted    []int
}

// add takes a picture in the order of decoding.
func (s *scenes) add(show time.Duration, key bool, size int) {
	if key {
		s.addKey(show, size)
		return
	}
	if len(s.sizes) >= sceneLeast && size > sceneJump*s.usual() && float64(size) > sceneOfKey*float64(s.keySize) {
		s.cut(show)
	}
	s.sizes = append(s.sizes, size)
	if len(s.sizes) > sceneSizes {
		s.sizes = slices.Delete(s.sizes, 0, 1)
	}
}

func (s *scenes) addKey(show time.Duration, size int) {
	if s.keySize > 0 && show > s.lastKey {
		interval := show - s.lastKey
		early := len(s.intervals) >= 2 && float64(interval) < sceneEarly*float64(slices.Max(s.intervals))
		if early && math.Abs(float64(size-s.keySize)) > sceneSame*float64(s.keySize) {
			s.cut(show)
		}
		s.intervals = append(s.intervals, interval)
		if len(s.intervals) > sceneKeyframes {
			s.intervals = slices.Delete(s.intervals, 0, 1)
		}
	}
	s.lastKey, s.keySize = show, size
}

// usual is the median size.
func (s *scenes) usual() int {
	s.sorted = append(s.sorted[:0], s.sizes...)
	slices.Sort(s.sorted)
	return s.sorted[len(s.sorted)/2]
}

func (s *scenes) cut(at time.Duration) {
	if s.last > 0 && at-s.last < sceneApart {
		return
	}
	s.last = at
	s.cuts = append(s.cuts, at)
	s.sizes = s.sizes[:0] // what was usual before says nothing of the new scene
}

// found gives the cuts since it was asked last.
func (s *scenes) found() []int64 {
	var cuts []int64
	for _, at := range s.cuts {
		cuts = append(cuts, int64(at))
	}
	s.cuts = nil
	return cuts
}
