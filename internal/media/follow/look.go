package follow

import "math"

// Picture is the brightness of a picture, Stride bytes a row.
type Picture struct {
	Luma                  []byte
	Stride, Width, Height int
}

const (
	columns, rows = 64, 36 // of the small picture that is looked at
	cellsX        = 4      // of the picture, each with a histogram of its own
	cellsY        = 3
	bins          = 16
)

// small is a picture made small, and its histograms.
type small struct {
	pixels [rows][columns]uint8
	cells  [cellsX * cellsY][bins]float64 // shares
}

// shrink averages a few samples for each small pixel.
func shrink(p Picture) *small {
	s := &small{}
	for y := range rows {
		for x := range columns {
			sum := 0
			for i := range 4 { // on a diagonal: thin lines and the interlace of screens even out
				px := (4*(x*4+i) + 2) * p.Width / (16 * columns)
				py := (4*(y*4+i) + 2) * p.Height / (16 * rows)
				sum += int(p.Luma[py*p.Stride+px])
			}
			v := uint8(sum / 4) //nolint:gosec // of four bytes
			s.pixels[y][x] = v
			s.cells[y*cellsY/rows*cellsX+x*cellsX/columns][v/(256/bins)] += cellsX * cellsY / float64(rows*columns)
		}
	}
	return s
}

// differs is how much two pictures' histograms differ, cell by cell: 0 the same, 1 nothing in common.
func differs(a, b *small) float64 {
	sum := 0.0
	for c := range a.cells {
		for i := range bins {
			sum += math.Abs(a.cells[c][i] - b.cells[c][i])
		}
	}
	return sum / (2 * cellsX * cellsY)
}

const (
	cutDiffers = 0.40 // of a hard cut: more than half of what a wholly other picture has
	cutStands  = 3.0  // times what went before: fast movement and flicker differ from picture to picture, a cut once
)

// eye sees cuts and movement from one picture to the next.
type eye struct {
	last  *small
	usual float64          // running mean of differs
	moved [columns]float64 // by column: what moved lately
}

// see gives whether a scene begins with p.
func (e *eye) see(p Picture, fade float64) (cut bool) {
	now := shrink(p)
	if e.last == nil {
		e.last = now
		return true
	}
	d := differs(e.last, now)
	cut = d > cutDiffers && d > cutStands*e.usual
	if cut {
		e.usual, e.moved = 0, [columns]float64{}
	} else {
		e.usual += (d - e.usual) / 8
		e.movement(now, fade)
	}
	e.last = now
	return cut
}

// noise is a change of brightness that is no movement.
const noise = 12

func (e *eye) movement(now *small, fade float64) {
	for x := range columns {
		e.moved[x] *= fade
		for y := range rows {
			if d := math.Abs(float64(now.pixels[y][x]) - float64(e.last.pixels[y][x])); d > noise {
				e.moved[x] += min(d, 64) / 64
			}
		}
	}
}

// centre is where movement was, as a share of the width; false: there was little, or it was everywhere.
func (e *eye) centre(crop float64) (at float64, ok bool) {
	top, sum, first, second := 0.0, 0.0, 0.0, 0.0
	for _, m := range e.moved {
		top = max(top, m)
	}
	for x, m := range e.moved {
		m = max(0, m-top/4) // a speaker moves more than what hangs behind
		at := (float64(x) + 0.5) / columns
		sum, first, second = sum+m, first+m*at, second+m*at*at
	}
	if top < 1.5 { // not even two small pixels high
		return 0, false
	}
	at = first / sum
	spread := math.Sqrt(max(0, second/sum-at*at))
	return at, spread < crop*0.6
}
