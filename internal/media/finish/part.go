package finish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	"liveclip/internal/media/limit"
	mediav1 "liveclip/proto/media/v1"
)

const (
	peekFrames = 90              // pictures whose times tell the frame rate
	peekTime   = 3 * time.Second // or as many as there are in this
	// A part does not wait for a track that is so far behind the other's end.
	patience = time.Second
	// Sound is decoded from a little earlier, so that the decoder has settled where the part begins.
	preroll = 150 * time.Millisecond
)

// part decodes one part of an order. Times it gives are since the part's start.
type part struct {
	index      int
	source     int64
	file       string
	start, end time.Duration
	loudness   float64 // of a file, LUFS; 0: not known
	feed       *Feed
	runs       *runs // of a recording
	in         *demuxer
	pending    []*astiav.Packet // read ahead

	shape  shape
	scaler *scaler
	mixer  *mixer
	held   *astiav.Frame // the last picture before the start
	first  bool          // something of the window was given
	limits limit.Limits
	notes  []string      // what was left out
	reach  time.Duration // to where the window was covered, since start
}

// media is one decoded thing of a part: a picture, samples, or word of which tracks there are. It comes between the part's
// beginning, at which at is its greatest length, and its end, at which at is the length there was.
type media struct {
	part    int
	begins  bool
	ends    bool
	at      time.Duration
	origin  time.Duration // source time of the part's beginning, with a picture or samples
	picture *astiav.Frame // owned by the receiver
	samples [2][]float32  // 48 kHz, left and right
	tracks  *tracks
}

type tracks struct{ picture, sound bool }

func newPart(index int, p *mediav1.FinishPart, feed *Feed) *part {
	return &part{index: index, source: p.Source, file: p.File, start: time.Duration(p.Start), end: time.Duration(p.End), loudness: p.Loudness, feed: feed}
}

func (p *part) name() string {
	if p.file != "" {
		return fmt.Sprintf("part %d (file)", p.index)
	}
	return fmt.Sprintf("part %d (source %d)", p.index, p.source)
}

// open opens the part's file or the recording's first run, waiting for it.
func (p *part) open(ctx context.Context) error {
	if p.in != nil {
		return nil
	}
	var err error
	p.limits = limit.Of(ctx)
	if p.file != "" {
		if p.in, err = openFile(p.limits, p.file, p.start); err == nil && p.in.without != nil {
			p.leaveOut(p.in.without)
		}
		return err
	}
	p.runs = &runs{next: func() ([]byte, string, error) { return p.feed.next(ctx, p.source) }}
	ok, err := p.openNextRun()
	if err == nil && !ok {
		return p.errNothing()
	}
	return err
}

func (p *part) openNextRun() (bool, error) {
	if p.runs == nil {
		return false, nil
	}
	if !p.runs.nextRun() {
		if !errors.Is(p.runs.ended, io.EOF) {
			return false, p.runs.ended
		}
		return false, nil
	}
	in, err := openRun(p.limits, p.runs)
	if err != nil && !errors.Is(p.runs.ended, io.EOF) && p.runs.ended != nil {
		return false, p.runs.ended
	}
	if p.in = in; err == nil && in.without != nil {
		p.leaveOut(in.without)
	}
	return err == nil, err
}

func (p *part) errNothing() error {
	why := ""
	if p.runs != nil && p.runs.reason != "" {
		why = ": " + p.runs.reason
	}
	return domain.Permanent(fmt.Errorf("%s: nothing between %s and %s%s", p.name(), p.start, p.end, why))
}

// peek reads ahead and tells the shape of the part's pictures; none when it has no picture.
func (p *part) peek(ctx context.Context) (shape, error) {
	if p.in.video == nil {
		return shape{}, nil
	}
	var times []time.Duration
	for len(times) < peekFrames {
		packet, track, err := p.read(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return shape{}, err
		}
		p.pending = append(p.pending, packet)
		if track != p.in.video || packet.Pts() == astiav.NoPtsValue {
			continue
		}
		times = append(times, p.in.at(track, packet.Pts()))
		if at, _ := p.in.packetTime(track, packet); at >= p.end || at-times[0] > peekTime {
			break
		}
	}
	stream := p.in.video.stream
	parameters := stream.CodecParameters()
	w, h := displaySize(stream, parameters.Width(), parameters.Height(), p.in.fc.GuessSampleAspectRatio(stream, nil))
	return shape{width: w, height: h, rate: frameRate(times), matrix: colourMatrix(stream)}, nil
}

