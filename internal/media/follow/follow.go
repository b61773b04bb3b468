package follow

import (
	"math"
	"time"
)

const (
	// between is the time between two looks for faces.
	between = 200 * time.Millisecond
	// ahead is over how much of what comes the camera's way is averaged: it sets out a little before its subject does, and
	// no change of its speed is sudden. A position is known between + ahead = 0.5 s of pictures later.
	ahead = 300 * time.Millisecond
)

// Follower says where the crop stands in one picture after another. For one goroutine.
type Follower struct {
	every, window int // pictures
	fade          float64

	eye     eye
	subject subject
	camera  camera

	n       int // of the next picture
	looked  int // last picture that was looked at for faces
	target  float64
	found   bool      // target is somebody
	path    []float64 // the camera's, of pictures that are not answered yet, all of one scene
	waiting int       // pictures since the last look, not in path yet
}

// New follows in pictures of a rate, with a crop that is a share of their width.
func New(rate, crop float64) *Follower {
	f := &Follower{
		every:  max(1, int(math.Round(between.Seconds()*rate))),
		window: max(1, int(math.Round(ahead.Seconds()*rate))),
		fade:   math.Exp(-1 / (0.4 * rate)), // what moved 0.4 s ago counts a third
	}
	f.subject.crop, f.camera.crop, f.camera.tick = crop, crop, 1/rate
	return f
}

// Add takes the next picture and gives the middles of the crops, as shares of the width, that are known by it: for the
// pictures in order, none twice. Faces is asked for the faces in this picture when it matters; nil: there is no detector.
func (f *Follower) Add(p Picture, faces func() []Face) []float64 {
	var known []float64
	cut := f.eye.see(p, f.fade)
	if cut {
		known = f.End()
		f.subject.scene()
		f.found, f.looked = false, f.n
	}
	f.waiting++
	if cut || f.n-f.looked >= f.every {
		f.looked = f.n
		f.look(faces, cut)
	}
	f.n++
	for len(f.path) > f.window {
		known = append(known, mean(f.path[:f.window]))
		f.path = f.path[1:]
	}
	return known
}

// look asks where the subject is, and moves the camera through the pictures since the last look.
func (f *Follower) look(faces func() []Face, cut bool) {
	var seen []Face
	if faces != nil {
		seen = faces()
	}
	at, ok := f.subject.look(seen, func() (float64, bool) { return f.eye.centre(f.subject.crop) })
	switch {
	case !ok && cut:
		return // what moves shows at the next look: the scene begins there
	case !ok && !f.found:
		at = 0.5
	case !ok:
		at = f.target
	}
	from := f.target
	if !f.found { // the first of the scene: it stood there from the beginning
		from = at
		if len(f.path) == 0 {
			f.camera.jump(at)
		}
	}
	for i := range f.waiting {
		f.path = append(f.path, f.camera.step(from+(at-from)*float64(i+1)/float64(f.waiting)))
	}
	f.target, f.found, f.waiting = at, f.found || ok, 0
}

// End gives the positions of all pictures that are not answered yet: nothing more comes, or nothing of this scene.
func (f *Follower) End() []float64 {
	if f.waiting > 0 {
		if !f.found && len(f.path) == 0 {
			f.target = 0.5
			f.camera.jump(f.target)
		}
		for range f.waiting {
			f.path = append(f.path, f.camera.step(f.target))
		}
		f.waiting = 0
	}
	known := make([]float64, len(f.path))
	for i := range f.path {
		// Beyond the end the camera stands where it stood last.
		part := f.path[i:min(len(f.path), i+f.window)]
		last := f.path[len(f.path)-1]
		known[i] = (mean(part)*float64(len(part)) + last*float64(f.window-len(part))) / float64(f.window)
	}
	f.path = nil
	return known
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
