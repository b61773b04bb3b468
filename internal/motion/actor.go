package motion

import (
	"image"
	"math"
	"sync"

	"golang.org/x/image/vector"
)

// stillFrame is a background that fills the frame.
type stillFrame struct{ frame Frame }

func (s stillFrame) draw(f Frame, _ float64) { f.Copy(s.frame) }

func (s stillFrame) settled() bool { return true }

// movingLight is turning rays.
type movingLight struct {
	rays  *rays
	layer Layer
	scene Scene
}

func (l movingLight) settled() bool { return l.layer.Speed == 0 }

func (l movingLight) draw(f Frame, at float64) {
	count := l.layer.Points
	if count == 0 {
		count = 12
	}
	l.rays.draw(f, at*l.layer.Speed/360*float64(count))
}

// spriteActor is an image that moves, turns and scales.
type spriteActor struct {
	layer Layer
	scene Scene
	image layerImage
	rest  *sprite
	loose func() *ink // made when it is first needed
}

func (p *Player) spriteActor(l Layer, d layerImage) spriteActor {
	return spriteActor{layer: l, scene: p.scene, image: d, rest: newSprite(d.image), loose: sync.OnceValue(func() *ink { return newInk(d.image) })}
}

const shineTime = 0.7 // seconds

func (p spriteActor) draw(f Frame, at float64) {
	how, shown := p.layer.pose(p.scene, at)
	if !shown || how.alpha <= 0 {
		return
	}
	w, h := float64(p.rest.w), float64(p.rest.h)
	s := placement{cx: p.image.x + w/2 + how.dx, cy: p.image.y + h/2 + how.dy, scale: how.scale, degrees: how.turn,
		alpha: uint32(min(1, how.alpha)*255 + 0.5), shine: -1}
	limits := f.whole()
	if how.revealed < 1 {
		limits.x1 = int(s.cx - w/2 + w*how.revealed)
	}
	if begins := p.layer.Shine; begins != nil && at > *begins && at < *begins+shineTime {
		s.shine = (at - *begins) / shineTime
	}
	if math.Abs(how.scale-1) < 1e-4 && how.turn == 0 {
		x, y := math.Round(s.cx-w/2), math.Round(s.cy-h/2)
		if s.shine < 0 {
			p.rest.draw(f, int(x), int(y), s.alpha, limits)
			return
		}
		s.cx, s.cy, s.scale = x+w/2, y+h/2, 1
	}
	p.loose().draw(f, s, limits)
}

// settled reports whether it is the same in every frame.
func (p spriteActor) settled() bool {
	return p.layer.Enter == nil && p.layer.Leave == nil && p.layer.Loop == nil && p.layer.Shine == nil
}

// rounded cuts an image's corners.
func rounded(m *image.RGBA, radius float64) {
	b := m.Bounds()
	mask := image.NewAlpha(b)
	raster := vector.NewRasterizer(b.Dx(), b.Dy())
	roundedPath(raster, 0, 0, float64(b.Dx()), float64(b.Dy()), radius)
	raster.Draw(mask, b, image.Opaque, image.Point{})
	for y := range b.Dy() {
		for x := range b.Dx() {
			if a := uint32(mask.Pix[y*mask.Stride+x]); a < 255 {
				p := m.Pix[y*m.Stride+4*x : y*m.Stride+4*x+4]
				for c := range p {
					p[c] = uint8(uint32(p[c]) * a / 255)
				}
			}
		}
	}
}

// changingText is a sprite whose image changes from time to time. The next image is made while a frame is drawn and encoded.
type changingText struct {
	spriteActor
	step  float64 // seconds from frame to frame
	show  func(at float64) string
	make  func(at float64) spriteActor // by one goroutine at a time
	shown string
	ahead string // what next gives
	next  chan spriteActor
}

func (c *changingText) settled() bool { return false }

func (c *changingText) draw(f Frame, at float64) {
	_, shown := c.layer.pose(c.scene, at)
	if now := c.show(at); shown && now != c.shown {
		c.shown, c.spriteActor = now, c.made(now, at)
	}
	if _, soon := c.layer.pose(c.scene, at+c.step); soon {
		c.begin(at + c.step)
	}
	if shown {
		c.spriteActor.draw(f, at)
	}
}

// begin makes what is shown at a time beside what else is done.
func (c *changingText) begin(at float64) {
	then := c.show(at)
	if then == c.shown || c.next != nil {
		return
	}
	next := make(chan spriteActor, 1)
	c.ahead, c.next = then, next
	go func() { next <- c.make(at) }()
}

