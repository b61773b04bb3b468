package finish

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/asticode/go-astiav"
)

// coverEvery is how often a picture is considered as the cover.
const coverEvery = 500 * time.Millisecond

// cover keeps the best picture of a clip: neither dark nor washed out, and sharp.
type cover struct {
	best  *astiav.Frame
	score float64
	next  int64 // frame
}

// consider looks at picture n, which stays the caller's.
func (c *cover) consider(n int64, f *astiav.Frame, s shape) {
	if n < c.next {
		return
	}
	c.next = n + s.frames(coverEvery)
	if score := pictureScore(f); c.best == nil || score > c.score {
		if c.best != nil {
			c.best.Free()
		}
		c.best, c.score = f.Clone(), score
	}
}

// pictureScore is greater the more detail a picture has; near nothing for one that is all dark or all bright.
func pictureScore(f *astiav.Frame) float64 {
	pixels, stride := luma(f)
	if pixels == nil {
		return 0
	}
	const step = 4
	var n, sum, squares, edges float64
	for y := step; y < f.Height(); y += step {
		row, above := pixels[y*stride:], pixels[(y-1)*stride:]
		for x := step; x < f.Width(); x += step {
			v := float64(row[x])
			n, sum, squares = n+1, sum+v, squares+v*v
			edges += math.Abs(v-float64(row[x-1])) + math.Abs(v-float64(above[x]))
		}
	}
	if n == 0 {
		return 0
	}
	mean := sum / n
	deviation := math.Sqrt(max(0, squares/n-mean*mean))
	light := max(0.01, 1-math.Pow(math.Abs(mean-118)/110, 4))
	return (deviation + 2*min(edges/n, 40)) * light
}

// write encodes the best picture, with texts drawn over it, as a JPEG of a size.
func (c *cover) write(path string, width, height int, filters []string, s shape) error {
	if c.best == nil {
		return nil
	}
	from := picture{width: c.best.Width(), height: c.best.Height(), pixel: c.best.PixelFormat(), timeBase: astiav.NewRational(s.rate.Den(), s.rate.Num())}
	steps := append([]string{fmt.Sprintf("scale=%d:%d", width, height)}, filters...)
	steps = append(steps, fmt.Sprintf("scale=in_color_matrix=%s:out_color_matrix=smpte170m:out_range=pc", s.matrix), "format=yuvj420p")
	g, err := newPictureGraph(from, "[in]"+strings.Join(steps, ",")+"[out]")
	if err != nil {
		return err
	}
	defer g.Close()
	c.best.SetPts(0)
	if err := g.push(c.best); err != nil {
		return err
	}
	if err := g.push(nil); err != nil {
		return err
	}
	return g.pull(func(f *astiav.Frame) error {
		defer f.Free()
		return writeJPEG(path, f)
	})
}

func writeJPEG(path string, f *astiav.Frame) error {
	codec := astiav.FindEncoder(astiav.CodecIDMjpeg)
	if codec == nil {
		return fmt.Errorf("write %s: this FFmpeg has no JPEG encoder", path)
	}
	encoder := astiav.AllocCodecContext(codec)
	defer encoder.Free()
	encoder.SetWidth(f.Width())
	encoder.SetHeight(f.Height())
	encoder.SetPixelFormat(astiav.PixelFormatYuvj420P)
	encoder.SetTimeBase(astiav.NewRational(1, 25))
	encoder.SetThreadCount(1)
	err := withOptions(map[string]string{"qmin": "2", "qmax": "4", "color_range": "pc"}, func(d *astiav.Dictionary) error { return encoder.Open(codec, d) })
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f.SetPictureType(astiav.PictureTypeNone)
	packet := astiav.AllocPacket()
	defer packet.Free()
	if err := encoder.SendFrame(f); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := encoder.ReceivePacket(packet); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	part := path + ".part"
	if err := os.WriteFile(part, packet.Data(), 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}

func (c *cover) Close() {
	if c.best != nil {
		c.best.Free()
	}
}
