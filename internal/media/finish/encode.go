package finish

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// keyframeSeconds is the distance of keyframes, the same in every rendition: a fragment and an HLS segment each.
const keyframeSeconds = 2

const soundBitRate = 128_000

// rendition encodes one profile and writes its file.
type rendition struct {
	profile       *mediav1.FinishProfile
	path          string
	width, height int
	shape         shape
	queue         chan unit
	encoder       *astiav.CodecContext
	out           *astiav.FormatContext
	pb            *astiav.IOContext
	frames        int64
}

// unit is one thing to encode or to write: a picture, or a packet of sound. Its receiver frees it.
type unit struct {
	picture *astiav.Frame
	sound   *astiav.Packet
}

// videoBitRate is the peak for a size when the profile names none: 2.5 Mbit/s at 720p30, less than in proportion for others.
func videoBitRate(width, height int, rate float64) int64 {
	return int64(2.5e6 * math.Pow(float64(width*height)/(1280*720), 0.75) * math.Pow(max(rate, 10)/30, 0.5))
}

// quality is how well pictures are encoded.
type quality struct{ preset, crf string }

func newRendition(folder string, profile *mediav1.FinishProfile, s shape, q quality, metadata map[string]string, sound *soundEncoder) (_ *rendition, err error) {
	r := &rendition{profile: profile, path: filepath.Join(folder, profile.Name+".mp4"), shape: s,
		queue: make(chan unit, 8)} // full: the decoder waits
	defer func() {
		if err != nil {
			r.Close()
			err = fmt.Errorf("rendition %s: %w", profile.Name, err)
		}
	}()
	r.width, r.height = fitBox(s.width, s.height, int(profile.Width), int(profile.Height))
	if err := r.openEncoder(q); err != nil {
		return nil, err
	}
	return r, r.openFile(metadata, sound)
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
	gop := r.gop()
	r.encoder = astiav.AllocCodecContext(codec)
	r.encoder.SetWidth(r.width)
	r.encoder.SetHeight(r.height)
	r.encoder.SetPixelFormat(astiav.PixelFormatYuv420P)
	r.encoder.SetSampleAspectRatio(astiav.NewRational(1, 1))
	r.encoder.SetTimeBase(astiav.NewRational(r.shape.rate.Den(), r.shape.rate.Num()))
	r.encoder.SetFramerate(r.shape.rate)
	r.encoder.SetGopSize(int(gop))
	r.encoder.SetFlags(r.encoder.Flags().Add(astiav.CodecContextFlagGlobalHeader))
	return withOptions(map[string]string{
		"preset": q.preset, "profile": "high", "crf": q.crf, "maxrate": fmt.Sprint(peak), "bufsize": fmt.Sprint(peak * 3 / 2),
		"forced-idr": "1", "colorspace": r.shape.matrix, "color_primaries": r.shape.matrix, "color_trc": r.shape.matrix, "color_range": "tv",
		// A short look-ahead: at the end of a live window everything in it still has to be encoded.
		"x264-params": "scenecut=0:open-gop=0:rc-lookahead=10:bframes=2",
	}, func(d *astiav.Dictionary) error { return r.encoder.Open(codec, d) })
}

func (r *rendition) gop() int64 { return r.shape.frames(keyframeSeconds * 1e9) }

// openFile begins a fragmented MP4: a fragment a keyframe, and an index of them at the front once it is whole.
func (r *rendition) openFile(metadata map[string]string, sound *soundEncoder) (err error) {
	if r.out, err = astiav.AllocOutputFormatContext(nil, "mp4", r.path); err != nil {
		return err
	}
	for _, encoder := range []*astiav.CodecContext{r.encoder, sound.encoder} {
		stream := r.out.NewStream(nil)
		if stream == nil {
			return errors.New("no memory for a stream")
		}
		if err := stream.CodecParameters().FromCodecContext(encoder); err != nil {
			return err
		}
		stream.SetTimeBase(encoder.TimeBase())
		if encoder == r.encoder {
			stream.SetAvgFrameRate(r.shape.rate)
		}
	}
	for key, value := range metadata {
		setMetadata(r.out, key, value)
	}
	if r.pb, err = astiav.OpenIOContext(r.path, astiav.NewIOContextFlags(astiav.IOContextFlagWrite)); err != nil {
		return err
	}
	r.out.SetPb(r.pb)
	return withOptions(map[string]string{
		"movflags": "frag_keyframe+delay_moov+default_base_moof+global_sidx+skip_trailer+use_metadata_tags",
	}, r.out.WriteHeader)
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
			if !ok {
				return r.finish()
			}
			err := r.take(u)
			u.free()
			if err != nil {
				return fmt.Errorf("rendition %s: %w", r.profile.Name, err)
			}
		}
	}
}

