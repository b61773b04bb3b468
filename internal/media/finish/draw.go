package finish

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/asticode/go-astiav"
)

// brandColour fills the picture of a clip that has only sound.
const brandColour = "0x1F2A44"

func (f *finisher) layout(width, height int) layout {
	return layout{order: f.order, face: f.lettering.face, width: width, height: height}
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
	g, err := newPictureGraph(f.shape.picture(), "[in]"+strings.Join(filters, ",")+",format=yuv420p[out]")
	if err != nil {
		return nil, err
	}
	defer g.Close()
	if err := g.push(blank); err != nil {
		return nil, err
	}
	var background *astiav.Frame
	err = g.pull(func(drawn *astiav.Frame) error {
		background = drawn
		return nil
	})
	if err == nil && background == nil {
		err = errors.New("draw background: no picture")
	}
	return background, err
}

// writeStills leaves the cover, drawn as the largest rendition of the whole picture would be at its beginning, and the
// thumbnails.
func (f *finisher) writeStills() error {
	if picture := f.cover.choose(); picture != nil {
		width, height, watermark := 0, 0, false
		for _, r := range f.renditions {
			if r.operator == nil && r.width*r.height > width*height {
				width, height = r.width, r.height
			}
			watermark = watermark || r.profile.Watermark
		}
		if width == 0 {
			width, height = fitBox(f.shape.width, f.shape.height, 1280, 720)
		}
		filters, err := f.lettering.filters(f.layout(width, height).still(watermark))
		if err != nil {
			return err
		}
		f.finish.Cover = filepath.Join(f.order.Folder, "cover.jpg")
		if err := writeStill(f.finish.Cover, picture, width, height, filters, f.shape); err != nil {
			return err
		}
	}
	var err error
	f.finish.Sprite, f.finish.Thumbnails, err = f.thumbs.write(f.order.Folder, f.shape.at(f.frames))
	return err
}
