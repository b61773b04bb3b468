package motion

import (
	"fmt"
	"image"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/vector"
)

// lineHeight is the distance of two lines, in sizes; middle how far above its baseline the middle of a line of Chinese lies.
const (
	lineHeight = 1.22
	middle     = 0.36
)

// textImage is text that was drawn, and where its words are.
type textImage struct {
	layerImage
	x, y, w, h float64 // of the words, in the picture
	size       float64
}

// maxWeight is how far the heaviest text is thickened, as a share of its size.
const maxWeight = 0.033

func (l Layer) thick(size float64) float64 { return l.Weight * maxWeight * size }

// set breaks and shrinks text until it fits its box.
func (p *Player) set(l Layer, text string) (lines []string, size float64) {
	_, _, w, h := p.scene.pixels(l.Box)
	count := max(1, l.Lines)
	wanted := l.Size / 100 * p.scene.short()
	if wanted <= 0 {
		wanted = h / lineHeight / float64(count)
	}
	room := w
	if l.Plate != "" {
		room -= 2 * plateMargin * wanted
	}
	room -= 2 * (l.thick(wanted) + l.Stroke/100*p.scene.short())
	room = max(16, (room-math.Abs(l.Slant)*wanted)/(1+l.Spacing))
	for size = wanted; ; size *= 0.94 {
		var fitted int
		lines, fitted = p.pen.Fit(text, int(size), int(room), count)
		if len(lines) == 0 {
			return nil, size
		}
		size = min(size, float64(fitted))
		if float64(len(lines)-1)*lineHeight*size+size <= h*1.02 || size < 12 {
			return lines, size
		}
	}
}

// plateMargin is how far a plate reaches beyond its text either side, in sizes.
const plateMargin = 0.45

func (p *Player) width(l Layer, text string, size float64) float64 {
	sum := -l.Spacing * size
	for _, r := range text {
		sum += p.pen.Advance(r, size) + l.Spacing*size
	}
	return max(0, sum)
}

// text draws a text layer; nil when there is nothing to say.
func (p *Player) text(l Layer, said string) *textImage {
	lines, size := p.set(l, said)
	if len(lines) == 0 {
		return nil
	}
	return p.write(l, lines, size)
}

// write draws lines of one size into a layer's box.
func (p *Player) write(l Layer, lines []string, size float64) *textImage {
	x, y, w, h := p.scene.pixels(l.Box)
	widest := 0.0
	for _, line := range lines {
		widest = max(widest, p.width(l, line, size))
	}
	high := float64(len(lines)-1)*lineHeight*size + size
	left := x + (w-widest)/2
	inset := 0.0
	if l.Plate != "" {
		inset = plateMargin * size
	}
	switch l.Align {
	case "left":
		left = x + inset
	case "right":
		left = x + w - widest - inset
	}
	top := y + (h-high)/2
	s := p.style(l)
	thick := l.thick(size)
	m := s.margin() + int(math.Ceil(thick+math.Abs(l.Slant)*size+inset)) + 2
	x0, y0 := math.Floor(left)-float64(m), math.Floor(top)-float64(m)-math.Floor(0.15*size)
	bounds := image.Rect(0, 0, int(math.Ceil(widest))+2*m+1, int(math.Ceil(high+0.3*size))+2*m+1)
	mask, dst := image.NewAlpha(bounds), image.NewRGBA(bounds)
	if l.Plate != "" {
		p.plate(dst, l.Plate, left-inset-x0, top-0.16*size-y0, widest+2*inset, high+0.32*size, l.Radius/100*p.scene.short())
	}
	for i, line := range lines {
		at := left
		switch l.Align {
		case "left":
		case "right":
			at += widest - p.width(l, line, size)
		default:
			at += (widest - p.width(l, line, size)) / 2
		}
		base := top + size/2 + float64(i)*lineHeight*size + middle*size
		p.pen.Line(mask, line, at-x0, base-y0, size, l.Slant, l.Spacing)
	}
	s.weight = thick
	s.paint(dst, mask, newRamp(l.Colours, l.Angle, widest, high), int(left-x0), int(top-y0))
	return &textImage{layerImage: p.leaning(layerImage{dst, x0, y0}, l.Turn), x: left, y: top, w: widest, h: high, size: size}
}

// plate draws a rounded box.
func (p *Player) plate(dst *image.RGBA, colour string, x, y, w, h, radius float64) {
	bounds := dst.Bounds()
	mask := image.NewAlpha(bounds)
	raster := vector.NewRasterizer(bounds.Dx(), bounds.Dy())
	roundedPath(raster, x, y, w, h, radius)
	raster.Draw(mask, bounds, image.Opaque, image.Point{})
	over(dst, mask, newRamp([]string{colour}, 0, 1, 1), 0, 0)
}