func (r *rendition) take(u unit) error {
	if u.sound != nil {
		return r.write(u.sound, 1, astiav.NewRational(1, sampleRate))
	}
	kind := astiav.PictureTypeNone
	if u.picture.Pts()%r.gop() == 0 {
		kind = astiav.PictureTypeI
	}
	u.picture.SetPictureType(kind)
	r.frames++
	if err := r.encoder.SendFrame(u.picture); err != nil {
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
		if err := r.write(packet, 0, r.encoder.TimeBase()); err != nil {
			return err
		}
	}
}

func (r *rendition) write(packet *astiav.Packet, stream int, from astiav.Rational) error {
	packet.SetStreamIndex(stream)
	packet.RescaleTs(from, r.out.Streams()[stream].TimeBase())
	if err := r.out.WriteInterleavedFrame(packet); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (r *rendition) finish() error {
	err := r.encoder.SendFrame(nil)
	if err == nil {
		err = r.writePictures()
	}
	if err == nil {
		err = r.out.WriteTrailer()
	}
	if err == nil {
		err = r.pb.Close()
		r.pb = nil
	}
	if err == nil {
		err = seal(r.path, r.shape.at(r.frames))
	}
	if err != nil {
		return fmt.Errorf("rendition %s: %w", r.profile.Name, err)
	}
	return nil
}

// Close gives everything back; a file that is not finished stays behind.
func (r *rendition) Close() {
	if r.encoder != nil {
		r.encoder.Free()
	}
	if r.pb != nil {
		_ = r.pb.Close()
	}
	if r.out != nil {
		r.out.Free()
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

// soundEncoder encodes the sound once, for every rendition.
type soundEncoder struct {
	encoder     *astiav.CodecContext
	left, right []float32
	next        int64
	give        func(*astiav.Packet) error // the packet stays the encoder's
}

func newSoundEncoder() (*soundEncoder, error) {
	codec := astiav.FindEncoderByName("aac")
	if codec == nil {
		return nil, domain.Permanent(errors.New("this FFmpeg has no AAC encoder"))
	}
	s := &soundEncoder{encoder: astiav.AllocCodecContext(codec)}
	s.encoder.SetSampleRate(sampleRate)
	s.encoder.SetSampleFormat(astiav.SampleFormatFltp)
	s.encoder.SetChannelLayout(astiav.ChannelLayoutStereo)
	s.encoder.SetBitRate(soundBitRate)
	s.encoder.SetTimeBase(astiav.NewRational(1, sampleRate))
	s.encoder.SetFlags(s.encoder.Flags().Add(astiav.CodecContextFlagGlobalHeader))
	if err := s.encoder.Open(codec, nil); err != nil {
		s.encoder.Free()
		return nil, fmt.Errorf("open AAC encoder: %w", err)
	}
	return s, nil
}

// add takes samples, which stay the caller's.
func (s *soundEncoder) add(left, right []float32) error {
	s.left, s.right = append(s.left, left...), append(s.right, right...)
	size := s.encoder.FrameSize()
	for len(s.left) >= size {
		if err := s.encode(size); err != nil {
			return err
		}
	}
	return nil
}

func (s *soundEncoder) encode(n int) error {
	f := astiav.AllocFrame()
	defer f.Free()
	f.SetNbSamples(n)
	f.SetSampleRate(sampleRate)
	f.SetSampleFormat(astiav.SampleFormatFltp)
	f.SetChannelLayout(astiav.ChannelLayoutStereo)
	if err := f.AllocBuffer(0); err != nil {
		return err
	}
	copy(samples(f, 0), s.left[:n])
	copy(samples(f, 1), s.right[:n])
	s.left, s.right = append(s.left[:0], s.left[n:]...), append(s.right[:0], s.right[n:]...)
	f.SetPts(s.next)
	s.next += int64(n)
	if err := s.encoder.SendFrame(f); err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return s.receive()
}

func (s *soundEncoder) receive() error {
	packet := astiav.AllocPacket()
	defer packet.Free()
	for {
		err := s.encoder.ReceivePacket(packet)
		if errors.Is(err, astiav.ErrEagain) || errors.Is(err, astiav.ErrEof) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("encode sound: %w", err)
		}
		if err := s.give(packet); err != nil {
			return err
		}
		packet.Unref()
	}
}

// end encodes what is left.
func (s *soundEncoder) end() error {
	if len(s.left) > 0 {
		if err := s.encode(len(s.left)); err != nil {
			return err
		}
	}
	if err := s.encoder.SendFrame(nil); err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	return s.receive()
}

func (s *soundEncoder) Close() { s.encoder.Free() }

// removeUnfinished takes away what a failed order left in its folder.
func removeUnfinished(renditions []*rendition) {
	for _, r := range renditions {
		_ = os.Remove(r.path)
	}
}
