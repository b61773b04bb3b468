package motion

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"
)

// plainly lays a layer over a frame as it would be without any shortcut: lit and transformed as an image, then made a sprite.
func plainly(p spriteActor, f Frame, at float64) {
	how, shown := p.layer.pose(p.scene, at)
	if !shown || how.alpha <= 0 {
		return
	}
	m := p.image.image
	if s := p.layer.Shine; s != nil && at > *s && at < *s+shineTime {
		m = lit(m, (at-*s)/shineTime)
	}
	w, h := float64(m.Bounds().Dx()), float64(m.Bounds().Dy())
	cx, cy := p.image.x+w/2+how.dx, p.image.y+h/2+how.dy
	limits, alpha := f.whole(), uint32(min(1, how.alpha)*255+0.5)
	if how.revealed < 1 {
		limits.x1 = int(cx - w/2 + w*how.revealed)
	}
	if math.Abs(how.scale-1) < 1e-4 && how.turn == 0 {
		newSprite(m).draw(f, int(math.Round(cx-w/2)), int(math.Round(cy-h/2)), alpha, limits)
		return
	}
	out, x, y := transformed(m, cx, cy, how.scale, how.turn, image.Rect(0, 0, f.Width, f.Height))
	newSprite(out).draw(f, x, y, alpha, limits)
}

// lit is an image that a slanted band of light crosses.
func lit(m *image.RGBA, by float64) *image.RGBA {
	out := image.NewRGBA(m.Bounds())
	copy(out.Pix, m.Pix)
	w, h := float64(m.Bounds().Dx()), float64(m.Bounds().Dy())
	lean, wide := h*0.5, max(24, 0.45*h)
	centre := -wide - lean + (w+2*wide+lean)*smooth(by)
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			p := out.Pix[y*out.Stride+4*x : y*out.Stride+4*x+4]
			add := uint32(0.62 * 255 * smooth(1-math.Abs(float64(x)-centre-lean*(1-float64(y)/h))/wide))
			for c := range 3 {
				p[c] = uint8(uint32(p[c]) + (uint32(p[3])-min(uint32(p[3]), uint32(p[c])))*add/255)
			}
		}
	}
	return out
}

// farthest is the greatest difference between two frames, and how many values differ by more than 3.
func farthest(a, b Frame) (most, many int) {
	for _, planes := range [][2][]byte{{a.Y, b.Y}, {a.U, b.U}, {a.V, b.V}} {
		for i, v := range planes[0] {
			d := int(v) - int(planes[1][i])
			most = max(most, d, -d)
			if max(d, -d) > 3 {
				many++
			}
		}
	}
	return most, many
}

func TestTheFastWayDrawsWhatThePlainWayDraws(t *testing.T) {
	shine := 0.3
	for name, change := range map[string]func(*Layer){
		"at rest":           func(*Layer) {},
		"shining":           func(l *Layer) { l.Shine = &shine },
		"swinging":          func(l *Layer) { l.Loop = &Loop{Kind: "swing", By: 17, Every: 1} },
		"pulsing, shining":  func(l *Layer) { l.Loop, l.Shine = &Loop{Kind: "pulse", By: 0.3, Every: 1}, &shine },
		"popping":           func(l *Layer) { l.Enter = &Move{Kind: "pop", For: 1.5} },
		"stamped":           func(l *Layer) { l.Enter = &Move{Kind: "stamp", For: 1.5} },
		"half there":        func(l *Layer) { l.Alpha, l.Loop = 0.5, &Loop{Kind: "zoom", By: 0.4, Every: 2} },
		"past its edges":    func(l *Layer) { l.Box, l.Loop = Box{60, 55, 60, 60}, &Loop{Kind: "swing", By: 40, Every: 2} },
		"above the picture": func(l *Layer) { l.Box, l.Loop = Box{-20, -30, 60, 60}, &Loop{Kind: "pulse", By: 0.7, Every: 2} },
	} {
		l := Layer{Kind: KindText, Box: Box{10, 20, 80, 60}, Text: "直降¥59", Size: 34, Weight: 0.8, Stroke: 1, Edge: "#2B0A5E", Shadow: 1.2,
			Colours: []string{"#FFE03A", "#E3174F"}, Plate: "#10A060"}
		change(&l)
		p := player(t, []Layer{{Kind: KindFill, Colours: []string{"#7A1023", "#1F2A44"}, Angle: 60}}, l)
		for n := range 40 {
			fast, plain := NewFrame(320, 180), NewFrame(320, 180)
			p.Base(fast, n)
			plain.Copy(fast)
			p.Over(fast, n)
			plainly(p.over[0].(spriteActor), plain, float64(n)/25)
			if most, many := farthest(fast, plain); most > 8 || many > 50 {
				t.Errorf("%s, frame %d: differs by %d at most, and by more than 3 in %d places", name, n, most, many)
			}
		}
	}
}