// strike is a line through words, a little slanted.
func (p *Player) strike(l Layer, of *textImage) layerImage {
	thick := max(3, 0.09*of.size)
	w, h := of.w+0.3*of.size, thick+0.16*of.size
	bounds := image.Rect(0, 0, int(w)+2, int(h)+4)
	mask, dst := image.NewAlpha(bounds), image.NewRGBA(bounds)
	raster := vector.NewRasterizer(bounds.Dx(), bounds.Dy())
	f := func(v float64) float32 { return float32(v) }
	raster.MoveTo(0, f(h-thick))
	raster.LineTo(f(w), 0)
	raster.LineTo(f(w), f(thick))
	raster.LineTo(0, f(h))
	raster.ClosePath()
	raster.Draw(mask, bounds, image.Opaque, image.Point{})
	over(dst, mask, newRamp([]string{l.Strike}, 0, 1, 1), 0, 0)
	return layerImage{dst, math.Round(of.x - 0.15*of.size), math.Round(of.y + of.h/2 - h/2)}
}

// clockText is what a clock that began with so many seconds shows after a while: hours where there are any, else tenths.
func clockText(from, after float64) (parts []string) {
	left := max(0, from-after)
	if from >= 3600 {
		whole := int(math.Ceil(left - 1e-9))
		return []string{fmt.Sprintf("%02d", whole/3600), fmt.Sprintf("%02d", whole/60%60), fmt.Sprintf("%02d", whole%60)}
	}
	tenths := int(math.Ceil(left*10 - 1e-9))
	return []string{fmt.Sprintf("%02d", tenths/600), fmt.Sprintf("%02d", tenths/10%60), strconv.Itoa(tenths % 10)}
}

// clock draws a clock's parts on plates, each digit in a cell of one width, so that nothing jumps.
func (p *Player) clock(l Layer, parts []string) layerImage {
	x, y, w, h := p.scene.pixels(l.Box)
	digits := 0
	for _, part := range parts {
		digits += len(part)
	}
	// In sizes: a digit's cell, a plate's margin, the gap with its colon.
	const cell, margin, gap = 0.64, 0.16, 0.40
	units := float64(digits)*cell + 2*margin*float64(len(parts)) + gap*float64(len(parts)-1)
	size := min(l.Size/100*p.scene.short(), w/units, h/1.3)
	wide, high := units*size, 1.3*size
	s := p.style(l)
	m := float64(s.margin())
	x0, y0 := math.Floor(x+(w-wide)/2-m), math.Floor(y+(h-high)/2-m)
	bounds := image.Rect(0, 0, int(wide+2*m)+2, int(high+2*m)+2)
	mask, dst := image.NewAlpha(bounds), image.NewRGBA(bounds)
	plates := image.NewAlpha(bounds)
	raster := vector.NewRasterizer(bounds.Dx(), bounds.Dy())
	at, base := x+(w-wide)/2-x0, y+h/2+middle*size-y0
	for i, part := range parts {
		width := (float64(len(part))*cell + 2*margin) * size
		roundedPath(raster, at, y+(h-high)/2-y0, width, high, 0.14*size)
		for j, r := range part {
			centre := at + (margin+(float64(j)+0.5)*cell)*size
			p.pen.Line(mask, string(r), centre-p.pen.Advance(r, size)/2, base, size, 0, 0)
		}
		at += width
		if i < len(parts)-1 {
			colon := ":"
			if len(parts[i+1]) == 1 {
				colon = "."
			}
			p.pen.Line(mask, colon, at+gap*size/2-p.pen.Advance([]rune(colon)[0], size)/2, base-0.04*size, size, 0, 0)
			at += gap * size
		}
	}
	if l.Plate != "" {
		raster.Draw(plates, bounds, image.Opaque, image.Point{})
		s.paint(dst, plates, newRamp([]string{l.Plate}, 0, 1, 1), 0, 0)
	}
	style{weight: l.thick(size)}.paint(dst, mask, newRamp(l.Colours, l.Angle, wide, high), int(m), int(m))
	return layerImage{dst, x0, y0}
}

// rolledText is a roll's number at a share of its way from From to To.
func rolledText(l Layer, by float64) string {
	return strings.ReplaceAll(l.Text, "{}", strconv.FormatFloat(l.From+(l.To-l.From)*by, 'f', l.Decimals, 64))
}
