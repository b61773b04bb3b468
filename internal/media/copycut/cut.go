package copycut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	"liveclip/internal/media/finish"
	"liveclip/internal/media/limit"
	mediav1 "liveclip/proto/media/v1"
)

// Result is a cut that was made.
type Result struct {
	Path, Cover   string
	Width, Height int
	Start, End    time.Duration // media time of its first picture, and when its last was over
	Copied        int           // pictures
	Encoded       int
	ClippedTo     string
	Notes         []string
}

// maxLength window that is cut.
const maxLength = time.Hour

// Cut does a CopyOrder: it leaves source.mp4 and cover.jpg in the order's folder. A recording is followed as its bytes come
// through feed; progress is told about twice a second of the clip.
func Cut(ctx context.Context, order *mediav1.CopyOrder, feed *finish.Feed, progress func(done, total time.Duration)) (Result, error) {
	part := order.Part
	if part == nil || part.Start < 0 || part.End <= part.Start || time.Duration(part.End-part.Start) > maxLength {
		return Result{}, domain.Permanent(fmt.Errorf("copy order: window from %s to %s", time.Duration(part.GetStart()), time.Duration(part.GetEnd())))
	}
	astiav.SetLogLevel(astiav.LogLevelFatal)
	c := &cutter{order: order, limits: limit.Of(ctx), feed: feed, progress: progress, start: time.Duration(part.Start), end: time.Duration(part.End)}
	defer c.Close()
	if err := c.run(ctx); err != nil {
		if c.out != nil {
			c.out.abandon()
		}
		return Result{}, err
	}
	return c.result, nil
}

// cutter is one order being done.
type cutter struct {
	order      *mediav1.CopyOrder
	limits     limit.Limits
	feed       *finish.Feed
	progress   func(done, total time.Duration)
	start, end time.Duration

	runs      *finish.Runs // of a recording
	in        *source
	track     track // the picture's, as the first run had it
	source    codecRecord
	lengths   int64 // of a picture of which the source doesn't say
	pictures  *pictureCopier
	sounds    *soundCopier
	fresh     bool  // a session begins
	decoded   int64 // when the last picture is, in ticks …
	scheduled bool  // … and whether there was one
	ends      *edgeEncoder
	unlike    error // why ends can't be encoded
	out       *output
	zero      int64         // ticks of media time at which the clip begins
	latest    time.Duration // how far the source has come
	told      time.Duration
	result    Result
}

func (c *cutter) run(ctx context.Context) error {
	if err := c.open(ctx); err != nil {
		return err
	}
	for {
		if err := c.readRun(ctx); err != nil {
			return err
		}
		if c.complete() {
			break
		}
		more, err := c.nextRun()
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return c.finish()
}

// open opens the file, or the recording's first run, and finds out what it is.
func (c *cutter) open(ctx context.Context) (err error) {
	if c.order.Part.File != "" {
		c.in, err = openFile(c.limits, c.order.Part.File, c.start)
	} else {
		c.runs = c.feed.Runs(ctx, c.order.Part.Source)
		var ok bool
		if ok, err = c.runs.Next(); err == nil && !ok {
			return c.nothing()
		}
		if err == nil {
			c.in, err = openRun(c.limits, c.runs)
		}
		if lost := c.runs.Lost(); err != nil && lost != nil {
			err = lost // and not what the lack of it led to: the same again may go well
		}
	}
	if err != nil {
		return err
	}
	c.track = *c.in.video
	own, _ := codecOf(c.track.stream.CodecParameters().CodecID())
	if c.source, err = parse(own, append([]byte(nil), c.track.stream.CodecParameters().ExtraData()...)); err != nil {
		return domain.Permanent(err)
	}
	if rate := c.track.rate.Float64(); rate >= 5 && rate <= 240 {
		c.lengths = max(1, ticksOf(time.Duration(float64(time.Second)/rate), c.track.base))
	}
	c.fresh = true
	c.pictures = &pictureCopier{start: ticksOf(c.start, c.track.base), end: ticksOf(c.end, c.track.base), encode: c.encode, copy: c.copy}
	if c.in.audio != nil {
		c.sounds, err = newSoundCopier(c.in.audio, func(x soundPacket) error { return c.out.sound(x) })
	}
	return err
}

func (c *cutter) nothing() error {
	why := ""
	if c.runs != nil && c.runs.Reason() != "" {
		why = ": " + c.runs.Reason()
	}
	return domain.Permanent(fmt.Errorf("nothing between %s and %s%s", c.start, c.end, why))
}

// nextRun goes on to the recording's next run. One of other parameters can't be part of the same file.
func (c *cutter) nextRun() (bool, error) {
	if c.runs == nil {
		return false, nil
	}
	if ok, err := c.runs.Next(); err != nil || !ok {
		return false, err
	}
	next, err := openRun(c.limits, c.runs)
	if lost := c.runs.Lost(); err != nil && lost != nil {
		return false, lost
	}
	if err != nil {
		return false, err
	}
	if !c.in.like(next) {
		defer next.Close()
		if c.pictures.any {
			return false, domain.Permanent(fmt.Errorf("the source's parameters change within the window: what was copied up to %s can't go on with it",
				timeOf(c.pictures.after, c.track.base)))
		}
		return false, domain.Permanent(errors.New("the source's parameters change at the window's beginning"))
	}
	c.in.Close()
	c.in, c.fresh = next, true
	c.track.stream = next.video.stream
	if c.ends != nil {
		c.ends.par = next.video.stream.CodecParameters()
	}
	return true, nil
}

// readRun takes the packets of one run, or of the file, up to the window's end.
func (c *cutter) readRun(ctx context.Context) error {
	for !c.complete() {
		p, t, err := c.in.read(ctx)
		if errors.Is(err, io.EOF) {
			if c.runs != nil && c.runs.Lost() != nil {
				return c.runs.Lost()
			}
			return nil
		}
		if err != nil {
			return err
		}
		if t == c.in.video {
			err = c.takePicture(p)
		} else {
			err = c.takeSound(p, t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lateTolerance: sound is not waited for when the picture is so far ahead of it.
const lateTolerance = time.Second

// complete reports whether all of the window has come.
func (c *cutter) complete() bool {
	if !c.pictures.done {
		return false
	}
	return c.sounds == nil || c.sounds.next >= c.samples(c.pictures.end+c.pictures.slack) || c.latest > c.end+lateTolerance
}

// samples is a time of the picture's in samples.
func (c *cutter) samples(ticks int64) int64 { return samplesOf(ticks, c.track.base, c.sounds.rate) }

// Close gives everything back.
func (c *cutter) Close() {
	if c.pictures != nil {
		free(c.pictures.waiting)
	}
	if c.sounds != nil {
		c.sounds.Close()
	}
	if c.in != nil {
		c.in.Close()
	}
	if c.out != nil {
		c.out.Close()
	}
	if c.runs != nil {
		c.feed.Drop(c.order.Part.Source)
	}
}
