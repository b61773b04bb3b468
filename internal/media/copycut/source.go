package copycut

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	"liveclip/internal/media"
	"liveclip/internal/media/finish"
	"liveclip/internal/media/limit"
)

// source gives the packets of a file, or of one run of a recording.
type source struct {
	fc      *astiav.FormatContext // nil when opening failed: FFmpeg frees it then
	io      *astiav.IOContext
	video   *track
	audio   *track        // nil: there is no sound
	zero    time.Duration // file time of media time 0
	pending []*astiav.Packet
}

// track is one of a source's streams.
type track struct {
	stream *astiav.Stream
	base   astiav.Rational
	rate   astiav.Rational // of pictures
	zero   int64           // ticks at media time 0
}

// sound that MP4 can hold as it is.
var copyableAudio = map[astiav.CodecID]bool{astiav.CodecIDAac: true, astiav.CodecIDMp3: true, astiav.CodecIDOpus: true}

// openFile opens a local file shortly before a time, on a keyframe if the file can seek.
func openFile(limits limit.Limits, path string, from time.Duration) (*source, error) {
	if err := limits.File(path); err != nil {
		return nil, err
	}
	s, err := openWhole(limits, path)
	if err == nil && !s.seek(from) {
		s.Close()
		s, err = openWhole(limits, path)
	}
	if err == nil {
		if err = s.configure(); err != nil {
			s.Close()
		}
	}
	if err != nil {
		return nil, domain.Permanent(fmt.Errorf("open file: %w", err))
	}
	return s, nil
}

func openWhole(limits limit.Limits, path string) (_ *source, err error) {
	s := &source{fc: astiav.AllocFormatContext()}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := withOptions(map[string]string{"protocol_whitelist": "file", "format_whitelist": finish.FileFormats},
		func(d *astiav.Dictionary) error { return s.fc.OpenInput("file:"+path, nil, d) }); err != nil {
		s.fc = nil
		return nil, err
	}
	if err := limits.Container(s.fc); err != nil {
		return nil, err
	}
	if err := s.fc.FindStreamInfo(nil); err != nil {
		return nil, err
	}
	if start := s.fc.StartTime(); start != astiav.NoPtsValue {
		s.zero = time.Duration(start) * time.Microsecond
	}
	return s, s.choose()
}

// seekMargin is how much earlier than wanted a file is read: sound is copied from a packet or two earlier.
const seekMargin = 200 * time.Millisecond

// seek goes to a keyframe that is shown no later than a little before a time; false: the file has to be read from its
// beginning, and from a new one, since not every format can go back there.
func (s *source) seek(to time.Duration) bool {
	for back := seekMargin; to > back; back = 4*back + time.Second {
		at := ticksOf(to-back, s.video.base) + s.video.zero
		if s.fc.SeekFrame(s.video.stream.Index(), at, astiav.NewSeekFlags(astiav.SeekFlagBackward)) != nil {
			return false
		}
		if s.early(at) {
			return true
		}
		s.drop()
	}
	return to <= seekMargin
}

// early reads on to the first keyframe, and reports whether it is shown by a time.
func (s *source) early(at int64) bool {
	for len(s.pending) < 4096 {
		p := astiav.AllocPacket()
		if s.fc.ReadFrame(p) != nil {
			p.Free()
			return false
		}
		s.pending = append(s.pending, p)
		if p.StreamIndex() == s.video.stream.Index() && p.Flags().Has(astiav.PacketFlagKey) {
			return p.Pts() != astiav.NoPtsValue && p.Pts() <= at
		}
	}
	return false
}

// configure finds the configuration of AAC that carries it in every packet, which MP4 holds once.
func (s *source) configure() error {
	if s.audio == nil {
		return nil
	}
	par := s.audio.stream.CodecParameters()
	if par.CodecID() != astiav.CodecIDAac || len(par.ExtraData()) > 0 {
		return nil
	}
	for i := 0; i < 4096; i++ {
		if i == len(s.pending) {
			p := astiav.AllocPacket()
			if err := s.fc.ReadFrame(p); err != nil {
				p.Free()
				break
			}
			s.pending = append(s.pending, p)
		}
		if p := s.pending[i]; p.StreamIndex() == s.audio.stream.Index() {
			if _, config, err := media.FromADTS(p.Data()); err == nil {
				return par.SetExtraData(config)
			}
		}
	}
	return errors.New("the sound has no configuration")
}

func (s *source) drop() {
	for _, p := range s.pending {
		p.Free()
	}
	s.pending = nil
}

// openRun opens a fragmented MP4 that may still be growing. Its times are media times.
func openRun(limits limit.Limits, r io.Reader) (_ *source, err error) {
	s := &source{fc: astiav.AllocFormatContext()}
	var readErr error
	defer func() {
		if err != nil {
			s.Close()
			err = errors.Join(domain.Permanent(fmt.Errorf("open recording: %w", err)), readErr)
		}
	}()
	s.io, err = astiav.AllocIOContext(64<<10, false, func(b []byte) (int, error) {
		n, err := r.Read(b)
		switch {
		case err == io.EOF:
			return 0, astiav.ErrEof
		case err != nil:
			readErr = err
			return 0, astiav.ErrExit
		}
		return n, nil
	}, nil, nil)
	if err != nil {
		return nil, err
	}
	s.fc.SetPb(s.io)
	s.fc.SetFlags(s.fc.Flags().Add(astiav.FormatContextFlagCustomIo))
	if err := withOptions(map[string]string{"ignore_editlist": "1", "format_whitelist": finish.FileFormats},
		func(d *astiav.Dictionary) error { return s.fc.OpenInput("", astiav.FindInputFormat("mov"), d) }); err != nil {
		s.fc = nil
		return nil, err
	}
	if err := limits.Container(s.fc); err != nil {
		return nil, err
	}
	return s, s.choose()
}

