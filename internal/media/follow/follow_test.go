package follow

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

const crop = 81.0 / 256 // of 9:16 in 16:9

// scene is a still picture, another one for every seed.
func scene(seed uint64) Picture {
	p := Picture{Stride: 320, Width: 320, Height: 180, Luma: make([]byte, 320*180)}
	random := rand.New(rand.NewPCG(seed, 1))
	var blocks [8][5]byte
	for x := range blocks {
		for y := range blocks[x] {
			blocks[x][y] = byte(random.IntN(256))
		}
	}
	for y := range 180 {
		for x := range 320 {
			p.Luma[y*320+x] = blocks[x/40][y/36]
		}
	}
	return p
}

// with draws a standing figure of a brightness at a place.
func (p Picture) with(at float64, brightness byte) Picture {
	q := p
	q.Luma = append([]byte(nil), p.Luma...)
	for x := int((at - 0.04) * 320); x < int((at+0.04)*320); x++ {
		for y := 40; y < 170 && x >= 0 && x < 320; y++ {
			q.Luma[y*320+x] = brightness
		}
	}
	return q
}

func face(at float64) []Face { return []Face{{X: at, Y: 0.3, Width: 0.08, Height: 0.16, Score: 0.9}} }

// run follows n pictures.
func run(t interface {
	Helper()
	Fatalf(string, ...any)
}, rate float64, n int, picture func(i int) Picture, faces func(i int) []Face) []float64 {
	t.Helper()
	f := New(rate, crop)
	var at []float64
	for i := range n {
		var look func() []Face
		if faces != nil {
			look = func() []Face { return faces(i) }
		}
		at = append(at, f.Add(picture(i), look)...)
		if late := i + 1 - len(at); float64(late) > 0.5*rate+1 {
			t.Fatalf("picture %d: %d pictures not answered yet, more than half a second", i, late)
		}
	}
	if at = append(at, f.End()...); len(at) != n {
		t.Fatalf("%d positions of %d pictures", len(at), n)
	}
	return at
}

// smooth holds a path, all of one scene, against what the camera may do.
func smooth(t *rapid.T, at []float64, rate float64) {
	const slack = 1e-9
	var speed, change float64
	lastTurn, direction := -1.0, 0.0
	for i := 1; i < len(at); i++ {
		v := (at[i] - at[i-1]) * rate
		a := (v - speed) * rate
		j := (a - change) * rate
		if math.Abs(v) > topSpeed+slack {
			t.Fatalf("picture %d: speed %g", i, v)
		}
		if inner := i > 2 && float64(len(at)-i) > rate; inner { // at the end it may stop short
			if math.Abs(a) > topChange+1e-6 {
				t.Fatalf("picture %d: the speed changes by %g a second", i, a)
			}
			if limit := 2 * topChange / ahead.Seconds() * 1.2; math.Abs(j) > limit {
				t.Fatalf("picture %d: jerk %g, more than %g", i, j, limit)
			}
		}
		if math.Abs(v) > 1e-3 {
			if now := float64(i) / rate; v*direction < 0 {
				if now-lastTurn < 0.4 {
					t.Fatalf("picture %d: turned back %g s after it had turned", i, now-lastTurn)
				}
				lastTurn = now
			}
			direction = v
		}
		speed, change = v, a
	}
}

func TestTheCameraRestsWhileTheFaceStaysAboutWhereItIs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	still := scene(1)
	path := run(t, 30, 300, func(int) Picture { return still }, func(int) []Face { return face(0.4 + 0.02*(2*random.Float64()-1)) })
	for i, at := range path {
		if math.Abs(at-path[0]) > 1e-9 {
			t.Fatalf("picture %d: at %g, began at %g", i, at, path[0])
		}
	}
}

func TestItNeverJittersAndTheFaceStaysInside(t *testing.T) {
	still := scene(3)
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{15, 25, 29.97, 30, 60}).Draw(t, "rate")
		// A speaker who stands and walks by turns, at a walk's pace, and whose face is found not quite exactly.
		where := []float64{rapid.Float64Range(0.1, 0.9).Draw(t, "from")}
		for len(where) < int(5*rate) {
			speed := rapid.Float64Range(-0.22, 0.22).Draw(t, "speed")
			if rapid.Bool().Draw(t, "stands") {
				speed = 0
			}
			for range int(rapid.Float64Range(1, 3).Draw(t, "for") * rate) {
				where = append(where, min(max(where[len(where)-1]+speed/rate, 0.06), 0.94))
			}
		}
		noise := rapid.Float64Range(0, 0.008).Draw(t, "noise")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		path := run(t, rate, len(where), func(int) Picture { return still },
			func(i int) []Face { return face(where[i] + noise*(2*random.Float64()-1)) })
		smooth(t, path, rate)
		for i, at := range path {
			if off := math.Abs(where[i]-at) + 0.04; off > crop/2 && where[i] > crop/2 && where[i] < 1-crop/2 {
				t.Fatalf("picture %d: the face at %g is not inside the crop at %g", i, where[i], at)
			}
		}
	})
}

