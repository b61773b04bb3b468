package finish

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/asticode/go-astiav"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	mediav1 "liveclip/proto/media/v1"
)

// Clip does a FinishOrder: it decodes the parts once, in order, lays them on one timeline of a constant picture rate and
// 48 kHz stereo, filters and encodes that into every profile, and leaves {profile}.mp4 and cover.jpg in the order's folder.
// A recording part is followed as its bytes come through feed; progress is told about twice a second of the clip.
//
// The picture's shape and rate are those of the first recording part (else of the first part); parts of another shape are
// fitted into it with bars. A rendition is fitted into its profile's box, the box turned to the picture's orientation, and
// is never larger than the source. What a source lacks is made up for: silence, the last picture, or a plain background.
func Clip(ctx context.Context, order *mediav1.FinishOrder, feed *Feed, progress func(done, total time.Duration)) (*mediav1.Finished, error) {
	if err := checkFinishOrder(order); err != nil {
		return nil, domain.Permanent(fmt.Errorf("finish order: %w", err))
	}
	astiav.SetLogLevel(astiav.LogLevelError)
	f := newFinisher(order, feed)
	defer f.Close()
	f.progress, f.stills = progress, true
	ctx, f.cancel = context.WithCancel(ctx)
	defer f.cancel()
	f.lines = func(r *rendition) []line { return f.layout(r.width, r.height).still(r.profile.Watermark) }
	if err := f.prepare(ctx); err != nil {
		return nil, err
	}
	if err := f.run(ctx); err != nil {
		removeUnfinished(f.renditions)
		return nil, err
	}
	return f.finished(), nil
}

// finisher is one order being done.
type finisher struct {
	order    *mediav1.FinishOrder
	quality  quality
	lines    func(*rendition) []line // what is drawn whatever is shown
	holdLast bool                    // a part that is too short stands on its last picture
	progress func(done, total time.Duration)
	total    time.Duration
	cancel   context.CancelFunc // of the context that parts are opened with

	parts      []*part
	shape      shape
	lettering  *subtitleText
	renditions []*rendition
	faces      []*faceFinder
	sound      *soundEncoder
	level      *leveller
	timeline   *timeline
	cover      cover
	joiner     joiner
	music      *music // nil: none
	stills     bool   // a cover and thumbnails are made
	thumbs     *thumbnails

	laying   int // the part that is being laid
	told     time.Duration
	frames   int64
	finish   mediav1.Finished
	windowed bool // finish.Start and End are set
}

func newFinisher(order *mediav1.FinishOrder, feed *Feed) *finisher {
	f := &finisher{order: order, quality: quality{preset: order.Preset, crf: "23", between: 2, threads: int(order.Threads)}, level: newLeveller()}
	if f.quality.preset == "" {
		f.quality.preset = "veryfast"
	}
	for i, p := range order.Parts {
		f.parts = append(f.parts, newPart(i, p, feed))
		f.total += time.Duration(p.End - p.Start)
	}
	return f
}

// metadata are the tags of every file.
func (f *finisher) metadata() map[string]string {
	tags := maps.Clone(f.order.Metadata)
	if f.order.Aigc != "" {
		if tags == nil {
			tags = map[string]string{}
		}
		tags["AIGC"] = f.order.Aigc
	}
	return tags
}

// prepare finds the shape, and opens everything that writes.
func (f *finisher) prepare(ctx context.Context) (err error) {
	if f.shape.width == 0 {
		if f.shape, err = f.findShape(ctx); err != nil {
			return err
		}
	}
	if f.lettering, err = newLettering(f.order.FontFile, f.order.Folder); err != nil {
		return err
	}
	if f.sound, err = newSoundEncoder(nil); err != nil {
		return err
	}
	for _, profile := range f.order.Profiles {
		r, err := newRendition(f.order.Folder, profile, f.shape, f.quality, f.metadata(), f.sound, f.lettering)
		if err != nil {
			return err
		}
		f.renditions = append(f.renditions, r)
		r.canvas.add(f.lines(r))
	}
	f.lookForFaces()
	background, err := f.drawBackground()
	if err != nil {
		return err
	}
	f.timeline = &timeline{shape: f.shape, background: background}
	f.joiner = joiner{kind: domain.Joint(f.order.Joint), length: f.shape.frames(jointTime)}
	if f.order.Music != "" {
		if f.music, err = newMusic(f.order.Music, f.total); err != nil {
			return err
		}
	}
	f.thumbs = newThumbnails(f.shape, f.total)
	return nil
}

