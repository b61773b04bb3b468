package typeset

import (
	"encoding/binary"
	"fmt"
	"image"
	"os"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// Pen draws a face's characters. Not safe for concurrent use.
type Pen struct {
	*Face
	font   *sfnt.Font
	buffer sfnt.Buffer
}

// maxFont is the greatest font file that is read for its outlines.
const maxFont = 128 << 20

// Pen reads the font's outlines.
func (t *Face) Pen() (*Pen, error) {
	if info, err := os.Stat(t.path); err != nil {
		return nil, err
	} else if info.Size() > maxFont {
		return nil, fmt.Errorf("open font %s: %d bytes, more than %d", t.path, info.Size(), maxFont)
	}
	data, err := os.ReadFile(t.path)
	if err != nil {
		return nil, err
	}
	aligned, err := align(data)
	if err != nil {
		return nil, fmt.Errorf("open font %s: %w", t.path, err)
	}
	font, err := sfnt.Parse(aligned)
	if err != nil {
		return nil, fmt.Errorf("open font %s: %w", t.path, err)
	}
	return &Pen{Face: t, font: font}, nil
}

// Fork is another pen of the same font, for another goroutine.
func (p *Pen) Fork() *Pen { return &Pen{Face: p.Face, font: p.font} }

// align gives the file's first font with every table at a multiple of four: sfnt refuses others, and the WenQuanYi fonts
// have them.
func align(data []byte) ([]byte, error) {
	at := uint64(0)
	if len(data) >= 16 && string(data[:4]) == "ttcf" {
		at = uint64(binary.BigEndian.Uint32(data[12:]))
	}
	if at+12 > uint64(len(data)) {
		return nil, errFont
	}
	tables := uint64(binary.BigEndian.Uint16(data[at+4:]))
	if at+12+16*tables > uint64(len(data)) {
		return nil, errFont
	}
	out := make([]byte, 0, len(data)+int(4*tables))
	out = append(out, data[at:at+12+16*tables]...)
	for i := range tables {
		entry := 12 + 16*i
		from, length := uint64(binary.BigEndian.Uint32(out[entry+8:])), uint64(binary.BigEndian.Uint32(out[entry+12:]))
		if from+length > uint64(len(data)) || uint64(len(out))+length > maxFont {
			return nil, errFont
		}
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
		binary.BigEndian.PutUint32(out[entry+8:], uint32(len(out)))
		out = append(out, data[from:from+length]...)
	}
	return out, nil
}

// Advance is how wide a character is at a size, in pixels.
func (p *Pen) Advance(r rune, size float64) float64 { return p.metrics.advance(r) * size }

// Line draws text with its baseline at y and its left end at x of a mask; slant moves a pixel to the right for every pixel up,
// and spacing is added after every character, in ems. What the font does not have is left out.
func (p *Pen) Line(mask *image.Alpha, text string, x, y, size, slant, spacing float64) {
	bounds := mask.Bounds()
	raster := vector.NewRasterizer(bounds.Dx(), bounds.Dy())
	for _, r := range text {
		p.outline(raster, r, x, y, size, slant)
		x += p.metrics.advance(r)*size + spacing*size
	}
	raster.Draw(mask, bounds, image.Opaque, image.Point{})
}

func (p *Pen) outline(raster *vector.Rasterizer, r rune, x, y, size, slant float64) {
	glyph, err := p.font.GlyphIndex(&p.buffer, r)
	if err != nil || glyph == 0 {
		return
	}
	// Loaded at a large size, so that rounding to a 64th of a pixel does not show.
	const loaded = 1024
	segments, err := p.font.LoadGlyph(&p.buffer, glyph, fixed.I(loaded), nil)
	if err != nil {
		return
	}
	at := func(a fixed.Point26_6) (float32, float32) {
		px, py := float64(a.X)/64*size/loaded, float64(a.Y)/64*size/loaded
		return float32(x + px - slant*py), float32(y + py)
	}
	for i, s := range segments {
		ax, ay := at(s.Args[0])
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			if i > 0 {
				raster.ClosePath()
			}
			raster.MoveTo(ax, ay)
		case sfnt.SegmentOpLineTo:
			raster.LineTo(ax, ay)
		case sfnt.SegmentOpQuadTo:
			bx, by := at(s.Args[1])
			raster.QuadTo(ax, ay, bx, by)
		case sfnt.SegmentOpCubeTo:
			bx, by := at(s.Args[1])
			cx, cy := at(s.Args[2])
			raster.CubeTo(ax, ay, bx, by, cx, cy)
		}
	}
	raster.ClosePath()
}
