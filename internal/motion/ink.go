package motion

import (
	"image"
	"math"
)

// ink is an image as it is laid over frames while it is scaled or turned, or light crosses it: premultiplied, in YUV, a pixel's
// alpha, V, U and Y in four lanes of 16 bits, so that one multiplication weighs all of them. An empty pixel surrounds it.
type ink struct {
	w, h, stride int
	pix          []uint64
	filled       [][2]int // of each row, from where to where it is not empty
}

const lanes = 0x00FF_00FF_00FF_00FF // what of each lane is a value

func newInk(m *image.RGBA) *ink {
	k := &ink{w: m.Bounds().Dx(), h: m.Bounds().Dy()}
	k.stride = k.w + 2
	k.pix, k.filled = make([]uint64, k.stride*(k.h+2)), make([][2]int, k.h+2)
	for y := range k.h {
		from, to := m.Pix[y*m.Stride:y*m.Stride+4*k.w], k.pix[(y+1)*k.stride+1:]
		filled := &k.filled[y+1]
		for x := range k.w {
			p := from[4*x : 4*x+4 : 4*x+4]
			if p[3] == 0 {
				continue
			}
			if filled[1] == 0 {
				filled[0] = x + 1
			}
			filled[1] = x + 2
			r, g, b, a := int32(p[0]), int32(p[1]), int32(p[2]), int32(p[3])
			luma := (46742*r + 157243*g + 15874*b + 16063*a + 128000) / 256000
			u := max(0, (128502*a-25765*r-86674*g+112439*b+128000)/256000)
			v := max(0, (128502*a+112439*r-102129*g-10310*b+128000)/256000)
			to[x] = uint64(luma) | uint64(u)<<16 | uint64(v)<<32 | uint64(a)<<48
		}
	}
	return k
}

// placement is how an ink lies on a frame: where its middle is, its scale, turn and opacity, and the light that crosses it.
type placement struct {
	cx, cy, scale, degrees float64
	alpha                  uint32  // 0 to 255
	shine                  float64 // 0 to 1 on its way; less than 0: none
}

// draw lays the ink over what of a frame may be drawn on.
func (k *ink) draw(f Frame, s placement, c clip) {
	w, h := float64(k.w), float64(k.h)
	sin, cos := math.Sincos(s.degrees * math.Pi / 180)
	ow, oh := (math.Abs(w*cos)+math.Abs(h*sin))*s.scale/2+1, (math.Abs(w*sin)+math.Abs(h*cos))*s.scale/2+1
	x0, x1 := max(0, c.x0, int(math.Floor(s.cx-ow))), min(f.Width, c.x1, int(math.Ceil(s.cx+ow)))
	y0, y1 := max(0, c.y0, int(math.Floor(s.cy-oh))), min(f.Height, c.y1, int(math.Ceil(s.cy+oh)))
	if x0 >= x1 || y0 >= y1 || s.alpha == 0 {
		return
	}
	even := x0 &^ 1 // colour is half as wide: rows begin and end on a pair
	n := (x1+1)&^1 - even
	rows := [2][]uint64{make([]uint64, n), make([]uint64, n)}
	ux, uy := cos/s.scale, sin/s.scale
	du, dv := int64(ux*65536), int64(-uy*65536)
	var light *beam
	if s.shine >= 0 {
		light = newBeam(w, h, s.shine)
	}
	for y := y0 &^ 1; y < y1; y += 2 {
		empty := true
		for i, row := range rows {
			clear(row)
			if y+i < y0 || y+i >= y1 {
				continue
			}
			// From a pixel of the frame back to the image, in 65536ths of a pixel; the empty ones around it are why 0.5 is added.
			dx, dy := float64(x0)+0.5-s.cx, float64(y+i)+0.5-s.cy
			u, v := int64((dx*ux+dy*uy+w/2+0.5)*65536), int64((-dx*uy+dy*ux+h/2+0.5)*65536)
			part := row[x0-even : x1-even]
			from, to := k.sample(part, u, v, du, dv)
			if from >= to {
				continue
			}
			empty = false
			if light != nil {
				light.cross(part[from:to], u+int64(from)*du, v+int64(from)*dv, du, dv)
			}
			if s.alpha < 255 {
				fade(part[from:to], uint64(s.alpha)+uint64(s.alpha)>>7)
			}
			layLuma(f.Y[(y+i)*f.YStride+x0+from:], part[from:to])
		}
		if !empty {
			at := y/2*f.CStride + even/2
			layChroma(f.U[at:], f.V[at:], rows[0], rows[1])
		}
	}
}

