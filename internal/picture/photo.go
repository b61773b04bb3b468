package picture

import (
	"image"

	"golang.org/x/image/draw"
)

// Photo is a decoded picture, to be shown turned as its camera noted.
type Photo struct {
	image       image.Image // as it lies in the file
	orientation int         // Exif's; up to 1: not turned
}

// Size is how large it is when it is shown.
func (p Photo) Size() (w, h int) {
	b := p.image.Bounds()
	if p.orientation >= 5 {
		return b.Dy(), b.Dx()
	}
	return b.Dx(), b.Dy()
}

// Scaled gives a part of what is shown in w by h pixels. It is scaled first and turned then: a photo has twenty times as many pixels.
func (p Photo) Scaled(part image.Rectangle, w, h int) *image.RGBA {
	b := p.image.Bounds()
	lies := image.Rectangle{p.edge(part.Min), p.edge(part.Max)}.Canon().Add(b.Min)
	if p.orientation >= 5 {
		w, h = h, w
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(small, small.Bounds(), p.image, lies, draw.Src, nil)
	return turned(small, p.orientation)
}

// edge is where a point of what is shown lies in the file's picture.
func (p Photo) edge(at image.Point) image.Point {
	b := p.image.Bounds()
	if p.orientation >= 5 {
		at.X, at.Y = at.Y, at.X
	}
	switch p.orientation {
	case 2, 3, 7, 8:
		at.X = b.Dx() - at.X
	}
	switch p.orientation {
	case 3, 4, 6, 7:
		at.Y = b.Dy() - at.Y
	}
	return at
}

// turned undoes an orientation.
func turned(m *image.RGBA, orientation int) *image.RGBA {
	if orientation <= 1 {
		return m
	}
	p := Photo{m, orientation}
	w, h := p.Size()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			// The pixel between two edges.
			from := image.Rectangle{p.edge(image.Pt(x, y)), p.edge(image.Pt(x+1, y+1))}.Canon().Min
			copy(out.Pix[y*out.Stride+4*x:][:4], m.Pix[from.Y*m.Stride+4*from.X:])
		}
	}
	return out
}
