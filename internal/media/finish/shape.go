package finish

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/asticode/go-astiav"
)

// sampleRate is the rate of everything finished; both channels are there even when the source has one or none.
const sampleRate = 48000

func samplesTime(n int) time.Duration {
	return time.Duration(n) * time.Second / sampleRate
}

// shape is the size, rate and colour every picture is brought to before it is finished.
type shape struct {
	width, height int
	rate          astiav.Rational
	matrix        string // "bt709" or "smpte170m"
}

// picture is what pictures of the shape are to a filter graph: their timestamps count them.
func (s shape) picture() picture {
	return picture{width: s.width, height: s.height, pixel: astiav.PixelFormatYuv420P, timeBase: astiav.NewRational(s.rate.Den(), s.rate.Num())}
}

// gop is how many pictures lie between two keyframes.
func (s shape) gop() int64 { return s.frames(keyframeSeconds * time.Second) }

// keyframe says whether picture n is one: each of a gop's first, and one soon after the film's beginning, since the first
// fragment has to be there before the first picture shows.
func (s shape) keyframe(n int64) bool { return n%s.gop() == 0 || n == s.frames(firstFragment) }

// tick is the length of one picture.
func (s shape) tick() time.Duration { return s.at(1) }

// at is the time of picture n.
func (s shape) at(n int64) time.Duration {
	return scaleTime(n, astiav.NewRational(s.rate.Den(), s.rate.Num()))
}

// frames is how many pictures a length holds.
func (s shape) frames(length time.Duration) int64 {
	return int64(math.Round(length.Seconds() * s.rate.Float64()))
}

// fitBox gives the size of a picture of w×h within a box, the box turned to the picture's orientation. The aspect is kept,
// sides are even, nothing is made larger than it is.
func fitBox(w, h, boxW, boxH int) (int, int) {
	if (w >= h) != (boxW >= boxH) {
		boxW, boxH = boxH, boxW
	}
	by := min(1, float64(boxW)/float64(w), float64(boxH)/float64(h))
	return even(float64(w) * by), even(float64(h) * by)
}

func even(side float64) int { return max(2, int(math.Round(side/2))*2) }

// rotation is by how many degrees a stream's pictures have to be turned clockwise to be shown.
func rotation(stream *astiav.Stream) int {
	m, err := astiav.NewDisplayMatrixFromBytes(stream.SideData(astiav.PacketSideDataTypeDisplaymatrix))
	if err != nil {
		return 0
	}
	degrees := m.Rotation()
	if math.IsNaN(degrees) {
		return 0
	}
	turn := int(math.Round(degrees/90)) * 90
	return ((turn % 360) + 360) % 360
}

// displaySize is the size of a stream's pictures as shown: turned, in square pixels.
func displaySize(stream *astiav.Stream, width, height int, aspect astiav.Rational) (int, int) {
	if aspect.Num() > 0 && aspect.Den() > 0 {
		width = min(4*maxSide, int(math.Round(float64(width)*aspect.Float64())))
	}
	if rotation(stream)%180 != 0 {
		width, height = height, width
	}
	return max(2, width), max(2, height)
}

// colourMatrix is how a stream's colours are coded. Where it does not say, players take it from the height.
func colourMatrix(stream *astiav.Stream) string {
	switch parameters := stream.CodecParameters(); parameters.ColorSpace() {
	case astiav.ColorSpaceBt709:
		return "bt709"
	case astiav.ColorSpaceSmpte170M, astiav.ColorSpaceBt470Bg:
		return "smpte170m"
	case astiav.ColorSpaceUnspecified:
		if min(parameters.Width(), parameters.Height()) < 720 {
			return "smpte170m"
		}
	}
	return "bt709"
}

// scaler brings the pictures of one stream to the shape.
type scaler struct {
	g    *graph // nil: they have it
	from picture
}