// run decodes the part and gives everything in its window, in the order of the source. It gives back the length of what
// there was of the window, and why that is less than asked.
func (p *part) run(ctx context.Context, s shape, give func(media) error) (length time.Duration, clipped string, err error) {
	p.shape = s
	defer p.Close()
	from := p.start
	if err := p.open(ctx); err != nil {
		return 0, "", err
	}
	for {
		if err := p.decode(ctx, give); err != nil {
			return 0, "", fmt.Errorf("%s: %w", p.name(), err)
		}
		if p.complete() {
			break
		}
		p.closeRun()
		more, err := p.openNextRun()
		if err != nil {
			return 0, "", fmt.Errorf("%s: %w", p.name(), err)
		}
		if !more {
			break
		}
	}
	if !p.first {
		return 0, "", p.errNothing()
	}
	length = min(p.reach, p.end-p.start)
	return length, p.clipped(length, p.start-from), nil
}

func (p *part) clipped(length, late time.Duration) string {
	short := p.end - p.start - length
	slack := 2 * p.shape.tick()
	switch {
	case short > slack && p.runs != nil && p.runs.reason != "":
		return p.runs.reason
	case short > slack:
		return domain.ClippedToLoss
	case late > slack && p.runs != nil && p.runs.reason != "":
		return p.runs.reason
	case late > slack:
		return domain.ClippedToStart
	}
	return ""
}

// complete reports whether every track has passed the part's end, or one so far that the others are not waited for.
func (p *part) complete() bool {
	return p.in != nil && (p.in.video == nil || p.in.video.passed) && (p.in.audio == nil || p.in.audio.passed)
}

// decode decodes one run, or the whole file, up to the part's end.
func (p *part) decode(ctx context.Context, give func(media) error) error {
	if err := give(media{part: p.index, tracks: &tracks{picture: p.in.video != nil, sound: p.in.audio != nil}}); err != nil {
		return err
	}
	for !p.complete() {
		packet, track, err := p.readPacket(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		err = p.take(packet, track, give)
		packet.Free()
		if err != nil {
			return err
		}
	}
	if err := p.flush(give); err != nil || p.held == nil || !p.first {
		return err
	}
	held := p.held // only sound lies in the window: the last picture before it stands for all of it
	p.held = nil
	defer held.Free()
	return p.giveScaled(held, p.start-p.shape.tick(), give)
}

func (p *part) readPacket(ctx context.Context) (*astiav.Packet, *track, error) {
	if len(p.pending) > 0 {
		packet := p.pending[0]
		p.pending = p.pending[1:]
		return packet, p.in.track(packet), nil
	}
	return p.read(ctx)
}

// read reads on; io.EOF where the run or the file ends.
func (p *part) read(ctx context.Context) (*astiav.Packet, *track, error) {
	packet, track, err := p.in.read(ctx)
	if err != nil && p.runs != nil && p.runs.ended != nil {
		return nil, nil, p.runs.ended
	}
	return packet, track, err
}

func (p *part) take(packet *astiav.Packet, t *track, give func(media) error) error {
	at, known := p.in.packetTime(t, packet)
	if known && at >= p.end {
		t.passed = true
		if at >= p.end+patience {
			for _, other := range []*track{p.in.video, p.in.audio} {
				if other != nil {
					other.passed = true
				}
			}
		}
		return p.flushTrack(t, give)
	}
	if t.passed || known && t == p.in.audio && at < p.start-preroll {
		return nil
	}
	// What can't be decoded is left out; a part of which nothing can be decoded ends as one with nothing in its window.
	if !t.send(packet) {
		return nil
	}
	return p.receive(t, give)
}

func (p *part) flush(give func(media) error) error {
	for _, t := range []*track{p.in.video, p.in.audio} {
		if t == nil {
			continue
		}
		if err := p.flushTrack(t, give); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) flushTrack(t *track, give func(media) error) error {
	if t.flushed {
		return nil
	}
	t.flushed = true
	if !t.send(nil) {
		return nil
	}
	if err := p.receive(t, give); err != nil {
		return err
	}
	if t == p.in.audio {
		return p.giveSamples(nil, give)
	}
	return nil
}

// receive takes every frame the decoder has ready.
func (p *part) receive(t *track, give func(media) error) error {
	for {
		f := astiav.AllocFrame()
		if !t.receive(f) {
			f.Free()
			return nil
		}
		var err error
		if t == p.in.video {
			err = p.givePicture(f, give)
		} else {
			err = p.giveSamples(f, give)
		}
		f.Free()
		if err != nil {
			return err
		}
	}
}

// closeRun ends the current run. The picture held back stays: the next run may begin after the start.
func (p *part) closeRun() {
	for _, packet := range p.pending {
		packet.Free()
	}
	p.pending = nil
	if p.scaler != nil {
		p.scaler.Close()
		p.scaler = nil
	}
	if p.mixer != nil {
		p.mixer.Close()
		p.mixer = nil
	}
	if p.in != nil {
		p.in.Close()
		p.in = nil
	}
}

// Close gives everything back.
func (p *part) Close() {
	p.closeRun()
	if p.held != nil {
		p.held.Free()
		p.held = nil
	}
	if p.runs != nil {
		p.feed.drop(p.source)
	}
}
