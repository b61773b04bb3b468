package finish

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/asticode/go-astiav"
)

const (
	thumbWidth, thumbHeight = 160, 90 // pixels of the box that each is fitted into
	thumbEvery              = time.Second
	mostThumbs              = 100 // a longer clip has them further apart
	thumbColumns            = 10
)

// thumbnails gathers small pictures of a clip and writes them as one JPEG, and a WebVTT that says which of them belongs to which
// seconds.
type thumbnails struct {
	shape         shape
	width, height int
	every         time.Duration
	next          int64 // picture
	g             *graph
	at            []time.Duration
	pictures      [][]byte // yuv420p, rows without gaps
}

func newThumbnails(s shape, length time.Duration) *thumbnails {
	t := &thumbnails{shape: s, every: max(thumbEvery, (length / mostThumbs).Round(time.Second))}
	for length > mostThumbs*t.every {
		t.every += time.Second
	}
	t.width, t.height = fitBox(s.width, s.height, thumbWidth, thumbHeight)
	return t
}

// consider looks at picture n, which stays the caller's.
func (t *thumbnails) consider(n int64, f *astiav.Frame) error {
	if n < t.next || len(t.pictures) == mostThumbs {
		return nil
	}
	t.next = t.shape.frames(time.Duration(len(t.pictures)+1) * t.every)
	if t.g == nil {
		var err error
		if t.g, err = newPictureGraph(t.shape.picture(), fmt.Sprintf("[in]scale=%d:%d:flags=area,%s[out]", t.width, t.height, jpegColours(t.shape))); err != nil {
			return fmt.Errorf("make thumbnails: %w", err)
		}
	}
	if err := t.g.push(f); err != nil {
		return fmt.Errorf("make thumbnails: %w", err)
	}
	return t.g.pull(func(small *astiav.Frame) error {
		defer small.Free()
		var packed []byte
		eachPlane(small, func(rows []byte, stride, width, height int) {
			for y := range height {
				packed = append(packed, rows[y*stride:y*stride+width]...)
			}
		})
		t.at, t.pictures = append(t.at, t.shape.at(n)), append(t.pictures, packed)
		return nil
	})
}

// write leaves thumbs.jpg and thumbs.vtt of a clip of a length in a folder; "" when there is no picture.
func (t *thumbnails) write(folder string, length time.Duration) (sprite, vtt string, err error) {
	if len(t.pictures) == 0 {
		return "", "", nil
	}
	columns := min(thumbColumns, len(t.pictures))
	sheet := astiav.AllocFrame()
	defer sheet.Free()
	sheet.SetWidth(columns * t.width)
	sheet.SetHeight((len(t.pictures) + columns - 1) / columns * t.height)
	sheet.SetPixelFormat(astiav.PixelFormatYuvj420P)
	if err := sheet.AllocBuffer(0); err != nil {
		return "", "", fmt.Errorf("make thumbnails: %w", err)
	}
	if err := sheet.ImageFillBlack(); err != nil {
		return "", "", fmt.Errorf("make thumbnails: %w", err)
	}
	var text strings.Builder
	text.WriteString("WEBVTT\n")
	for i, packed := range t.pictures {
		x, y := i%columns*t.width, i/columns*t.height
		eachPlane(sheet, func(rows []byte, stride, width, _ int) {
			w, h := t.width, t.height
			x, y := x, y
			if width < sheet.Width() { // colours have half the size
				w, h, x, y = w/2, h/2, x/2, y/2
			}
			for row := range h {
				copy(rows[(y+row)*stride+x:], packed[:w])
				packed = packed[w:]
			}
		})
		until := length
		if i+1 < len(t.at) {
			until = t.at[i+1]
		}
		if until > t.at[i] {
			fmt.Fprintf(&text, "\n%s --> %s\nthumbs.jpg#xywh=%d,%d,%d,%d\n", cueTime(t.at[i]), cueTime(until), x, y, t.width, t.height)
		}
	}
	sprite, vtt = filepath.Join(folder, "thumbs.jpg"), filepath.Join(folder, "thumbs.vtt")
	if err := writeJPEG(sprite, sheet); err != nil {
		return "", "", err
	}
	return sprite, vtt, os.WriteFile(vtt, []byte(text.String()), 0o644)
}

func cueTime(t time.Duration) string {
	ms := t.Round(time.Millisecond).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}

func (t *thumbnails) Close() {
	if t != nil && t.g != nil {
		t.g.Close()
	}
}
