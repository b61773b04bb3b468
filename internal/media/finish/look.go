package finish

import (
	"context"
	"fmt"
	"time"

	"github.com/asticode/go-astiav"

	mediav1 "liveclip/proto/media/v1"
)

const (
	lookSide     = 480 // pixels of the longer side that pictures are measured at
	lookPictures = 120
	blackLuma    = 24  // 16 is black
	frozenLuma   = 0.3 // mean difference of two pictures that do not differ
)

// Look does a LookOrder: it decodes a file and measures its pictures and its sound.
func Look(ctx context.Context, order *mediav1.LookOrder) (*mediav1.Looked, error) {
	astiav.SetLogLevel(astiav.LogLevelError)
	p := newPart(0, &mediav1.FinishPart{File: order.GetFile(), End: int64(time.Hour)}, nil)
	defer p.Close()
	if err := p.open(ctx); err != nil {
		return nil, fmt.Errorf("look: %w", err)
	}
	s, err := p.peek(ctx)
	if err != nil {
		return nil, fmt.Errorf("look: %w", err)
	}
	if s.width == 0 {
		s = shape{width: 16, height: 16, rate: astiav.NewRational(25, 1), matrix: "bt709"}
	}
	s.width, s.height = fitBox(s.width, s.height, lookSide, lookSide)
	most := int(order.GetPictures())
	if most <= 0 {
		most = lookPictures
	}
	e := &pictureMeter{most: most}
	length, _, err := p.run(ctx, s, e.take)
	if err != nil {
		return nil, fmt.Errorf("look: %w", err)
	}
	return e.looked(length), nil
}

// pictureMeter measures brightness planes as they come, one picture after another: what freezes and flickers shows between one and
// the next.
type pictureMeter struct {
	most   int
	before []uint8
	width  int
	means  []float64
	frames int
	black  int
	frozen int
	pairs  int
	sharp  float64
	sound  [2][]float32
}

func (e *pictureMeter) take(m media) error {
	defer m.free()
	for c, samples := range m.samples {
		e.sound[c] = append(e.sound[c], samples...)
	}
	if m.picture == nil || e.frames >= e.most {
		return nil
	}
	pixels, stride := luma(m.picture)
	if pixels == nil {
		return nil
	}
	w, h := m.picture.Width(), m.picture.Height()
	plane := make([]uint8, 0, w*h)
	for y := range h {
		plane = append(plane, pixels[y*stride:y*stride+w]...)
	}
	e.examine(plane, w)
	return nil
}

// examine measures one picture of rows of w pixels.
func (e *pictureMeter) examine(plane []uint8, w int) {
	sum, dark := 0, 0
	for _, v := range plane {
		sum += int(v)
		if v < blackLuma+8 {
			dark++
		}
	}
	mean := float64(sum) / float64(len(plane))
	if mean < blackLuma && dark*100 >= len(plane)*98 {
		e.black++
	}
	if e.width == w && len(e.before) == len(plane) {
		difference := 0
		for i, v := range plane {
			difference += max(int(v)-int(e.before[i]), int(e.before[i])-int(v))
		}
		e.pairs++
		if float64(difference)/float64(len(plane)) < frozenLuma {
			e.frozen++
		}
	}
	edges := 0
	for y := 1; y < len(plane)/w-1; y++ {
		for x := 1; x < w-1; x++ {
			i := y*w + x
			v := 4*int(plane[i]) - int(plane[i-1]) - int(plane[i+1]) - int(plane[i-w]) - int(plane[i+w])
			edges += max(v, -v)
		}
	}
	e.sharp += float64(edges) / float64(len(plane)) / 255
	e.means = append(e.means, mean)
	e.before, e.width = plane, w
	e.frames++
}

func (e *pictureMeter) looked(length time.Duration) *mediav1.Looked {
	l := &mediav1.Looked{Frames: int64(e.frames), Length: int64(length)}
	if e.frames > 0 {
		l.Black, l.Sharp = float64(e.black)/float64(e.frames), min(1, e.sharp/float64(e.frames))
	}
	if e.pairs > 0 {
		l.Frozen = float64(e.frozen) / float64(e.pairs)
	}
	back := 0.0
	for i := 2; i < len(e.means); i++ {
		up, down := e.means[i-1]-e.means[i-2], e.means[i]-e.means[i-1]
		if up*down < 0 {
			back += min(max(up, -up), max(down, -down))
		}
	}
	if n := len(e.means) - 2; n > 0 {
		l.Flicker = min(1, back/float64(n)/255)
	}
	if measured, ok := integratedLoudness(e.sound); ok && len(e.sound[0]) > 0 {
		l.Loudness = measured
	}
	return l
}
