package motion

import (
	"fmt"
	"image"
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/picture"
	"liveclip/internal/typeset"
)

// Player draws a scene's frames. Base and Over may be called beside each other, but neither of them twice at once.
type Player struct {
	scene      Scene
	pen        *typeset.Pen
	background *Frame // what of the base comes first and does not change
	base, over []actor
}

// actor is a layer on stage.
type actor interface {
	draw(f Frame, at float64)
	settled() bool // it is the same in every frame
}

// NewPlayer checks a scene and draws the images of its layers. With a base that is kept elsewhere, withBase is false.
func NewPlayer(scene Scene, face *typeset.Face, withBase bool) (*Player, error) {
	if err := scene.Check(); err != nil {
		return nil, err
	}
	pen, err := face.Pen()
	if err != nil {
		return nil, err
	}
	p := &Player{scene: scene, pen: pen}
	if withBase {
		if p.base, err = p.actorsFor(scene.Base); err != nil {
			return nil, fmt.Errorf("base: %w", err)
		}
	}
	p.over, err = p.actorsFor(scene.Layers)
	return p, err
}

// Base draws frame n of the base, whatever was on f before.
func (p *Player) Base(f Frame, n int) {
	if p.background == nil {
		background := NewFrame(p.scene.Width, p.scene.Height)
		background.fill([]string{"#000000"}, 0)
		for len(p.base) > 0 && p.base[0].settled() {
			p.base[0].draw(background, 0)
			p.base = p.base[1:]
		}
		p.background = &background
	}
	f.Copy(*p.background)
	p.play(p.base, f, n)
}

// Over draws frame n of the layers over the base.
func (p *Player) Over(f Frame, n int) { p.play(p.over, f, n) }

func (p *Player) play(actors []actor, f Frame, n int) {
	for _, a := range actors {
		a.draw(f, float64(n)/p.scene.FrameRate)
	}
}

// actorsFor makes actors of layers, in their order; the images are made side by side, each with a pen of its own.
func (p *Player) actorsFor(layers []Layer) ([]actor, error) {
	made := make([][]actor, len(layers))
	group := errgroup.Group{}
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range layers {
		group.Go(func() (err error) {
			player := &Player{scene: p.scene, pen: p.pen.Fork()}
			made[i], err = player.actors(l)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(made...), nil
}

// actors are what a layer becomes: a text with a strike is two.
func (p *Player) actors(l Layer) ([]actor, error) {
	switch l.Kind {
	case KindFill:
		f := NewFrame(p.scene.Width, p.scene.Height)
		f.fill(l.Colours, l.Angle)
		return []actor{stillFrame{f}}, nil
	case KindRays:
		return []actor{movingLight{newRays(p.scene, l), l, p.scene}}, nil
	case KindStripes:
		return []actor{p.scrollingStripes(l)}, nil
	case KindConfetti:
		return []actor{p.confetti(l)}, nil
	case KindGlow:
		return []actor{p.spriteActor(l, p.glow(l))}, nil
	case KindPicture:
		return p.photo(l)
	case KindText:
		return p.words(l), nil
	case KindClock:
		began := 0.0
		if l.Enter != nil {
			began = l.Enter.At
		}
		parts := func(at float64) []string { return clockText(l.From, max(0, at-began)) }
		return []actor{&changingText{spriteActor: spriteActor{layer: l, scene: p.scene}, step: 1 / p.scene.FrameRate,
			show: func(at float64) string { return fmt.Sprint(parts(at)) },
			make: func(at float64) spriteActor { return p.spriteActor(l, p.clock(l, parts(at))) },
		}}, nil
	case KindRoll:
		return p.counter(l), nil
	}
	return []actor{p.spriteActor(l, p.shape(l))}, nil
}

func (p *Player) words(l Layer) []actor {
	w := p.text(l, l.Text)
	if w == nil {
		return nil
	}
	actors := []actor{p.spriteActor(l, w.layerImage)}
	if l.Strike == "" {
		return actors
	}
	line := l
	line.Enter, line.Loop, line.Shine = &Move{Kind: "wipe", At: l.Struck, For: 0.35}, nil, nil
	return append(actors, p.spriteActor(line, p.strike(l, w)))
}

// rollTime is how long a roll runs, in seconds.
const rollTime = 0.8

// counter is a number that runs. All of its values are set in one size, that of the longest.
func (p *Player) counter(l Layer) []actor {
	longest := rolledText(l, 1)
	if first := rolledText(l, 0); p.width(l, first, 100) > p.width(l, longest, 100) {
		longest = first
	}
	lines, size := p.set(l, longest)
	if len(lines) == 0 {
		return nil
	}
	show := func(at float64) string { return rolledText(l, easeOut((at-l.Struck)/rollTime)) }
	return []actor{&changingText{spriteActor: spriteActor{layer: l, scene: p.scene}, step: 1 / p.scene.FrameRate, show: show, make: func(at float64) spriteActor {
		return p.spriteActor(l, p.write(l, []string{p.pen.Clean(show(at))}, size).layerImage)
	}}}
}

// photo is a picture from a file, whole or cut to its box.
func (p *Player) photo(l Layer) ([]actor, error) {
	m, err := picture.Read(l.Path)
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	x, y, w, h := p.scene.pixels(l.Box)
	pw, ph := m.Size()
	by := min(w/float64(pw), h/float64(ph))
	source := image.Rect(0, 0, pw, ph)
	if l.Fit == "cover" {
		by = max(w/float64(pw), h/float64(ph))
		sw, sh := int(math.Round(w/by)), int(math.Round(h/by))
		source = image.Rect(0, 0, max(1, sw), max(1, sh)).Add(image.Pt((pw-sw)/2, (ph-sh)/2))
	}
	iw, ih := max(1, int(math.Round(float64(source.Dx())*by))), max(1, int(math.Round(float64(source.Dy())*by)))
	small := m.Scaled(source, iw, ih)
	if l.Radius > 0 {
		rounded(small, l.Radius/100*p.scene.short())
	}
	return []actor{p.spriteActor(l, p.leaning(layerImage{small, math.Round(x + (w-float64(iw))/2), math.Round(y + (h-float64(ih))/2)}, l.Turn))}, nil
}
