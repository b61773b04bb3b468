package finish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/asticode/go-astiav"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/domain"
	"liveclip/internal/workfolder"
	mediav1 "liveclip/proto/media/v1"
)

// shotQuality: a shot and its base are encoded again when the clip is finished, so speed goes before size.
var shotQuality = quality{preset: "ultrafast", crf: "16"}

const shotBitRate = 40_000_000

// Shot does a RenderOrder: it draws the texts over the base, which it makes from base_filter when it is not there, and
// leaves H.264 with silent AAC at out. Both files appear whole or not at all; two shots may make one base at once.
func Shot(ctx context.Context, order *mediav1.RenderOrder) error {
	astiav.SetLogLevel(astiav.LogLevelError)
	if err := checkRenderOrder(order); err != nil {
		return domain.Permanent(fmt.Errorf("render order: %w", err))
	}
	folder, err := os.MkdirTemp(filepath.Dir(order.Out), ".shot-")
	if err != nil {
		return fmt.Errorf("render shot: %w", err)
	}
	defer os.RemoveAll(folder)
	s := shape{width: int(order.Width), height: int(order.Height), rate: snapRate(order.FrameRate), matrix: "bt709"}
	if _, err := os.Stat(order.Base); errors.Is(err, fs.ErrNotExist) {
		if err := makeBase(ctx, order, s); err != nil {
			return err
		}
	}
	f := newFinisher(&mediav1.FinishOrder{
		Folder: folder, FontFile: order.FontFile,
		Parts:    []*mediav1.FinishPart{{File: order.Base, End: order.Length}},
		Profiles: []*mediav1.FinishProfile{{Name: "shot", Width: order.Width, Height: order.Height, VideoBitRate: shotBitRate}},
	}, nil)
	defer f.Close()
	ctx, f.cancel = context.WithCancel(ctx)
	defer f.cancel()
	f.shape, f.quality = s, shotQuality
	f.holdLast = true
	f.lines = func(*rendition) []line { return shotLines(f.lettering.face, order) }
	if err := f.prepare(ctx); err != nil {
		return fmt.Errorf("render shot: %w", err)
	}
	if err := f.run(ctx); err != nil {
		return fmt.Errorf("render shot: %w", err)
	}
	return os.Rename(f.renditions[0].path, order.Out)
}

func checkRenderOrder(order *mediav1.RenderOrder) error {
	var faults []error
	if order.Width < 16 || order.Height < 16 || order.Width > maxSide || order.Height > maxSide || order.Width%2+order.Height%2 != 0 {
		faults = append(faults, fmt.Errorf("picture of %dx%d", order.Width, order.Height))
	}
	if order.Length <= 0 || time.Duration(order.Length) > time.Minute {
		faults = append(faults, fmt.Errorf("length %s, not up to a minute", time.Duration(order.Length)))
	}
	if order.FrameRate < 1 || order.FrameRate > 60 {
		faults = append(faults, fmt.Errorf("frame rate %g, not 1 to 60", order.FrameRate))
	}
	if order.Base == "" || order.Out == "" {
		faults = append(faults, errors.New("base and out must name files"))
	}
	return errors.Join(faults...)
}

// makeBase encodes the base from its filter graph.
func makeBase(ctx context.Context, order *mediav1.RenderOrder, s shape) (err error) {
	work, err := workfolder.Make(filepath.Dir(order.Base), ".base-")
	if err != nil {
		return fmt.Errorf("make base: %w", err)
	}
	defer func() { _ = work.Remove() }()
	g, err := newSourceGraph(fmt.Sprintf("%s,fps=%d/%d,scale=%d:%d:out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p[out]",
		order.BaseFilter, s.rate.Num(), s.rate.Den(), s.width, s.height))
	if err != nil {
		return domain.Permanent(fmt.Errorf("make base: %w", err))
	}
	defer g.Close()
	sound, err := newSoundEncoder()
	if err != nil {
		return fmt.Errorf("make base: %w", err)
	}
	defer sound.Close()
	profile := &mediav1.FinishProfile{Name: "base", Width: order.Width, Height: order.Height, VideoBitRate: shotBitRate}
	r, err := newRendition(work.Path, profile, s, shotQuality, nil, sound, nil)
	if err != nil {
		return fmt.Errorf("make base: %w", err)
	}
	defer r.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.run(ctx) })
	group.Go(func() error {
		defer close(r.queue)
		sound.give = func(packet *astiav.Packet) error { return r.give(ctx, unit{sound: packet.Clone()}) }
		return fillBase(ctx, g, r, sound, max(1, s.frames(time.Duration(order.Length))))
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("make base: %w", err)
	}
	return os.Rename(r.path, order.Base)
}

// fillBase takes n pictures from the graph, or as many as it has, and as much silence.
func fillBase(ctx context.Context, g *graph, r *rendition, sound *soundEncoder, n int64) error {
	made := int64(0)
	for ; made < n; made++ {
		f := astiav.AllocFrame()
		if err := g.out.BuffersinkGetFrame(f, astiav.NewBuffersinkFlags()); err != nil {
			f.Free()
			if errors.Is(err, astiav.ErrEof) && made > 0 {
				break
			}
			return domain.Permanent(fmt.Errorf("base filter gives no picture: %w", err))
		}
		f.SetPts(made)
		if err := r.give(ctx, unit{picture: f}); err != nil {
			return err
		}
	}
	quiet := make([]float32, int(r.shape.at(made).Seconds()*sampleRate))
	if err := sound.add(quiet, quiet); err != nil {
		return err
	}
	return sound.end()
}

// snapRate is the common rate a number stands for: 29.97 is 30000/1001.
func snapRate(rate float64) astiav.Rational {
	for _, r := range frameRates {
		if math.Abs(rate*float64(r[1])/float64(r[0])-1) < 0.0005 {
			return astiav.NewRational(r[0], r[1])
		}
	}
	return astiav.NewRational(int(math.Round(rate*1000)), 1000)
}

// shotLines places an order's texts: each where its expressions say, small enough for its box.
func shotLines(face *typeface, order *mediav1.RenderOrder) []line {
	var lines []line
	for _, t := range order.Texts {
		width := int(t.BoxWidth)
		if width <= 0 {
			width = int(order.Width) * 90 / 100
		}
		l := line{x: or(t.X, "(w-tw)/2"), y: or(t.Y, "(h-th)/2"), colour: or(t.Colour, "white"), box: t.BoxColour}
		size := int(t.Size)
		if size <= 0 {
			size = int(order.Height) / 12
		}
		for _, s := range shotTexts(t, time.Duration(order.Length)) {
			texts, fitted := face.fit(s.text, size, width, 1)
			if len(texts) == 0 {
				continue
			}
			l.text, l.size, l.from, l.to = texts[0], fitted, s.from, s.to
			if l.box != "" {
				l.padding = max(2, fitted/4)
			} else {
				l.outline = max(1, fitted/16)
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// shotTexts are what a text says over time: one thing, or each second of a countdown.
func shotTexts(t *mediav1.RenderText, length time.Duration) []line {
	if t.CountdownFrom <= 0 {
		return []line{{text: t.Text}}
	}
	var texts []line
	for at := time.Duration(0); at < length; at += time.Second {
		left := max(0, t.CountdownFrom-int64(at/time.Second))
		clock := fmt.Sprintf("%02d:%02d", left/60, left%60)
		text := clock
		if strings.Contains(t.Text, "{countdown}") {
			text = strings.ReplaceAll(t.Text, "{countdown}", clock)
		}
		texts = append(texts, line{text: text, from: at, to: at + time.Second})
	}
	return texts
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
