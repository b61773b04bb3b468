package motion

import "image"

// sprite is an image as it is laid over frames: premultiplied, in YUV, with its empty pixels left out.
type sprite struct {
	w, h   int
	y, a   []uint8
	rows   [][]span
	source *image.RGBA
	colour [4]*chroma // by whether it lies on an odd column, and an odd row
}

// span are pixels of a row that are not empty.
type span struct {
	from, to int
	opaque   bool
}

// chroma is half as large either way.
type chroma struct {
	w, h    int
	u, v, a []uint8
	rows    [][]span
}

func newSprite(source *image.RGBA) *sprite {
	w, h := source.Bounds().Dx(), source.Bounds().Dy()
	s := &sprite{w: w, h: h, y: make([]uint8, w*h), a: make([]uint8, w*h), rows: make([][]span, h), source: source}
	for y := range h {
		row := source.Pix[y*source.Stride : y*source.Stride+4*w]
		ys, as := s.y[y*w:(y+1)*w], s.a[y*w:(y+1)*w]
		for x := range w {
			p := row[4*x : 4*x+4 : 4*x+4]
			if p[3] == 0 {
				continue
			}
			as[x] = p[3]
			ys[x] = uint8((46742*uint32(p[0]) + 157243*uint32(p[1]) + 15874*uint32(p[2]) + 16063*uint32(p[3]) + 128000) / 256000)
		}
		s.rows[y] = spans(as)
	}
	return s
}

func spans(a []uint8) []span {
	var found []span
	for x := 0; x < len(a); {
		for x < len(a) && a[x] == 0 {
			x++
		}
		if x == len(a) {
			break
		}
		opaque, from := a[x] == 255, x
		for x < len(a) && a[x] != 0 && (a[x] == 255) == opaque {
			x++
		}
		found = append(found, span{from, x, opaque})
	}
	return found
}

// chroma gives the colour planes for a place whose column and row are odd or not.
func (s *sprite) chroma(oddX, oddY int) *chroma {
	if c := s.colour[2*oddY+oddX]; c != nil {
		return c
	}
	c := &chroma{w: (s.w + oddX + 1) / 2, h: (s.h + oddY + 1) / 2}
	c.u, c.v, c.a, c.rows = make([]uint8, c.w*c.h), make([]uint8, c.w*c.h), make([]uint8, c.w*c.h), make([][]span, c.h)
	for y := range c.h {
		for x := range c.w {
			var r, g, b, a int32
			for _, py := range [2]int{2*y - oddY, 2*y + 1 - oddY} {
				for _, px := range [2]int{2*x - oddX, 2*x + 1 - oddX} {
					if px < 0 || py < 0 || px >= s.w || py >= s.h {
						continue
					}
					p := s.source.Pix[py*s.source.Stride+4*px:]
					r, g, b, a = r+int32(p[0]), g+int32(p[1]), b+int32(p[2]), a+int32(p[3])
				}
			}
			if a == 0 {
				continue
			}
			i := y*c.w + x
			c.a[i] = uint8((a + 2) / 4)
			c.u[i] = uint8(min(255, max(0, (128502*a-25765*r-86674*g+112439*b+512000)/1024000)))
			c.v[i] = uint8(min(255, max(0, (128502*a+112439*r-102129*g-10310*b+512000)/1024000)))
		}
		c.rows[y] = spans(c.a[y*c.w : (y+1)*c.w])
	}
	s.colour[2*oddY+oddX] = c
	return c
}

// clip is what of a frame may be drawn on.
type clip struct{ x0, y0, x1, y1 int }

func (f Frame) whole() clip { return clip{0, 0, f.Width, f.Height} }

// draw lays the sprite over a frame with its corner at (x, y), as strong as alpha (0 to 255).
func (s *sprite) draw(f Frame, x, y int, alpha uint32, c clip) {
	c = clip{max(0, c.x0), max(0, c.y0), min(f.Width, c.x1), min(f.Height, c.y1)}
	if alpha == 0 || c.x1 <= c.x0 || c.y1 <= c.y0 {
		return
	}
	for row := max(0, c.y0-y); row < min(s.h, c.y1-y); row++ {
		to := f.Y[(y+row)*f.YStride:]
		for _, sp := range s.rows[row] {
			from, end := max(sp.from, c.x0-x), min(sp.to, c.x1-x)
			if from < end {
				blend(to[x+from:x+end], s.y[row*s.w+from:row*s.w+end], s.a[row*s.w+from:row*s.w+end], alpha, sp.opaque)
			}
		}
	}
	oddX, oddY := x&1, y&1
	colour := s.chroma(oddX, oddY)
	cx, cy := (x-oddX)/2, (y-oddY)/2
	for row := max(0, (c.y0+1)/2-cy); row < min(colour.h, (c.y1+1)/2-cy); row++ {
		if cy+row >= f.Height/2 {
			break
		}
		us, vs := f.U[(cy+row)*f.CStride:], f.V[(cy+row)*f.CStride:]
		for _, sp := range colour.rows[row] {
			from, end := max(sp.from, (c.x0+1)/2-cx), min(sp.to, (c.x1+1)/2-cx, f.Width/2-cx)
			if from < end {
				i, j := row*colour.w+from, row*colour.w+end
				blend(us[cx+from:cx+end], colour.u[i:j], colour.a[i:j], alpha, sp.opaque)
				blend(vs[cx+from:cx+end], colour.v[i:j], colour.a[i:j], alpha, sp.opaque)
			}
		}
	}
}

// blend lays premultiplied values over others.
func blend(to, from, a []uint8, alpha uint32, opaque bool) {
	switch {
	case opaque && alpha == 255:
		copy(to, from)
	case alpha == 255:
		to, a = to[:len(from)], a[:len(from)]
		for i, v := range from {
			// t/255, rounded, for t up to 255².
			t := uint32(to[i])*(255-uint32(a[i])) + 128
			to[i] = v + uint8((t+t>>8)>>8)
		}
	default:
		to, a = to[:len(from)], a[:len(from)]
		for i, v := range from {
			t := uint32(to[i])*(65025-uint32(a[i])*alpha) + uint32(v)*255*alpha
			to[i] = uint8((t + 32512) / 65025)
		}
	}
}
