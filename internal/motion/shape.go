package motion

import (
	"encoding/binary"
	"image"
	"math"

	"golang.org/x/image/vector"
)

// layerImage is the image of a layer and the place of its corner in the picture.
type layerImage struct {
	image *image.RGBA
	x, y  float64
}

// path puts a shape's outline, of w by h pixels from (x, y), on a rasteriser.
func (l Layer) path(r *vector.Rasterizer, x, y, w, h, radius float64) {
	to := func(px, py float64) (float32, float32) { return float32(x + px), float32(y + py) }
	switch l.Kind {
	case KindEllipse:
		roundedPath(r, x, y, w, h, max(w, h)/2)
	case KindBurst:
		points := l.Points
		if points < 3 {
			points = 16
		}
		for i := range 2 * points {
			reach := 1.0
			if i%2 == 1 {
				reach = 0.84
			}
			sin, cos := math.Sincos(math.Pi * float64(i) / float64(points))
			px, py := to(w/2+w/2*reach*sin, h/2-h/2*reach*cos)
			if i == 0 {
				r.MoveTo(px, py)
			} else {
				r.LineTo(px, py)
			}
		}
		r.ClosePath()
	case KindRibbon:
		lean := h * 0.28
		r.MoveTo(to(lean, 0))
		r.LineTo(to(w, 0))
		r.LineTo(to(w-lean, h))
		r.LineTo(to(0, h))
		r.ClosePath()
	default:
		roundedPath(r, x, y, w, h, radius)
	}
}

// roundedPath is a box whose corners are quarters of an ellipse.
func roundedPath(r *vector.Rasterizer, x, y, w, h, radius float64) {
	rx, ry := min(radius, w/2), min(radius, h/2)
	const k = 0.5522847498
	f := func(v float64) float32 { return float32(v) }
	r.MoveTo(f(x+rx), f(y))
	r.LineTo(f(x+w-rx), f(y))
	r.CubeTo(f(x+w-rx+k*rx), f(y), f(x+w), f(y+ry-k*ry), f(x+w), f(y+ry))
	r.LineTo(f(x+w), f(y+h-ry))
	r.CubeTo(f(x+w), f(y+h-ry+k*ry), f(x+w-rx+k*rx), f(y+h), f(x+w-rx), f(y+h))
	r.LineTo(f(x+rx), f(y+h))
	r.CubeTo(f(x+rx-k*rx), f(y+h), f(x), f(y+h-ry+k*ry), f(x), f(y+h-ry))
	r.LineTo(f(x), f(y+ry))
	r.CubeTo(f(x), f(y+ry-k*ry), f(x+rx-k*rx), f(y), f(x+rx), f(y))
	r.ClosePath()
}

// style is what is done to a mask: it is made bolder, and has a shadow below and a line around it.
type style struct {
	weight, shadow, stroke float64 // pixels
	edge                   string
}

func (p *Player) style(l Layer) style {
	unit := p.scene.short() / 100
	return style{shadow: l.Shadow * unit, stroke: l.Stroke * unit, edge: l.Edge}
}

// margin is how far a style reaches beyond its mask.
func (s style) margin() int { return int(math.Ceil(max(s.stroke, 0)+3*s.shadow)) + 2 }

// paint lays a mask on an image in colours that run over a box of it, with its style.
func (s style) paint(dst *image.RGBA, mask *image.Alpha, colours *ramp, x0, y0 int) {
	grown := dilate(mask, s.weight, s.weight+max(0, s.stroke))
	mask, body := grown[0], grown[1]
	if s.shadow > 0 {
		soft := moved(blurred(body, s.shadow*1.6), 0, int(s.shadow))
		over(dst, soft, newRamp([]string{"#00000066"}, 0, 1, 1), 0, 0)
	}
	if s.stroke > 0 {
		edge := s.edge
		if edge == "" {
			edge = "#000000"
		}
		over(dst, body, newRamp([]string{edge}, 0, 1, 1), 0, 0)
	}
	over(dst, mask, colours, x0, y0)
}

// shape draws a layer that is filled with colours.
func (p *Player) shape(l Layer) layerImage {
	x, y, w, h := p.scene.pixels(l.Box)
	s := p.style(l)
	m := s.margin()
	left, top := math.Floor(x), math.Floor(y)
	bounds := image.Rect(0, 0, int(math.Ceil(x+w-left))+2*m, int(math.Ceil(y+h-top))+2*m)
	mask, dst := image.NewAlpha(bounds), image.NewRGBA(bounds)
	raster := vector.NewRasterizer(bounds.Dx(), bounds.Dy())
	l.path(raster, float64(m)+x-left, float64(m)+y-top, w, h, l.Radius/100*p.scene.short())
	raster.Draw(mask, bounds, image.Opaque, image.Point{})
	s.paint(dst, mask, newRamp(l.Colours, l.Angle, w, h), m, m)
	return p.leaning(layerImage{dst, left - float64(m), top - float64(m)}, l.Turn)
}

// glow is a soft spot.
func (p *Player) glow(l Layer) layerImage {
	x, y, w, h := p.scene.pixels(l.Box)
	c := colourOf(first(l.Colours, "#FFFFFF"))
	dst := image.NewRGBA(image.Rect(0, 0, max(1, int(w)), max(1, int(h))))
	for py := range dst.Bounds().Dy() {
		for px := range dst.Bounds().Dx() {
			far := math.Hypot((float64(px)-w/2)/(w/2), (float64(py)-h/2)/(h/2))
			if far < 1 {
				a := premultiply(float64(c.R), float64(c.G), float64(c.B), float64(c.A)*smooth(1-far))
				copy(dst.Pix[py*dst.Stride+4*px:], []uint8{a.r, a.g, a.b, a.a})
			}
		}
	}
	return layerImage{dst, math.Round(x), math.Round(y)}
}

