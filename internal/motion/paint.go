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
		blurRows(b, from, r)
		blurColumns(a, b, r)
		from = a
	}
	return a
}

// reciprocal is that of a box's size, times 2^24 and rounded up: exact for the small sums it is multiplied with.
func reciprocal(r int) uint64 { return 1<<24/uint64(2*r+1) + 1 }

// blurRows gives the mean of every pixel and r on either side of it.
func blurRows(dst, src *image.Alpha, r int) {
	w, by := src.Bounds().Dx(), reciprocal(r)
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

// blurColumns gives the mean of every pixel and r above and below it.
func blurColumns(dst, src *image.Alpha, r int) {
	w, h, by := src.Bounds().Dx(), src.Bounds().Dy(), reciprocal(r)
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