func newScaler(f *astiav.Frame, stream *astiav.Stream, aspect astiav.Rational, to shape) (*scaler, error) {
	s := &scaler{from: picture{width: f.Width(), height: f.Height(), pixel: f.PixelFormat(), timeBase: astiav.NewRational(1, 1000), aspect: aspect}}
	var steps []string
	switch rotation(stream) {
	case 90:
		steps = append(steps, "transpose=clock")
	case 180:
		steps = append(steps, "hflip,vflip")
	case 270:
		steps = append(steps, "transpose=cclock")
	}
	w, h := displaySize(stream, f.Width(), f.Height(), aspect)
	by := min(float64(to.width)/float64(w), float64(to.height)/float64(h))
	inW, inH := even(float64(w)*by), even(float64(h)*by)
	if to.width-inW <= 4 && to.height-inH <= 4 { // rounding, not another aspect
		inW, inH = to.width, to.height
	}
	steps = append(steps, fmt.Sprintf("scale=%d:%d:in_color_matrix=%s:out_color_matrix=%s:out_range=tv", inW, inH, colourMatrix(stream), to.matrix))
	if inW != to.width || inH != to.height {
		steps = append(steps, fmt.Sprintf("pad=%d:%d:(ow-iw)/2:(oh-ih)/2", to.width, to.height))
	}
	if len(steps) == 1 && f.Width() == to.width && f.Height() == to.height && f.PixelFormat() == astiav.PixelFormatYuv420P &&
		f.ColorRange() != astiav.ColorRangeJpeg && colourMatrix(stream) == to.matrix {
		return s, nil
	}
	var err error
	if s.g, err = newPictureGraph(s.from, "[in]"+strings.Join(append(steps, "setsar=1", "format=yuv420p"), ",")+"[out]"); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *scaler) fits(f *astiav.Frame) bool {
	return f.Width() == s.from.width && f.Height() == s.from.height && f.PixelFormat() == s.from.pixel
}

func (s *scaler) scale(f *astiav.Frame, take func(*astiav.Frame) error) error {
	if s.g == nil {
		return take(f.Clone())
	}
	if err := s.g.push(f); err != nil {
		return err
	}
	return s.g.pull(take)
}

func (s *scaler) Close() {
	if s.g != nil {
		s.g.Close()
	}
}

// mixer brings sound to stereo at sampleRate.
type mixer struct {
	g    *graph
	from sound
}

func soundOf(f *astiav.Frame) sound {
	layout := f.ChannelLayout()
	switch name := layout.String(); {
	case strings.HasSuffix(name, "channels") && layout.NbChannels() == 1: // only their number is known
		f.SetChannelLayout(astiav.ChannelLayoutMono)
	case strings.HasSuffix(name, "channels") && layout.NbChannels() == 2:
		f.SetChannelLayout(astiav.ChannelLayoutStereo)
	}
	return sound{rate: f.SampleRate(), format: f.SampleFormat(), layout: f.ChannelLayout().String()}
}

func newMixer(f *astiav.Frame) (*mixer, error) {
	m := &mixer{from: soundOf(f)}
	var err error
	if m.g, err = newSoundGraph(m.from, fmt.Sprintf("[in]aresample=%d,aformat=sample_fmts=fltp:channel_layouts=stereo[out]", sampleRate)); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *mixer) fits(f *astiav.Frame) bool { return soundOf(f) == m.from }

// mix resamples f, which begins at a time, and gives what is ready with its own time; nil gives what is left.
func (m *mixer) mix(f *astiav.Frame, at time.Duration, take func(at time.Duration, left, right []float32) error) error {
	if f != nil {
		f.SetPts(int64(math.Round(at.Seconds() * float64(m.from.rate))))
	}
	if err := m.g.push(f); err != nil {
		return err
	}
	return m.g.pull(func(out *astiav.Frame) error {
		defer out.Free()
		left, right := append([]float32(nil), samples(out, 0)...), append([]float32(nil), samples(out, 1)...)
		return take(scaleTime(out.Pts(), astiav.NewRational(1, sampleRate)), left, right)
	})
}

func (m *mixer) Close() { m.g.Close() }
