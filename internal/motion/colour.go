package motion

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"
)

// parseColour reads #RRGGBB and #RRGGBBAA.
func parseColour(s string) (color.NRGBA, error) {
	hex, ok := strings.CutPrefix(s, "#")
	n, err := strconv.ParseUint(hex, 16, 32)
	switch {
	case !ok || err != nil || len(hex) != 6 && len(hex) != 8:
		return color.NRGBA{}, fmt.Errorf("colour %.20q: must be #RRGGBB or #RRGGBBAA", s)
	case len(hex) == 6:
		n = n<<8 | 0xFF
	}
	return color.NRGBA{R: uint8(n >> 24), G: uint8(n >> 16), B: uint8(n >> 8), A: uint8(n)}, nil
}

// colourOf is s, or black where it is no colour: a scene was checked before.
func colourOf(s string) color.NRGBA {
	c, err := parseColour(s)
	if err != nil {
		return color.NRGBA{A: 255}
	}
	return c
}

// ramp is a row of colours that run into one another over a line through a box.
type ramp struct {
	colours []color.NRGBA
	dx, dy  float64 // position = (x*dx + y*dy) + offset, 0 to 1
	offset  float64
	table   [256]premultiplied
}

// premultiplied has its colour multiplied by its alpha.
type premultiplied struct{ r, g, b, a uint8 }

// newRamp lays colours along an angle over a box of w by h pixels.
func newRamp(colours []string, angle, w, h float64) *ramp {
	r := &ramp{}
	for _, c := range colours {
		r.colours = append(r.colours, colourOf(c))
	}
	if len(r.colours) == 0 {
		r.colours = []color.NRGBA{{R: 255, G: 255, B: 255, A: 255}}
	}
	sin, cos := math.Sincos(angle * math.Pi / 180)
	span := math.Abs(w*cos) + math.Abs(h*sin)
	if span < 1 {
		span = 1
	}
	r.dx, r.dy = cos/span, sin/span
	r.offset = 0.5 - (w/2*cos+h/2*sin)/span
	for i := range r.table {
		r.table[i] = premultiply(r.mixed(float64(i) / 255))
	}
	return r
}

func (r *ramp) mixed(at float64) (red, green, blue, alpha float64) {
	last := len(r.colours) - 1
	at = min(1, max(0, at)) * float64(last)
	i := min(int(at), max(0, last-1))
	a, b, by := r.colours[i], r.colours[min(i+1, last)], at-float64(i)
	mix := func(a, b uint8) float64 { return float64(a) + (float64(b)-float64(a))*by }
	return mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), mix(a.A, b.A)
}

func premultiply(r, g, b, a float64) premultiplied {
	by := func(v float64) uint8 { return uint8(v*a/255 + 0.5) }
	return premultiplied{by(r), by(g), by(b), uint8(a + 0.5)}
}

// at is the colour of a pixel of the box.
func (r *ramp) at(x, y int) premultiplied {
	p := int((float64(x)*r.dx + float64(y)*r.dy + r.offset) * 255)
	return r.table[min(255, max(0, p))]
}
