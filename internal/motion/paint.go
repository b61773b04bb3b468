package motion

import (
	"image"
	"math"
)

// over lays colour, strengthened by mask, over an image of the same bounds.
func over(dst *image.RGBA, mask *image.Alpha, colours *ramp, x0, y0 int) {
	bounds := dst.Bounds()
	for y := range bounds.Dy() {
		row, covers := dst.Pix[y*dst.Stride:], mask.Pix[y*mask.Stride:]
		for x := range bounds.Dx() {
			m := uint32(covers[x])
			if m == 0 {
				continue
			}
			c := colours.at(x-x0, y-y0)
			p := row[4*x : 4*x+4 : 4*x+4]
			left := 255 - uint32(c.a)*m/255
			p[0] = uint8((uint32(c.r)*m + uint32(p[0])*left) / 255)
			p[1] = uint8((uint32(c.g)*m + uint32(p[1])*left) / 255)
			p[2] = uint8((uint32(c.b)*m + uint32(p[2])*left) / 255)
			p[3] = uint8((uint32(c.a)*m + uint32(p[3])*left) / 255)
		}
	}
}

// moved is the mask, moved by whole pixels within its bounds.
func moved(mask *image.Alpha, dx, dy int) *image.Alpha {
	out := image.NewAlpha(mask.Bounds())
	w, h := mask.Bounds().Dx(), mask.Bounds().Dy()
	for y := max(0, dy); y < min(h, h+dy); y++ {
		from, to := mask.Pix[(y-dy)*mask.Stride:], out.Pix[y*out.Stride:]
		for x := max(0, dx); x < min(w, w+dx); x++ {
			to[x] = from[x-dx]
		}
	}
	return out
}

// blurred is the mask, softened over a radius in pixels by three boxes.
func blurred(mask *image.Alpha, radius float64) *image.Alpha {
	r := int(math.Round(radius / 2))
	if r < 1 {
		return mask
	}
	a, b := image.NewAlpha(mask.Bounds()), image.NewAlpha(mask.Bounds())
	from := mask
	for range 3 {
		across(b, from, r)
		down(a, b, r)
		from = a
	}
	return a
}

// part is the reciprocal of a box's size, times 2^24 and a little more: what is divided is small enough for it to be exact.
func part(r int) uint64 { return 1<<24/uint64(2*r+1) + 1 }

// across gives the mean of every pixel and r on either side of it.
func across(dst, src *image.Alpha, r int) {
	w, by := src.Bounds().Dx(), part(r)
	for y := range src.Bounds().Dy() {
		from, to := src.Pix[y*src.Stride:y*src.Stride+w], dst.Pix[y*dst.Stride:y*dst.Stride+w]
		sum := uint64(0)
		for _, v := range from[:min(r, w)] {
			sum += uint64(v)
		}
		for i := range to {
			if i+r < w {
				sum += uint64(from[i+r])
			}
			if i-r-1 >= 0 {
				sum -= uint64(from[i-r-1])
			}
			to[i] = uint8(sum * by >> 24)
		}
	}
}

// down gives the mean of every pixel and r above and below it.
func down(dst, src *image.Alpha, r int) {
	w, h, by := src.Bounds().Dx(), src.Bounds().Dy(), part(r)
	row := func(m *image.Alpha, y int) []uint8 { return m.Pix[y*m.Stride : y*m.Stride+w] }
	sums := make([]uint64, w)
	for y := range min(r, h) {
		for x, v := range row(src, y) {
			sums[x] += uint64(v)
		}
	}
	for y := range h {
		if y+r < h {
			for x, v := range row(src, y+r) {
				sums[x] += uint64(v)
			}
		}
		if y-r-1 >= 0 {
			for x, v := range row(src, y-r-1) {
				sums[x] -= uint64(v)
			}
		}
		to := row(dst, y)
		for x, sum := range sums {
			to[x] = uint8(sum * by >> 24)
		}
	}
}

// thickened are the mask grown by so many pixels on every side, once for each: what is nearer to it than that is covered.
func thickened(mask *image.Alpha, by ...float64) []*image.Alpha {
	var distance []float32
	grown := make([]*image.Alpha, len(by))
	for i, r := range by {
		if r <= 0 {
			grown[i] = mask
			continue
		}
		if distance == nil {
			distance = distances(mask)
		}
		out := image.NewAlpha(mask.Bounds())
		reach := float32(r + 0.5)
		for j, d := range distance {
			if d < reach {
				out.Pix[j] = max(mask.Pix[j], uint8(min(1, reach-d)*255+0.5))
			}
		}
		grown[i] = out
	}
	return grown
}

// distances is how far each pixel is from the mask, in pixels (the exact Euclidean transform of Felzenszwalb and Huttenlocher,
// begun from the coverage of the edge's pixels).
func distances(mask *image.Alpha) []float32 {
	w, h := mask.Bounds().Dx(), mask.Bounds().Dy()
	const far = 1e10
	field := make([]float32, w*h)
	for y := range h {
		for x := range w {
			switch a := mask.Pix[y*mask.Stride+x]; a {
			case 0:
				field[y*w+x] = far
			case 255:
			default:
				d := max(0, 0.5-float32(a)/255)
				field[y*w+x] = d * d
			}
		}
	}
	n := max(w, h)
	f, z, v := make([]float32, n), make([]float32, n+1), make([]int, n)
	for x := range w {
		transform(field[x:], h, w, f, z, v)
	}
	for y := range h {
		transform(field[y*w:], w, 1, f, z, v)
	}
	for i, d := range field {
		field[i] = float32(math.Sqrt(float64(d)))
	}
	return field
}

// transform is the lower envelope of parabolas over n values, stride apart.
func transform(field []float32, n, stride int, f, z []float32, v []int) {
	const infinite = 1e20
	for i := range n {
		f[i] = field[i*stride]
	}
	k := 0
	v[0], z[0], z[1] = 0, -infinite, infinite
	for q := 1; q < n; q++ {
		if f[q] >= 1e10 { // never the lowest
			continue
		}
		var s float32
		for {
			p := v[k]
			s = (f[q] - f[p] + float32(q*q-p*p)) / float32(2*(q-p))
			if s > z[k] || k == 0 {
				break
			}
			k--
		}
		if s <= z[k] { // k is 0
			v[0], z[0] = q, -infinite
			z[1] = infinite
			continue
		}
		k++
		v[k], z[k], z[k+1] = q, s, infinite
	}
	k = 0
	for q := range n {
		for z[k+1] < float32(q) {
			k++
		}
		d := float32(q - v[k])
		field[q*stride] = d*d + f[v[k]]
	}
}