// sample fills a row with the image's pixels along a line, each mixed of its four neighbours, and says between which it did.
func (k *ink) sample(row []uint64, u, v, du, dv int64) (from, to int) {
	from, to = crossing(u, du, int64(k.w+1)<<16, 0, len(row))
	from, to = crossing(v, dv, int64(k.h+1)<<16, from, to)
	if dv == 0 && from < to { // along two rows
		a, b := k.filled[v>>16], k.filled[v>>16+1]
		if a[1] == 0 {
			a = b
		} else if b[1] == 0 {
			b = a
		}
		left := min(a[0], b[0]) - 1
		from, to = crossing(u-int64(left)<<16, du, int64(max(a[1], b[1])-left)<<16, from, to)
	}
	u, v = u+int64(from)*du, v+int64(from)*dv
	for x := from; x < to; x, u, v = x+1, u+du, v+dv {
		i := int(v>>16)*k.stride + int(u>>16)
		top, low := k.pix[i:i+2:i+2], k.pix[i+k.stride:i+k.stride+2:i+k.stride+2]
		if top[0]|top[1]|low[0]|low[1] == 0 {
			continue
		}
		fx, fy := uint64(u>>8&0xFF), uint64(v>>8&0xFF)
		above := (top[0]*(256-fx) + top[1]*fx) >> 8 & lanes
		below := (low[0]*(256-fx) + low[1]*fx) >> 8 & lanes
		row[x] = (above*(256-fy) + below*fy) >> 8 & lanes
	}
	return from, to
}

// crossing narrows from and to to where at+i*step is at least 0 and less than end.
func crossing(at, step, end int64, from, to int) (int, int) {
	inside := func(i int) bool { p := at + int64(i)*step; return p >= 0 && p < end }
	if step != 0 {
		a, b := float64(-at)/float64(step), float64(end-at)/float64(step)
		if a > b {
			a, b = b, a
		}
		from, to = max(from, int(max(a, float64(from)))-1), min(to, int(min(b, float64(to)))+2)
	}
	for from < to && !inside(from) {
		from++
	}
	for from < to && !inside(to-1) {
		to--
	}
	return from, to
}

// fade multiplies pixels by by/256.
func fade(row []uint64, by uint64) {
	for x, p := range row {
		row[x] = p * by >> 8 & lanes
	}
}

func layLuma(to []uint8, row []uint64) {
	to = to[:len(row)]
	for x, p := range row {
		switch a := uint32(p >> 48); a {
		case 0:
		case 255:
			to[x] = uint8(p)
		default:
			// t/255, rounded, for t up to 255².
			t := uint32(to[x])*(255-a) + 128
			to[x] = uint8(p) + uint8((t+t>>8)>>8)
		}
	}
}

// layChroma lays the means of two by two pixels.
func layChroma(us, vs []uint8, upper, lower []uint64) {
	n := len(upper) / 2
	us, vs, lower = us[:n], vs[:n], lower[:len(upper)]
	for x := range n {
		p := (upper[2*x] + upper[2*x+1] + lower[2*x] + lower[2*x+1] + 0x0002_0002_0002_0002) >> 2 & lanes
		switch a := uint32(p >> 48); a {
		case 0:
		case 255:
			us[x], vs[x] = uint8(p>>16), uint8(p>>32)
		default:
			u, v := uint32(us[x])*(255-a)+128, uint32(vs[x])*(255-a)+128
			us[x], vs[x] = uint8(p>>16)+uint8((u+u>>8)>>8), uint8(p>>32)+uint8((v+v>>8)>>8)
		}
	}
}

// beam is a slanted band of light on its way over an image.
type beam struct {
	lean, middle float64 // of the image's y, and where the band is at y 0, in 65536ths of a pixel
	wide         int64
	strength     []uint32 // by the distance from its middle in 256ths of half its width
}

func newBeam(w, h, by float64) *beam {
	lean, wide := h*0.5, max(24, 0.45*h)
	b := &beam{lean: lean / h, middle: (-wide + (w+2*wide+lean)*smooth(by)) * 65536, wide: int64(wide * 65536), strength: make([]uint32, 257)}
	for i := range b.strength {
		b.strength[i] = uint32(0.62 * 255 * smooth(1-float64(i)/256))
	}
	return b
}

// cross lights the pixels of a row that lies along a line through the image.
func (b *beam) cross(row []uint64, u, v, du, dv int64) {
	at := int64(float64(u-65536)+float64(v-65536)*b.lean-b.middle) + b.wide
	step := du + int64(float64(dv)*b.lean)
	from, to := crossing(at, step, 2*b.wide, 0, len(row))
	for x := from; x < to; x++ {
		p := row[x]
		a := uint32(p >> 48)
		if a == 0 {
			continue
		}
		far := at + int64(x)*step - b.wide
		add := b.strength[max(far, -far)<<8/b.wide]
		lit := func(c, white uint32) uint64 { return uint64((c*(255-add) + white*a/255*add + 127) / 255) }
		row[x] = lit(uint32(p&0xFF), 235) | lit(uint32(p>>16&0xFF), 128)<<16 | lit(uint32(p>>32&0xFF), 128)<<32 | uint64(a)<<48
	}
}
