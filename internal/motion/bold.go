package motion

import (
	"image"
	"math"
)

// dilate gives the mask grown by so many pixels on every side, once for each of by: what is nearer to its edge is covered.
//
// Of each pixel the nearest is found that the mask touches, and how much of that it covers says where in it the edge lies:
// without that, edges that are nearly level would come out as stairs.
func dilate(mask *image.Alpha, by ...float64) []*image.Alpha {
	grown, most := make([]*image.Alpha, len(by)), 0.0
	for i, r := range by {
		grown[i], most = mask, max(most, r)
		if r > 0 {
			grown[i] = image.NewAlpha(mask.Bounds())
		}
	}
	if most <= 0 {
		return grown
	}
	w, h := mask.Bounds().Dx(), mask.Bounds().Dy()
	nearest, line, reach := nearestRows(mask), envelope{}, int(math.Ceil(most))+1
	for y := range h {
		rows, own := nearest[y*w:(y+1)*w], mask.Pix[y*mask.Stride:y*mask.Stride+w]
		from, to := line.span(rows, reach)
		for x := from; x < to; x++ {
			distance := 0.5 - float32(own[x])/255 // of the pixel's middle from the edge
			if own[x] == 0 {
				distance = float32(reach)
				// Two that are equally near may be covered very differently: the one straight below or above, and the next, are looked at, too.
				for _, column := range line.near(x) {
					dx, dy := x-column, int(rows[column])
					if far := dx*dx + dy*dy; far <= reach*reach {
						covered := mask.Pix[(y+dy)*mask.Stride+column]
						distance = min(distance, float32(math.Sqrt(float64(far)))+0.5-float32(covered)/255)
					}
				}
			}
			for i, r := range by {
				if within := float32(r+0.5) - distance; r > 0 && within > 0 {
					grown[i].Pix[y*grown[i].Stride+x] = uint8(min(1, within)*255 + 0.5)
				}
			}
		}
	}
	return grown
}

// noPixel is farther than any row, also after an image's height was subtracted.
const noPixel = 1 << 14

// nearestRows are for each pixel how many rows below it (above: less than 0) the nearest of its column lies that the mask touches.
func nearestRows(mask *image.Alpha) []int16 {
	w, h := mask.Bounds().Dx(), mask.Bounds().Dy()
	rows, above := make([]int16, w*h), make([]int16, w)
	for x := range above {
		above[x] = -noPixel
	}
	for y := range h {
		row := rows[y*w : (y+1)*w]
		for x, covered := range mask.Pix[y*mask.Stride : y*mask.Stride+w] {
			if covered == 0 {
				row[x] = max(-noPixel, above[x]-1)
			}
		}
		above = row
	}
	for y := h - 2; y >= 0; y-- {
		row := rows[y*w : (y+1)*w]
		for x, below := range rows[(y+1)*w : (y+2)*w] {
			if below++; max(below, -below) < -row[x] {
				row[x] = below
			}
		}
	}
	return rows
}

// envelope finds the nearest touched pixel of every column of one row (Meijster's second pass): parabolas over the columns,
// of which each is the lowest in a stretch.
type envelope struct {
	columns, begins []int // of each stretch
	k               int   // the one last asked for
}

// span prepares a row, whose columns' touched pixels lie so many rows off, and says between which columns anything lies within reach.
func (e *envelope) span(rows []int16, reach int) (from, to int) {
	e.columns, e.begins, e.k = e.columns[:0], e.begins[:0], 0
	height := func(of, at int) int { return (at-of)*(at-of) + int(rows[of])*int(rows[of]) }
	last := len(rows) - 1
	for q, off := range rows {
		if int(max(off, -off)) > reach || off == 0 && q > 0 && q < last && rows[q-1]|rows[q+1] == 0 { // within: nearest to itself only
			continue
		}
		n := len(e.columns)
		if n == 0 {
			from = max(0, q-reach)
		}
		to = min(len(rows), q+reach+1)
		for n > 0 && height(q, e.begins[n-1]) < height(e.columns[n-1], e.begins[n-1]) {
			n--
		}
		begins := 0
		if n > 0 {
			p := e.columns[n-1]
			begins = 1 + (height(q, 0)-height(p, 0))/(2*(q-p))
		}
		if e.columns, e.begins = e.columns[:n], e.begins[:n]; begins <= last {
			e.columns, e.begins = append(e.columns, q), append(e.begins, begins)
		}
	}
	return from, to
}

// near gives columns among which the one is whose touched pixel is the nearest to a column: itself, and those of the stretch it lies
// in and of the next. Columns are asked for from left to right.
func (e *envelope) near(x int) [3]int {
	for e.k+1 < len(e.begins) && e.begins[e.k+1] <= x {
		e.k++
	}
	return [3]int{x, e.columns[e.k], e.columns[min(e.k+1, len(e.columns)-1)]}
}