func TestWhatDoesNotMoveInABaseIsDrawnOnceAndLooksTheSame(t *testing.T) {
	base := []Layer{
		{Kind: KindFill, Colours: []string{"#7A1023", "#1F2A44"}, Angle: 60},
		{Kind: KindGlow, Box: Box{-20, 10, 140, 90}, Colours: []string{"#FF8A0080"}},
		{Kind: KindEllipse, Box: Box{10, 20, 30, 40}, Colours: []string{"#FFFFFF40"}, Loop: &Loop{Kind: "float", By: 4, Every: 1}},
		{Kind: KindRect, Box: Box{50, 20, 30, 40}, Colours: []string{"#00FFAA80"}},
	}
	p := player(t, base)
	actors := p.base
	for n := range 20 {
		fast, plain := NewFrame(320, 180), NewFrame(320, 180)
		p.Base(fast, n)
		p.play(actors, plain, n)
		if most, _ := farthest(fast, plain); most > 0 {
			t.Errorf("frame %d differs by %d", n, most)
		}
	}
	if len(p.base) != 2 {
		t.Errorf("%d layers of the base are drawn every time, want the 2 from the first one that moves", len(p.base))
	}
}

func TestABolderEdgeHasNoStairs(t *testing.T) {
	m := image.NewAlpha(image.Rect(0, 0, 120, 60))
	// covered is what lies above a line that sinks by a sixteenth, moved down.
	covered := func(x, y int, down float64) float64 { return min(1, max(0, 20+(float64(x)+0.5)/16+down-float64(y))) }
	for y := range 60 {
		for x := range 120 {
			m.Pix[y*m.Stride+x] = uint8(covered(x, y, 0)*255 + 0.5)
		}
	}
	for _, by := range []float64{0.4, 2.3, 7.7} {
		bold := dilate(m, by)[0]
		for y := range 60 {
			for x := 20; x < 100; x++ {
				got, want := float64(bold.Pix[y*m.Stride+x])/255, covered(x, y, by*math.Sqrt(1+1.0/256))
				if math.Abs(got-want) > 0.12 {
					t.Fatalf("by %g: at %d, %d %.2f is covered, want %.2f", by, x, y, got, want)
				}
			}
		}
	}
}

func TestBolderReachesAsFarAsEveryTouchedPixel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		m := image.NewAlpha(image.Rect(0, 0, 1+random.IntN(50), 1+random.IntN(50)))
		for range 1 + random.IntN(20) {
			m.Pix[random.IntN(len(m.Pix))] = 255
		}
		by := random.Float64() * 12
		want := image.NewAlpha(m.Rect)
		for at := range m.Pix {
			for from, a := range m.Pix {
				if a > 0 {
					far := math.Hypot(float64(at%m.Stride-from%m.Stride), float64(at/m.Stride-from/m.Stride))
					want.Pix[at] = max(want.Pix[at], uint8(min(1, max(0, by+1-far))*255+0.5))
				}
			}
		}
		got := dilate(m, by)[0]
		for i := range want.Pix {
			if d := int(got.Pix[i]) - int(want.Pix[i]); d < -1 || d > 1 {
				t.Fatalf("%v by %g: pixel %d is %d, want %d", m.Rect, by, i, got.Pix[i], want.Pix[i])
			}
		}
	}
}