// stripes are slanted bands, one period wider than their box; they are moved and cut to it.
func (p *Player) stripes(l Layer) (d layerImage, period float64) {
	x, y, w, h := p.scene.pixels(l.Box)
	period = max(4, l.Size/100*p.scene.short())
	period = math.Round(period/2) * 2
	bounds := image.Rect(0, 0, int(w+period)+2, max(1, int(h)))
	mask, dst := image.NewAlpha(bounds), image.NewRGBA(bounds)
	raster := vector.NewRasterizer(bounds.Dx(), bounds.Dy())
	lean := h * math.Tan(l.Angle*math.Pi/180)
	f := func(v float64) float32 { return float32(v) }
	for at := -period - math.Abs(lean); at < w+2*period+math.Abs(lean); at += period {
		raster.MoveTo(f(at+lean), 0)
		raster.LineTo(f(at+lean+period/2), 0)
		raster.LineTo(f(at+period/2), f(h))
		raster.LineTo(f(at), f(h))
		raster.ClosePath()
	}
	raster.Draw(mask, bounds, image.Opaque, image.Point{})
	over(dst, mask, newRamp(l.Colours, 0, w, h), 0, 0)
	return layerImage{dst, math.Round(x), math.Round(y)}, period
}

// leaning turns an image around its middle.
func (p *Player) leaning(d layerImage, degrees float64) layerImage {
	if degrees == 0 {
		return d
	}
	w, h := float64(d.image.Bounds().Dx()), float64(d.image.Bounds().Dy())
	image, x, y := transformed(d.image, d.x+w/2, d.y+h/2, 1, degrees, everywhere)
	return layerImage{image, float64(x), float64(y)}
}

var everywhere = image.Rect(-1<<20, -1<<20, 1<<20, 1<<20)

// transformed is an image scaled and turned around its middle, which lies at (cx, cy) of a picture: as much of it as lies
// within limits, and the place of its corner.
func transformed(m *image.RGBA, cx, cy, scale, degrees float64, limits image.Rectangle) (out *image.RGBA, x0, y0 int) {
	w, h := float64(m.Bounds().Dx()), float64(m.Bounds().Dy())
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	ow, oh := (math.Abs(w*cos)+math.Abs(h*sin))*scale/2+1, (math.Abs(w*sin)+math.Abs(h*cos))*scale/2+1
	bounds := image.Rect(int(math.Floor(cx-ow)), int(math.Floor(cy-oh)), int(math.Ceil(cx+ow)), int(math.Ceil(cy+oh))).Intersect(limits)
	out = image.NewRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	// From a pixel of the picture back to the image, in 65536ths of a pixel.
	ux, uy := cos/scale, sin/scale
	vx, vy := -sin/scale, cos/scale
	for y := range bounds.Dy() {
		dx, dy := float64(bounds.Min.X)+0.5-cx, float64(bounds.Min.Y+y)+0.5-cy
		u := int64((dx*ux + dy*uy + w/2 - 0.5) * 65536)
		v := int64((dx*vx + dy*vy + h/2 - 0.5) * 65536)
		sample(out.Pix[y*out.Stride:y*out.Stride+4*bounds.Dx()], m, u, v, int64(ux*65536), int64(vx*65536))
	}
	return out, bounds.Min.X, bounds.Min.Y
}

// sample fills a row with an image's pixels along a line, each mixed of its four neighbours.
func sample(row []uint8, m *image.RGBA, u, v, du, dv int64) {
	w, h := int64(m.Bounds().Dx()), int64(m.Bounds().Dy())
	at := func(x, y int64) uint32 {
		if x < 0 || y < 0 || x >= w || y >= h {
			return 0
		}
		return binary.LittleEndian.Uint32(m.Pix[y*int64(m.Stride)+4*x:])
	}
	const even = 0x00FF00FF
	mix := func(a, b, by uint32) uint32 {
		low := (a&even)*(256-by) + (b&even)*by
		high := (a>>8&even)*(256-by) + (b>>8&even)*by
		return low>>8&even | high&^uint32(even)
	}
	for x := 0; x < len(row); x, u, v = x+4, u+du, v+dv {
		px, py := u>>16, v>>16
		if px < -1 || py < -1 || px >= w || py >= h {
			continue
		}
		fx, fy := uint32(u>>8&0xFF), uint32(v>>8&0xFF)
		var p uint32
		if px >= 0 && py >= 0 && px+1 < w && py+1 < h {
			i := py*int64(m.Stride) + 4*px
			top, low := binary.LittleEndian.Uint64(m.Pix[i:]), binary.LittleEndian.Uint64(m.Pix[i+int64(m.Stride):])
			if top|low == 0 {
				continue
			}
			p = mix(mix(uint32(top), uint32(top>>32), fx), mix(uint32(low), uint32(low>>32), fx), fy)
		} else {
			p = mix(mix(at(px, py), at(px+1, py), fx), mix(at(px, py+1), at(px+1, py+1), fx), fy)
		}
		binary.LittleEndian.PutUint32(row[x:], p)
	}
}
