package finish

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/asticode/go-astiav"
)

// brandColour fills the picture of a clip that has only sound.
const brandColour = "0x1F2A44"

func (f *finisher) layout(width, height int) layout {
	return layout{order: f.order, face: f.lettering.face, width: width, height: height}
}

func (f *finisher) input() picture {
	return picture{width: f.shape.width, height: f.shape.height, pixel: astiav.PixelFormatYuv420P,
		timeBase: astiav.NewRational(f.shape.rate.Den(), f.shape.rate.Num())}
}

// buildGraph makes the one graph from the timeline to every rendition.
func (f *finisher) buildGraph() (*graph, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "[in]split=%d", len(f.renditions))
	for i := range f.renditions {
		fmt.Fprintf(&b, "[s%d]", i)
	}
	for i, r := range f.renditions {
		filters, err := f.lettering.filters(f.lines(r))
		if err != nil {
			return nil, err
		}
		if r.width != f.shape.width || r.height != f.shape.height {
			filters = append([]string{fmt.Sprintf("scale=%d:%d", r.width, r.height)}, filters...)
		}
		fmt.Fprintf(&b, ";[s%d]%s[out%d]", i, strings.Join(append(filters, "format=yuv420p"), ","), i)
	}
	return newPictureGraph(f.input(), b.String(), len(f.renditions))
}

// drawBackground draws the picture that stands where there is none: the brand colour, and the title from the metadata when
// no title is drawn over every picture anyway.
func (f *finisher) drawBackground() (*astiav.Frame, error) {
	blank := astiav.AllocFrame()
	defer blank.Free()
	blank.SetWidth(f.shape.width)
	blank.SetHeight(f.shape.height)
	blank.SetPixelFormat(astiav.PixelFormatYuv420P)
	if err := blank.AllocBuffer(0); err != nil {
		return nil, err
	}
	if err := blank.ImageFillBlack(); err != nil {
		return nil, err
	}
	blank.SetPts(0)
	filters := []string{"drawbox=color=" + brandColour + ":t=fill"}
	if f.order.GetTitle().GetText() == "" {
		drawn, err := f.lettering.filters(f.layout(f.shape.width, f.shape.height).centred(f.order.Metadata["title"]))
		if err != nil {
			return nil, err
		}
		filters = append(filters, drawn...)
	}
	g, err := newPictureGraph(f.input(), "[in]"+strings.Join(filters, ",")+",format=yuv420p[out0]", 1)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	if err := g.push(blank); err != nil {
		return nil, err
	}
	var background *astiav.Frame
	err = g.pull(0, func(drawn *astiav.Frame) error {
		background = drawn
		return nil
	})
	if err == nil && background == nil {
		err = errors.New("draw background: no picture")
	}
	return background, err
}

// writeCover draws the cover as the largest rendition would be at its beginning.
func (f *finisher) writeCover() error {
	big, watermark := f.renditions[0], false
	for _, r := range f.renditions {
		if r.width*r.height > big.width*big.height {
			big = r
		}
		watermark = watermark || r.profile.Watermark
	}
	filters, err := f.lettering.filters(f.layout(big.width, big.height).still(watermark))
	if err != nil {
		return err
	}
	f.finish.Cover = filepath.Join(f.order.Folder, "cover.jpg")
	return f.cover.write(f.finish.Cover, big.width, big.height, filters, f.shape)
}
