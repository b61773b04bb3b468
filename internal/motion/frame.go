package motion

import (
	"image"
	"math"
)

// Frame is a picture in YUV 4:2:0, 8 bit, BT.709, limited range, that is drawn on in place.
type Frame struct {
	Width, Height    int // even
	Y, U, V          []byte
	YStride, CStride int
}

// NewFrame is a frame of its own memory.
func NewFrame(width, height int) Frame {
	c := width / 2 * (height / 2)
	return Frame{Width: width, Height: height, Y: make([]byte, width*height), U: make([]byte, c), V: make([]byte, c), YStride: width, CStride: width / 2}
}

// Copy takes over another frame of the same size.
func (f Frame) Copy(from Frame) {
	for y := range f.Height {
		copy(f.Y[y*f.YStride:y*f.YStride+f.Width], from.Y[y*from.YStride:])
	}
	for y := range f.Height / 2 {
		copy(f.U[y*f.CStride:y*f.CStride+f.Width/2], from.U[y*from.CStride:])
		copy(f.V[y*f.CStride:y*f.CStride+f.Width/2], from.V[y*from.CStride:])
	}
}

// Coefficients of BT.709 in limited range, times 256.
func luma(r, g, b float64) float64 { return 16 + (46.742*r+157.243*g+15.874*b)/256 }
func chromaBlue(r, g, b float64) float64 {
	return 128 + (-25.765*r-86.674*g+112.439*b)/256
}
func chromaRed(r, g, b float64) float64 { return 128 + (112.439*r-102.129*g-10.310*b)/256 }

// bayer is a threshold matrix: it scatters the rounding of a slow gradient, whose steps would show as bands.
var bayer = [8][8]float64{
	{0, 32, 8, 40, 2, 34, 10, 42}, {48, 16, 56, 24, 50, 18, 58, 26}, {12, 44, 4, 36, 14, 46, 6, 38}, {60, 28, 52, 20, 62, 30, 54, 22},
	{3, 35, 11, 43, 1, 33, 9, 41}, {51, 19, 59, 27, 49, 17, 57, 25}, {15, 47, 7, 39, 13, 45, 5, 37}, {63, 31, 55, 23, 61, 29, 53, 21},
}

func dither(v float64, x, y int) uint8 {
	return uint8(min(240, max(16, math.Floor(v+(bayer[y&7][x&7]+0.5)/64))))
}

// fill paints the whole frame in a layer's colours.
func (f Frame) fill(colours []string, angle float64) {
	r := newRamp(colours, angle, float64(f.Width), float64(f.Height))
	for y := range f.Height {
		row := f.Y[y*f.YStride:]
		for x := range f.Width {
			red, green, blue, _ := r.mixed(float64(x)*r.dx + float64(y)*r.dy + r.offset)
			row[x] = dither(luma(red, green, blue), x, y)
		}
	}
	for y := range f.Height / 2 {
		for x := range f.Width / 2 {
			red, green, blue, _ := r.mixed(float64(2*x)*r.dx + float64(2*y)*r.dy + r.offset)
			f.U[y*f.CStride+x] = dither(chromaBlue(red, green, blue), x, y)
			f.V[y*f.CStride+x] = dither(chromaRed(red, green, blue), x, y)
		}
	}
}

// rays is light that turns around a point: for every second pixel either way the angle it lies at and how strong the light is.
type rays struct {
	angle    []uint16 // of a full turn
	strength []uint8
	profile  [4096]uint8 // over one ray and one gap
	y, u, v  uint64
	width    int
}

func newRays(s Scene, l Layer) *rays {
	x0, y0, w, h := s.pixels(l.Box)
	cx, cy, reach := (x0+w/2)/2, (y0+h/2)/2, math.Hypot(w, h)/4
	r := &rays{width: s.Width / 2, angle: make([]uint16, s.Width/2*(s.Height/2)), strength: make([]uint8, s.Width/2*(s.Height/2))}
	c := colourOf(first(l.Colours, "#FFFFFF"))
	count := l.Points
	if count == 0 {
		count = 12
	}
	for y := range s.Height / 2 {
		for x := range r.width {
			dx, dy := float64(x)-cx, float64(y)-cy
			turn := math.Atan2(dy, dx)/(2*math.Pi) + 1
			r.angle[y*r.width+x] = uint16(int(turn*float64(count)*4096) % 4096)
			far := math.Hypot(dx, dy) / reach
			r.strength[y*r.width+x] = uint8(255 * l.strength() * float64(c.A) / 255 * max(0, 1-far) * min(1, 8*far))
		}
	}
	for i := range r.profile {
		at := math.Abs(float64(i)/2048 - 1) // 1 at the edges, 0 in the middle
		r.profile[i] = uint8(255 * smooth(min(1, max(0, (0.55-at)*10))))
	}
	red, green, blue := float64(c.R), float64(c.G), float64(c.B)
	r.y, r.u, r.v = uint64(luma(red, green, blue)), uint64(chromaBlue(red, green, blue)), uint64(chromaRed(red, green, blue))
	return r
}

// draw lays the rays over a frame, turned by so much of one ray and gap.
func (r *rays) draw(f Frame, turned float64) {
	shift := uint16(int((turned-math.Floor(turned))*4096) & 4095)
	// Four values at once, in lanes of 16 bits: those of Y, and U with V.
	light, colour := r.y*0x0001_0001_0001_0001, r.u|r.v<<16
	for y := range f.Height / 2 {
		top, low := f.Y[2*y*f.YStride:][:2*r.width], f.Y[(2*y+1)*f.YStride:][:2*r.width]
		us, vs := f.U[y*f.CStride:][:r.width], f.V[y*f.CStride:][:r.width]
		angles, strengths := r.angle[y*r.width:][:r.width], r.strength[y*r.width:][:r.width]
		for x, strength := range strengths {
			if strength == 0 {
				continue
			}
			a := uint64(r.profile[(angles[x]+shift)&4095]) * uint64(strength) >> 8
			if a == 0 {
				continue
			}
			t, l := top[2*x:2*x+2:2*x+2], low[2*x:2*x+2:2*x+2]
			p := uint64(t[0]) | uint64(t[1])<<16 | uint64(l[0])<<32 | uint64(l[1])<<48
			p = (p*(256-a) + light*a + 0x0080_0080_0080_0080) >> 8
			t[0], t[1], l[0], l[1] = uint8(p), uint8(p>>16), uint8(p>>32), uint8(p>>48)
			c := uint64(us[x]) | uint64(vs[x])<<16
			c = (c*(256-a) + colour*a + 0x0080_0080) >> 8
			us[x], vs[x] = uint8(c), uint8(c>>16)
		}
	}
}

func first(all []string, otherwise string) string {
	if len(all) > 0 {
		return all[0]
	}
	return otherwise
}

// strength is a layer's alpha.
func (l Layer) strength() float64 {
	if l.Alpha == 0 {
		return 1
	}
	return l.Alpha
}

// Image is the frame as others draw it.
func (f Frame) Image() *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		for x := range f.Width {
			c := y/2*f.CStride + x/2
			l, u, v := 1.1644*(float64(f.Y[y*f.YStride+x])-16), float64(f.U[c])-128, float64(f.V[c])-128
			for i, value := range [4]float64{l + 1.7927*v, l - 0.2132*u - 0.5329*v, l + 2.1124*u, 255} {
				m.Pix[y*m.Stride+4*x+i] = uint8(min(255, max(0, value+0.5)))
			}
		}
	}
	return m
}