// findShape opens the part that gives the clip its shape.
func (f *finisher) findShape(ctx context.Context) (shape, error) {
	best := f.parts[0]
	for _, p := range f.parts {
		if p.file == "" {
			best = p
			break
		}
	}
	for _, p := range append([]*part{best}, f.parts...) {
		if err := p.open(ctx); err != nil {
			return shape{}, err
		}
		s, err := p.peek(ctx)
		if err != nil {
			return shape{}, err
		}
		if s.width > 0 {
			s.width, s.height = f.largest(s.width, s.height)
			return s, nil
		}
	}
	s := shape{rate: astiav.NewRational(25, 1), matrix: "bt709"}
	s.width, s.height = f.largest(maxSide, maxSide*9/16)
	return s, nil
}

// largest is the size of the largest rendition of a picture.
func (f *finisher) largest(width, height int) (w, h int) {
	for _, p := range f.order.Profiles {
		pw, ph := fitBox(width, height, int(p.Width), int(p.Height))
		if followsFaces(width, height, p) { // the crop shall have all the lines there are for it
			by := min(1, float64(p.Height)/float64(height))
			pw, ph = even(float64(width)*by), even(float64(height)*by)
		}
		if pw*ph > w*h {
			w, h = pw, ph
		}
	}
	return w, h
}

// run decodes in one goroutine, lays out and encodes sound in another, and draws and encodes each rendition in its own.
func (f *finisher) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	// A failure lets a part go that waits for its input.
	defer context.AfterFunc(ctx, f.cancel)()
	decoded := make(chan media, 8) // full: the decoder waits, and with it the sender of the input
	group.Go(func() error {
		defer close(decoded)
		return f.decode(ctx, decoded)
	})
	for _, r := range f.renditions {
		group.Go(func() error { return r.run(ctx) })
	}
	group.Go(func() error { return f.layOut(ctx, decoded) })
	if err := group.Wait(); err != nil {
		for m := range decoded {
			m.free()
		}
		return err
	}
	return check(f.renditions, f.frames)
}

func (m media) free() {
	if m.picture != nil {
		m.picture.Free()
	}
}

func (f *finisher) decode(ctx context.Context, out chan<- media) error {
	give := func(m media) error {
		select {
		case out <- m:
			return nil
		case <-ctx.Done():
			m.free()
			return ctx.Err()
		}
	}
	for _, p := range f.parts {
		if err := give(media{part: p.index, begins: true, at: p.end - p.start}); err != nil {
			return err
		}
		length, clipped, err := p.run(ctx, f.shape, give)
		if err != nil {
			return err
		}
		if f.holdLast {
			length = p.end - p.start
		}
		if err := give(media{part: p.index, ends: true, at: length}); err != nil {
			return err
		}
		f.finish.Notes = append(f.finish.Notes, p.notes...)
		if clipped != "" && f.finish.ClippedTo == "" {
			f.finish.ClippedTo = clipped
		}
	}
	return nil
}

// lookForFaces gives the cover, and the renditions that follow somebody, what they find faces with. Without, these follow
// what moves.
func (f *finisher) lookForFaces() {
	if f.order.Faces == nil {
		return
	}
	if finder, err := newFaceFinder(f.order.Faces, f.shape); err == nil && f.stills {
		f.cover.faces = finder
		f.faces = append(f.faces, finder)
	}
	for _, r := range f.renditions {
		if r.operator == nil {
			continue
		}
		finder, err := newFaceFinder(f.order.Faces, f.shape)
		if err != nil {
			f.noteFaces(err)
			return
		}
		r.operator.faces = finder
		f.faces = append(f.faces, finder)
	}
}

func (f *finisher) noteFaces(err error) {
	f.finish.Notes = append(f.finish.Notes, note.NoFaces.Say(err))
}

func (f *finisher) finished() *mediav1.Finished {
	for _, r := range f.renditions {
		if r.operator != nil && r.operator.failed != nil {
			f.noteFaces(r.operator.failed)
		}
		f.finish.Files = append(f.finish.Files, &mediav1.FinishedFile{
			Profile: r.profile.Name, Path: r.path, Width: int64(r.width), Height: int64(r.height), Length: int64(r.shape.at(f.frames))})
	}
	return &f.finish
}

// Close gives everything back.
func (f *finisher) Close() {
	for _, p := range f.parts {
		p.Close()
	}
	for _, r := range f.renditions {
		r.Close()
	}
	for _, finder := range f.faces {
		finder.Close()
	}
	if f.sound != nil {
		f.sound.Close()
	}
	if f.timeline != nil {
		f.timeline.Close()
		f.timeline.background.Free()
	}
	f.joiner.Close()
	f.cover.Close()
	f.thumbs.Close()
	f.lettering.Close()
}
