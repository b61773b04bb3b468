package finish

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/asticode/go-astiav"
)

// coverEvery is how often a picture is considered as the cover.
const coverEvery = 500 * time.Millisecond

// coverCandidates are kept for a look at their faces.
const coverCandidates = 4

// cover keeps the best pictures of a clip: neither dark nor washed out, sharp, and not in the middle of a change.
type cover struct {
	best   []candidate // best first
	next   int64       // picture to be looked at
	before []byte      // sample of the picture before it
	faces  *faceFinder // nil: nobody looks for them
}

type candidate struct {
	picture *astiav.Frame
	score   float64
}

// consider looks at picture n, which stays the caller's.
func (c *cover) consider(n int64, f *astiav.Frame, s shape) {
	if n < c.next-1 {
		return
	}
	sample := lumaSample(f)
	if n < c.next {
		c.before = sample
		return
	}
	c.next = n + s.frames(coverEvery)
	score := pictureScore(f) / 2 // the first: nothing tells whether it changes
	if c.before != nil {
		score = pictureScore(f) / (1 + change(c.before, sample)/4)
	}
	at := slices.IndexFunc(c.best, func(b candidate) bool { return score > b.score })
	if at < 0 {
		at = len(c.best)
	}
	if at == coverCandidates {
		return
	}
	c.best = slices.Insert(c.best, at, candidate{f.Clone(), score})
	if len(c.best) > coverCandidates {
		c.best[coverCandidates].picture.Free()
		c.best = c.best[:coverCandidates]
	}
}

// choose is the best of the candidates, a face in it counting up to as much as all else.
func (c *cover) choose() (chosen *astiav.Frame) {
	most := 0.0
	for _, b := range c.best {
		if score := b.score * (1 + min(1, 4*c.face(b.picture))); chosen == nil || score > most {
			chosen, most = b.picture, score
		}
	}
	return chosen
}

// face is how much of a picture's height its largest face takes; 0: none was found.
func (c *cover) face(f *astiav.Frame) (height float64) {
	if c.faces == nil {
		return 0
	}
	found, err := c.faces.find(f)
	if err != nil {
		return 0
	}
	for _, face := range found {
		height = max(height, face.Height)
	}
	return height
}

// lumaSample is the brightness of a grid of points.
func lumaSample(f *astiav.Frame) []byte {
	pixels, stride := luma(f)
	if pixels == nil {
		return nil
	}
	const step = 16
	var sample []byte
	for y := step / 2; y < f.Height(); y += step {
		for x := step / 2; x < f.Width(); x += step {
			sample = append(sample, pixels[y*stride+x])
		}
	}
	return sample
}

// change is the mean difference of two samples: great in a fade, a fast pan or a cut.
func change(a, b []byte) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return 0
	}
	sum := 0
	for i := range a {
		d := int(a[i]) - int(b[i])
		sum += max(d, -d)
	}
	return float64(sum) / float64(len(a))
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

// jpegColours are the filters that bring pictures of a shape to what a JPEG holds.
func jpegColours(s shape) string {
	return fmt.Sprintf("scale=in_color_matrix=%s:out_color_matrix=smpte170m:out_range=pc,format=yuvj420p", s.matrix)
}

// writeStill encodes a picture, with texts drawn over it, as a JPEG of a size.
func writeStill(path string, f *astiav.Frame, width, height int, filters []string, s shape) error {
	return writePicture(path, f, s.picture(), width, height, append(filters, jpegColours(s)))
}

// writePicture encodes a picture of any shape, filtered, as a JPEG of a size.
func writePicture(path string, f *astiav.Frame, from picture, width, height int, filters []string) error {
	steps := append([]string{fmt.Sprintf("scale=%d:%d", width, height)}, filters...)
	g, err := newPictureGraph(from, "[in]"+strings.Join(steps, ",")+"[out]")
	if err != nil {
		return err
	}
	defer g.Close()
	if err := g.push(f); err != nil {
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
	for _, b := range c.best {
		b.picture.Free()
	}
}