func TestItJumpsAtTheVeryPictureOfASceneCutAndOnlyThere(t *testing.T) {
	cuts := map[int]float64{0: 0.3, 61: 0.7, 62: 0.25, 140: 0.8}
	picture, who := Picture{}, make([]float64, 200)
	pictures := make([]Picture, 200)
	for i := range pictures {
		if at, ok := cuts[i]; ok {
			picture, who[i] = scene(uint64(i)+10), at
		} else {
			who[i] = who[i-1]
		}
		pictures[i] = picture
	}
	for i, at := range run(t, 30, 200, func(i int) Picture { return pictures[i] }, func(i int) []Face { return face(who[i]) }) {
		if math.Abs(at-who[i]) > 1e-9 {
			t.Errorf("picture %d: at %g, the face is at %g", i, at, who[i])
		}
	}
}

func TestOneWrongFaceMovesNothing(t *testing.T) {
	still := scene(5)
	for i, at := range run(t, 30, 150, func(int) Picture { return still }, func(i int) []Face {
		if i/6 == 10 || i/6 == 11 { // two looks
			return face(0.9)
		}
		return face(0.4)
	}) {
		if math.Abs(at-0.4) > 1e-9 {
			t.Fatalf("picture %d: at %g", i, at)
		}
	}
}

func TestAnotherSpeakerWhoStaysIsGoneTo(t *testing.T) {
	still := scene(6)
	path := run(t, 30, 240, func(int) Picture { return still }, func(i int) []Face {
		if i < 60 {
			return face(0.3)
		}
		return face(0.75)
	})
	if end := path[len(path)-1]; math.Abs(end-0.75) > 0.05 {
		t.Errorf("ends at %g", end)
	}
}

func TestFacesThatFitAreAllShown(t *testing.T) {
	still := scene(7)
	for i, at := range run(t, 25, 50, func(int) Picture { return still }, func(int) []Face { return append(face(0.45), face(0.57)...) }) {
		if math.Abs(at-0.51) > 1e-9 {
			t.Fatalf("picture %d: at %g", i, at)
		}
	}
}

func TestAFaceThatTurnsAwayIsStoodBy(t *testing.T) {
	still := scene(8)
	for i, at := range run(t, 25, 60, func(int) Picture { return still }, func(i int) []Face {
		if i > 20 {
			return nil
		}
		return face(0.3)
	}) {
		if math.Abs(at-0.3) > 1e-9 {
			t.Fatalf("picture %d: at %g", i, at)
		}
	}
}

func TestWithoutFacesItFollowsWhatMovesElseStandsInTheMiddle(t *testing.T) {
	back := scene(9)
	for i, at := range run(t, 30, 90, func(int) Picture { return back }, nil) {
		if at != 0.5 {
			t.Fatalf("nothing moves, picture %d: at %g", i, at)
		}
	}
	for _, to := range []float64{0.25, 0.72} {
		t.Run(fmt.Sprint(to), func(t *testing.T) {
			path := run(t, 30, 150, func(i int) Picture {
				return back.with(to+0.02*math.Sin(float64(i)/4), 250)
			}, nil)
			for i, at := range path[60:] {
				if math.Abs(at-to) > crop*restZone {
					t.Fatalf("picture %d: at %g", i+60, at)
				}
			}
		})
	}
}

func FuzzPicturesOfAnySize(f *testing.F) {
	f.Add(uint16(1), uint16(1), []byte{7})
	f.Add(uint16(16), uint16(9), make([]byte, 144))
	f.Fuzz(func(t *testing.T, w, h uint16, luma []byte) {
		if w == 0 || h == 0 || int(w)*int(h) > len(luma) {
			return
		}
		p := Picture{Luma: luma, Stride: int(w), Width: int(w), Height: int(h)}
		f := New(25, crop)
		n := 0
		for range 3 {
			n += len(f.Add(p, nil))
		}
		for _, at := range f.End() {
			if n++; at < 0 || at > 1 || math.IsNaN(at) {
				t.Fatalf("at %g", at)
			}
		}
		if n != 3 {
			t.Fatalf("%d positions", n)
		}
	})
}
