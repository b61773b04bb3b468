package finish

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// keyframeSeconds is the distance of keyframes, the same in every rendition: a fragment and an HLS segment each.
const keyframeSeconds = 2

// firstFragment is how long the first fragment is.
const firstFragment = 500 * time.Millisecond

// rendition draws and encodes one profile's pictures and writes its file, in a goroutine of its own.
type rendition struct {
	profile       *mediav1.FinishProfile
	path          string
	width, height int
	shape         shape
	queue         chan unit
	operator      *cropFollower // nil: pictures are shown whole
	canvas        *canvas
	encoder       *astiav.CodecContext
	movie         *movie
	frames        int64
}

// unit is one thing for a rendition: a picture of the timeline, a packet of sound, or lines to draw from here on. Its
// receiver frees it.
type unit struct {
	picture *astiav.Frame
	sound   *astiav.Packet
	lines   []line
}

// videoBitRate is the peak for a size when the profile names none: 2.5 Mbit/s at 720p30, less than in proportion for others.
func videoBitRate(width, height int, rate float64) int64 {
	return int64(2.5e6 * math.Pow(float64(width*height)/(1280*720), 0.75) * math.Pow(max(rate, 10)/30, 0.5))
}

// quality is how well pictures are encoded.
type quality struct {
	preset, crf string
	qp          string // in place of crf and of bounds to the rate: x264 does not look ahead, which is a third of its time
	between     int    // B-frames at most between two others
	threads     int    // of the encoder; 0: as many as x264 takes, three for two processors
}

// newRendition opens a rendition; sound is nil where it has none.
func newRendition(folder string, profile *mediav1.FinishProfile, s shape, q quality, metadata map[string]string, sound *soundEncoder, l *subtitleText) (_ *rendition, err error) {
	r := &rendition{profile: profile, path: filepath.Join(folder, profile.Name+".mp4"), shape: s,
		queue: make(chan unit, 8)} // full: the decoder waits
	defer func() {
		if err != nil {
			r.Close()
			err = fmt.Errorf("rendition %s: %w", profile.Name, err)
		}
	}()
	from := s.picture()
	if followsFaces(s.width, s.height, profile) {
		from.width, r.width, r.height = cropBox(s.height, profile)
		r.operator = newCropFollower(s, from.width)
	} else {
		r.width, r.height = fitBox(s.width, s.height, int(profile.Width), int(profile.Height))
	}
	r.canvas = &canvas{from: from, shape: s, width: r.width, height: r.height, lettering: l}
	if err := r.openEncoder(q); err != nil {
		return nil, err
	}
	streams := []*astiav.CodecContext{r.encoder}
	if sound != nil {
		streams = append(streams, sound.encoder)
	}
	r.movie, err = newMovie(r.path, streams, metadata)
	return r, err
}

func (r *rendition) openEncoder(q quality) error {
	codec := astiav.FindEncoderByName("libx264")
	if codec == nil {
		return domain.Permanent(errors.New("this FFmpeg has no libx264"))
	}
	peak := r.profile.VideoBitRate
	if peak <= 0 {
		peak = videoBitRate(r.width, r.height, r.shape.rate.Float64())
	}
	r.encoder = astiav.AllocCodecContext(codec)
	r.encoder.SetWidth(r.width)
	r.encoder.SetHeight(r.height)
	r.encoder.SetPixelFormat(astiav.PixelFormatYuv420P)
	r.encoder.SetSampleAspectRatio(astiav.NewRational(1, 1))
	r.encoder.SetTimeBase(astiav.NewRational(r.shape.rate.Den(), r.shape.rate.Num()))
	r.encoder.SetFramerate(r.shape.rate)
	r.encoder.SetGopSize(int(r.shape.gop()))
	if q.threads > 0 {
		r.encoder.SetThreadCount(q.threads)
	}
	r.encoder.SetFlags(r.encoder.Flags().Add(astiav.CodecContextFlagGlobalHeader))
	options := map[string]string{
		"preset": q.preset, "profile": "high",
		"forced-idr": "1", "colorspace": r.shape.matrix, "color_primaries": r.shape.matrix, "color_trc": r.shape.matrix, "color_range": "tv",
		// A short look-ahead: at the end of a live window everything in it still has to be encoded.
		"x264-params": fmt.Sprintf("scenecut=0:open-gop=0:rc-lookahead=10:bframes=%d", q.between),
	}
	if q.qp != "" {
		options["qp"] = q.qp
	} else {
		options["crf"], options["maxrate"], options["bufsize"] = q.crf, fmt.Sprint(peak), fmt.Sprint(peak*3/2)
	}
	return withOptions(options, func(d *astiav.Dictionary) error { return r.encoder.Open(codec, d) })
}