// withOptions calls do with options.
func withOptions(options map[string]string, do func(*astiav.Dictionary) error) error {
	d := astiav.NewDictionary()
	defer d.Free()
	for key, value := range options {
		if err := d.Set(key, value, 0); err != nil {
			return err
		}
	}
	return do(d)
}

// choose picks the largest picture and the first sound, as recording does.
func (s *source) choose() error {
	var video, audio *astiav.Stream
	most := 0
	for _, stream := range s.fc.Streams() {
		par := stream.CodecParameters()
		switch par.MediaType() {
		case astiav.MediaTypeVideo:
			if _, ok := codecOf(par.CodecID()); !ok && par.CodecID().Name() == "mjpeg" {
				continue // a cover
			}
			if area := 1 + par.Width()*par.Height(); area > most {
				video, most = stream, area
			}
		case astiav.MediaTypeAudio:
			if audio == nil {
				audio = stream
			}
		}
	}
	if video == nil {
		return domain.Permanent(errors.New("no picture to be cut"))
	}
	par := video.CodecParameters()
	if _, ok := codecOf(par.CodecID()); !ok {
		return domain.Permanent(fmt.Errorf("picture of codec %s can't be cut without loss (h264 and hevc can)", par.CodecID().Name()))
	}
	if audio != nil && !copyableAudio[audio.CodecParameters().CodecID()] {
		return domain.Permanent(fmt.Errorf("sound of codec %s can't be copied (aac, mp3 and opus can)", audio.CodecParameters().CodecID().Name()))
	}
	s.video = s.track(video)
	s.video.rate = s.fc.GuessFrameRate(video, nil)
	if audio != nil {
		s.audio = s.track(audio)
	}
	return nil
}

func (s *source) track(stream *astiav.Stream) *track {
	return &track{stream: stream, base: stream.TimeBase(), zero: ticksOf(s.zero, stream.TimeBase())}
}

// ticksOf is a time in ticks.
func ticksOf(t time.Duration, base astiav.Rational) int64 {
	return scale(int64(t), int64(base.Den()), int64(base.Num())*int64(time.Second))
}

// timeOf is ticks as a time.
func timeOf(ticks int64, base astiav.Rational) time.Duration {
	return time.Duration(scale(ticks, int64(base.Num())*int64(time.Second), int64(base.Den())))
}

// scale is n*num/den, rounded; exact for every time of a recording.
func scale(n, num, den int64) int64 {
	whole, rest := n/den, n%den
	return whole*num + int64(math.Round(float64(rest)*float64(num)/float64(den)))
}

// read takes the next packet of a track, its times being media times; io.EOF at the end, also where the data breaks off.
func (s *source) read(ctx context.Context) (*astiav.Packet, *track, error) {
	for bad := 0; ; {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		p, err := s.next()
		if err != nil {
			if bad++; errors.Is(err, astiav.ErrInvaliddata) && bad < 100 {
				continue
			}
			return nil, nil, io.EOF
		}
		for _, t := range []*track{s.video, s.audio} {
			if t != nil && t.stream.Index() == p.StreamIndex() && p.Size() > 0 {
				t.shift(p)
				return p, t, nil
			}
		}
		p.Free()
	}
}

func (s *source) next() (*astiav.Packet, error) {
	if len(s.pending) > 0 {
		p := s.pending[0]
		s.pending = s.pending[1:]
		return p, nil
	}
	p := astiav.AllocPacket()
	if err := s.fc.ReadFrame(p); err != nil {
		p.Free()
		return nil, err
	}
	return p, nil
}

func (t *track) shift(p *astiav.Packet) {
	if p.Pts() != astiav.NoPtsValue {
		p.SetPts(p.Pts() - t.zero)
	}
	if p.Dts() != astiav.NoPtsValue {
		p.SetDts(p.Dts() - t.zero)
	}
}

// like reports whether another run's packets can stand behind this one's.
func (s *source) like(other *source) bool {
	same := func(a, b *track) bool {
		if a == nil || b == nil {
			return a == b
		}
		pa, pb := a.stream.CodecParameters(), b.stream.CodecParameters()
		return pa.CodecID() == pb.CodecID() && a.base == b.base && pa.Width() == pb.Width() && pa.Height() == pb.Height() &&
			pa.SampleRate() == pb.SampleRate() && pa.Channels() == pb.Channels() && bytes.Equal(pa.ExtraData(), pb.ExtraData())
	}
	return same(s.video, other.video) && same(s.audio, other.audio)
}

func (s *source) Close() {
	s.drop()
	if s.fc != nil {
		s.fc.CloseInput()
	}
	if s.io != nil {
		s.io.Free()
	}
}
