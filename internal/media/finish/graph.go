package finish

import (
	"errors"
	"fmt"
	"strings"

	"github.com/asticode/go-astiav"
)

// graph is a filter graph that takes frames of one kind and gives frames of one kind.
type graph struct {
	g   *astiav.FilterGraph
	in  *astiav.FilterContext // nil: it makes its frames itself
	out *astiav.FilterContext
}

// picture is the shape of the pictures that go into a graph.
type picture struct {
	width, height int
	pixel         astiav.PixelFormat
	timeBase      astiav.Rational
	aspect        astiav.Rational // of a pixel
}

// newPictureGraph builds a graph from pad [in] to pad [out] of the description.
func newPictureGraph(in picture, description string) (*graph, error) {
	if in.aspect.Num() <= 0 || in.aspect.Den() <= 0 {
		in.aspect = astiav.NewRational(1, 1)
	}
	return newGraph("buffer", astiav.FilterArgs{
		"video_size":   fmt.Sprintf("%dx%d", in.width, in.height),
		"pix_fmt":      fmt.Sprint(int(in.pixel)),
		"time_base":    fmt.Sprintf("%d/%d", in.timeBase.Num(), in.timeBase.Den()),
		"pixel_aspect": fmt.Sprintf("%d/%d", in.aspect.Num(), in.aspect.Den()),
	}, "buffersink", description)
}

// sound is the shape of the samples that go into a graph.
type sound struct {
	rate   int
	format astiav.SampleFormat
	layout string
}

// newSoundGraph builds a graph from pad [in] to pad [out]; times are in samples.
func newSoundGraph(in sound, description string) (*graph, error) {
	return newGraph("abuffer", astiav.FilterArgs{
		"sample_rate":    fmt.Sprint(in.rate),
		"sample_fmt":     in.format.Name(),
		"channel_layout": in.layout,
		"time_base":      fmt.Sprintf("1/%d", in.rate),
	}, "abuffersink", description)
}

func newGraph(source string, args astiav.FilterArgs, sink, description string) (_ *graph, err error) {
	g := &graph{g: astiav.AllocFilterGraph()}
	defer func() {
		if err != nil {
			g.Close()
			err = fmt.Errorf("build filter graph %.400q: %w", description, err)
		}
	}()
	var from *astiav.FilterInOut
	if source != "" {
		if g.in, err = g.g.NewFilterContext(astiav.FindFilterByName(source), "in", args); err != nil {
			return nil, err
		}
		from = astiav.AllocFilterInOut()
		defer from.Free()
		from.SetName("in")
		from.SetFilterContext(g.in)
	}
	if g.out, err = g.g.NewFilterContext(astiav.FindFilterByName(sink), "out", nil); err != nil {
		return nil, err
	}
	to := astiav.AllocFilterInOut()
	defer to.Free()
	to.SetName("out")
	to.SetFilterContext(g.out)
	if err := g.g.Parse(description, to, from); err != nil {
		return nil, err
	}
	if err := g.g.Configure(); err != nil {
		return nil, err
	}
	return g, nil
}

// push gives a frame, which stays the caller's; nil says that no more will come.
func (g *graph) push(f *astiav.Frame) error {
	return g.in.BuffersrcAddFrame(f, astiav.NewBuffersrcFlags(astiav.BuffersrcFlagKeepRef, astiav.BuffersrcFlagPush))
}

// pull takes every frame that is ready; the frames are the callee's.
func (g *graph) pull(take func(*astiav.Frame) error) error {
	for {
		f := astiav.AllocFrame()
		err := g.out.BuffersinkGetFrame(f, astiav.NewBuffersinkFlags())
		if err != nil {
			f.Free()
			if errors.Is(err, astiav.ErrEagain) || errors.Is(err, astiav.ErrEof) {
				return nil
			}
			return err
		}
		if err := take(f); err != nil {
			return err
		}
	}
}

func (g *graph) Close() { g.g.Free() }

// escapeOption makes s one option value inside a filter graph description: it is parsed twice, as an option list and as a
// graph.
func escapeOption(s string) string {
	once := strings.NewReplacer(`\`, `\\`, `'`, `\'`, `:`, `\:`).Replace(s)
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`, `[`, `\[`, `]`, `\]`, `,`, `\,`, `;`, `\;`).Replace(once)
}