// made gives what was made ahead, where that is what is shown now.
func (c *changingText) made(now string, at float64) spriteActor {
	if c.next != nil {
		p, same := <-c.next, c.ahead == now
		if c.next = nil; same {
			return p
		}
	}
	return c.make(at)
}

// scrollingStripes are stripes that scroll through their box.
type scrollingStripes struct {
	spriteActor
	period float64
	limits clip
}

func (p *Player) scrollingStripes(l Layer) scrollingStripes {
	d, period := p.stripes(l)
	x, y, w, h := p.scene.pixels(l.Box)
	return scrollingStripes{p.spriteActor(l, d), period, clip{int(x), int(y), int(x + w), int(y + h)}}
}

func (b scrollingStripes) settled() bool { return b.layer.Speed == 0 && b.spriteActor.settled() }

func (b scrollingStripes) draw(f Frame, at float64) {
	how, shown := b.layer.pose(b.scene, at)
	if !shown {
		return
	}
	moved := math.Mod(at*b.layer.Speed*b.period, b.period)
	if moved < 0 {
		moved += b.period
	}
	limits := b.limits
	limits.x0, limits.x1 = limits.x0+int(how.dx), limits.x1+int(how.dx)
	limits.y0, limits.y1 = limits.y0+int(how.dy), limits.y1+int(how.dy)
	b.rest.draw(f, int(math.Round(b.image.x+how.dx-moved)), int(math.Round(b.image.y+how.dy)), uint32(how.alpha*255), limits)
}

// confetti is pieces that fall, sway and turn, the same ones every time.
type confetti struct {
	layer  Layer
	scene  Scene
	pieces []piece
}

type piece struct {
	x, y, fall, sway, phase, spin float64
	sides                         []*sprite
}

func (p *Player) confetti(l Layer) confetti {
	s := confetti{layer: l, scene: p.scene}
	count := l.Points
	if count == 0 {
		count = 40
	}
	bx, by, bw, bh := p.scene.pixels(l.Box)
	size := max(6, l.Size/100*p.scene.short())
	random := uint32(2463534242)
	next := func() float64 {
		random ^= random << 13
		random ^= random >> 17
		random ^= random << 5
		return float64(random%100_000) / 100_000
	}
	var variants [][]*sprite
	for _, c := range l.Colours {
		variants = append(variants, flakes(c, size))
	}
	if len(variants) == 0 {
		variants = append(variants, flakes("#FFD34D", size))
	}
	for i := range count {
		s.pieces = append(s.pieces, piece{
			x: bx + next()*bw, y: by + next()*bh, fall: (0.18 + 0.22*next()) * bh, sway: (0.4 + next()) * size, phase: next() * 2 * math.Pi,
			spin: 0.6 + 1.4*next(), sides: variants[i%len(variants)],
		})
	}
	return s
}

// flakes are one piece seen from several sides.
func flakes(colour string, size float64) []*sprite {
	var sides []*sprite
	for i := range 12 {
		turn := float64(i) * math.Pi / 12
		flat := 0.25 + 0.75*math.Abs(math.Cos(turn))
		m := image.NewRGBA(image.Rect(0, 0, int(size)+2, int(size)+2))
		mask := image.NewAlpha(m.Bounds())
		r := vector.NewRasterizer(m.Bounds().Dx(), m.Bounds().Dy())
		roundedPath(r, 1, 1+size*(1-flat)/2, size*0.6, size*flat, size*0.1)
		r.Draw(mask, m.Bounds(), image.Opaque, image.Point{})
		over(m, mask, newRamp([]string{colour}, 0, 1, 1), 0, 0)
		turned, _, _ := transformed(m, 0, 0, 1, float64(i)*30, everywhere)
		sides = append(sides, newSprite(turned))
	}
	return sides
}

func (s confetti) settled() bool { return false }

func (s confetti) draw(f Frame, at float64) {
	how, shown := s.layer.pose(s.scene, at)
	if !shown {
		return
	}
	_, by, _, bh := s.scene.pixels(s.layer.Box)
	for _, p := range s.pieces {
		y := by + math.Mod(p.y-by+p.fall*at, bh)
		side := p.sides[int(at*p.spin*12+p.phase*2)%len(p.sides)]
		// It comes and goes softly at the edges of its box.
		edge := min(1, 6*(y-by)/bh, 6*(by+bh-y)/bh)
		side.draw(f, int(p.x+p.sway*math.Sin(at*2.2*p.spin+p.phase)), int(y), uint32(255*how.alpha*max(0, edge)), f.whole())
	}
}