// withOptions calls do with options, all of which have to be taken.
func withOptions(options map[string]string, do func(*astiav.Dictionary) error) error {
	d := astiav.NewDictionary()
	defer d.Free()
	for key, value := range options {
		if err := d.Set(key, value, 0); err != nil {
			return err
		}
	}
	if err := do(d); err != nil {
		return err
	}
	for key := range options {
		if d.Get(key, nil, 0) != nil {
			return fmt.Errorf("option %s is not known", key)
		}
	}
	return nil
}

// give queues a unit, which becomes the rendition's.
func (r *rendition) give(ctx context.Context, u unit) error {
	select {
	case r.queue <- u:
		return nil
	case <-ctx.Done():
		u.free()
		return ctx.Err()
	}
}

func (u unit) free() {
	if u.picture != nil {
		u.picture.Free()
	}
	if u.sound != nil {
		u.sound.Free()
	}
}

// run encodes and writes until the queue is closed, then ends the file.
func (r *rendition) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case u, ok := <-r.queue:
			var err error
			if ok {
				err = r.take(u)
				u.free()
			} else {
				err = r.finish()
			}
			if err != nil {
				return fmt.Errorf("rendition %s: %w", r.profile.Name, err)
			}
			if !ok {
				return nil
			}
		}
	}
}

func (r *rendition) take(u unit) error {
	switch {
	case u.sound != nil:
		return r.movie.write(u.sound, 1, astiav.NewRational(1, sampleRate))
	case u.picture != nil && r.operator != nil:
		return r.operator.add(u.picture, r.draw)
	case u.picture != nil:
		return r.draw(u.picture)
	}
	r.canvas.add(u.lines)
	return nil
}

func (r *rendition) draw(f *astiav.Frame) error { return r.canvas.draw(f, r.encode) }

// encode takes a finished picture, whose timestamp counts pictures.
func (r *rendition) encode(f *astiav.Frame) error {
	defer f.Free()
	kind := astiav.PictureTypeNone
	if r.shape.keyframe(f.Pts()) {
		kind = astiav.PictureTypeI
	}
	f.SetPictureType(kind)
	r.frames++
	if err := r.encoder.SendFrame(f); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return r.writePictures()
}

func (r *rendition) writePictures() error {
	packet := astiav.AllocPacket()
	defer packet.Free()
	for {
		err := r.encoder.ReceivePacket(packet)
		if errors.Is(err, astiav.ErrEagain) || errors.Is(err, astiav.ErrEof) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		if packet.Duration() == 0 {
			packet.SetDuration(1)
		}
		if err := r.movie.write(packet, 0, r.encoder.TimeBase()); err != nil {
			return err
		}
	}
}

func (r *rendition) finish() error {
	if r.operator != nil {
		if err := r.operator.end(r.draw); err != nil {
			return err
		}
	}
	if err := r.encoder.SendFrame(nil); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := r.writePictures(); err != nil {
		return err
	}
	return r.movie.finish(r.shape.at(r.frames))
}

// Close gives everything back; a file that is not finished stays behind.
func (r *rendition) Close() {
	if r.operator != nil {
		r.operator.Close()
	}
	if r.canvas != nil {
		r.canvas.Close()
	}
	if r.encoder != nil {
		r.encoder.Free()
	}
	if r.movie != nil {
		r.movie.Close()
	}
	for {
		select {
		case u, ok := <-r.queue:
			if !ok {
				return
			}
			u.free()
		default:
			return
		}
	}
}

// removeUnfinished takes away what a failed order left in its folder.
func removeUnfinished(renditions []*rendition) {
	for _, r := range renditions {
		_ = os.Remove(r.path)
	}
}
