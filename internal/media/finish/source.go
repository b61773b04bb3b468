package finish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	"liveclip/internal/media/limit"
)

// maxSide is the greatest side of a picture, in pixels.
const maxSide = 4096

// fileFormats a local part may have: plain containers, none that refers to other files.
const fileFormats = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,flv,mp3,wav,aac,ogg"

// demuxer reads the packets of one file, or of one run of a recording.
type demuxer struct {
	fc      *astiav.FormatContext // nil when opening failed: FFmpeg frees it then
	io      *astiav.IOContext
	video   *track
	audio   *track
	without error         // why a track is left out
	zero    time.Duration // file time of the first frame's timestamp
}

// track is one stream of a demuxer and its decoder.
type track struct {
	stream  *astiav.Stream
	decoder *astiav.CodecContext
	tick    time.Duration // of packets without a duration
	passed  bool          // the part's end was reached
	flushed bool
}

// openFile opens a local file of a plain container format.
func openFile(limits limit.Limits, path string, from time.Duration) (_ *demuxer, err error) {
	d := &demuxer{fc: astiav.AllocFormatContext()}
	defer func() {
		if err != nil {
			d.Close()
			err = domain.Permanent(fmt.Errorf("open file part: %w", err))
		}
	}()
	if err := limits.File(path); err != nil {
		return nil, err
	}
	options := astiav.NewDictionary()
	defer options.Free()
	for key, value := range map[string]string{"protocol_whitelist": "file", "format_whitelist": fileFormats} {
		if err := options.Set(key, value, 0); err != nil {
			return nil, err
		}
	}
	if err := d.fc.OpenInput("file:"+path, nil, options); err != nil {
		d.fc = nil
		return nil, err
	}
	if err := limits.Container(d.fc); err != nil {
		return nil, err
	}
	if err := d.fc.FindStreamInfo(nil); err != nil {
		return nil, err
	}
	if start := d.fc.StartTime(); start != astiav.NoPtsValue {
		d.zero = time.Duration(start) * time.Microsecond
	}
	if from > 0 && d.fc.InputFormat().Name() != "mpegts" { // which finds a place, not the keyframe before it
		// A file that can't seek is decoded from its beginning. A keyframe is found by when it is decoded; shown it is later.
		_ = d.fc.SeekFrame(-1, (from - time.Second + d.zero).Microseconds(), astiav.NewSeekFlags(astiav.SeekFlagBackward))
	}
	if err := d.openTracks(limits); err != nil {
		return nil, err
	}
	return d, nil
}

// openRun opens a fragmented MP4 that may still be growing. Its decode times are taken as they are.
func openRun(limits limit.Limits, r io.Reader) (_ *demuxer, err error) {
	d := &demuxer{fc: astiav.AllocFormatContext()}
	var readErr error
	defer func() {
		if err != nil {
			d.Close()
			err = errors.Join(domain.Permanent(fmt.Errorf("open recording: %w", err)), readErr)
		}
	}()
	d.io, err = astiav.AllocIOContext(64<<10, false, func(b []byte) (int, error) {
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
	d.fc.SetPb(d.io)
	d.fc.SetFlags(d.fc.Flags().Add(astiav.FormatContextFlagCustomIo))
	options := astiav.NewDictionary()
	defer options.Free()
	for key, value := range map[string]string{"ignore_editlist": "1", "format_whitelist": fileFormats} {
		if err := options.Set(key, value, 0); err != nil {
			return nil, err
		}
	}
	if err := d.fc.OpenInput("", astiav.FindInputFormat("mov"), options); err != nil {
		d.fc = nil
		return nil, err
	}
	if err := limits.Count(d.fc); err != nil {
		return nil, err
	}
	if err := d.openTracks(limits); err != nil {
		return nil, err
	}
	return d, nil
}

// openTracks opens decoders for the first picture and the first sound that can be decoded.
func (d *demuxer) openTracks(limits limit.Limits) error {
	var why error
	for _, stream := range d.fc.Streams() {
		kind := stream.CodecParameters().MediaType()
		if kind == astiav.MediaTypeVideo && d.video != nil || kind == astiav.MediaTypeAudio && d.audio != nil ||
			kind != astiav.MediaTypeVideo && kind != astiav.MediaTypeAudio {
			continue
		}
		t, err := openTrack(limits, stream)
		switch {
		case err != nil:
			why = errors.Join(why, err)
		case kind == astiav.MediaTypeVideo:
			d.video = t
		default:
			d.audio = t
		}
	}
	if d.video == nil && d.audio == nil {
		return domain.Permanent(errors.Join(errors.New("neither picture nor sound that can be decoded"), why))
	}
	d.without = why
	return nil
}

func openTrack(limits limit.Limits, stream *astiav.Stream) (*track, error) {
	parameters := stream.CodecParameters()
	name := parameters.CodecID().Name()
	if err := limits.Picture(parameters.Width(), parameters.Height()); err != nil {
		return nil, err
	}
	codec := astiav.FindDecoder(parameters.CodecID())
	if codec == nil {
		return nil, fmt.Errorf("no decoder for %s", name)
	}
	t := &track{stream: stream, decoder: astiav.AllocCodecContext(codec), tick: 40 * time.Millisecond}
	if err := parameters.ToCodecContext(t.decoder); err != nil {
		t.decoder.Free()
		return nil, fmt.Errorf("decoder %s: %w", name, err)
	}
	t.decoder.SetThreadCount(2)
	if err := t.decoder.Open(codec, nil); err != nil {
		t.decoder.Free()
		return nil, fmt.Errorf("decoder %s: %w", name, err)
	}
	return t, nil
}

// send gives the decoder a packet, or nil for the end; false when it can't be decoded.
func (t *track) send(p *astiav.Packet) bool { return t.decoder.SendPacket(p) == nil }

// receive takes a frame; false when there is none, for now or for good.
func (t *track) receive(f *astiav.Frame) bool { return t.decoder.ReceiveFrame(f) == nil }

func (d *demuxer) Close() {
	for _, t := range []*track{d.video, d.audio} {
		if t != nil {
			t.decoder.Free()
		}
	}
	if d.fc != nil {
		d.fc.CloseInput()
	}
	if d.io != nil {
		d.io.Free()
	}
}

// at is a timestamp of a track as time of the part's source.
func (d *demuxer) at(t *track, timestamp int64) time.Duration {
	tb := t.stream.TimeBase()
	return scaleTime(timestamp, tb) - d.zero
}

// length is a duration of a track.
func (d *demuxer) length(t *track, duration int64) time.Duration {
	return scaleTime(max(0, duration), t.stream.TimeBase())
}

func scaleTime(timestamp int64, tb astiav.Rational) time.Duration {
	whole, rest := timestamp/int64(tb.Den()), timestamp%int64(tb.Den())
	num := int64(tb.Num())
	return time.Duration(whole*num)*time.Second + time.Duration(math.Round(float64(rest*num)*1e9/float64(tb.Den())))
}

// packetTime is when a packet is decoded, as time of the part's source.
func (d *demuxer) packetTime(t *track, p *astiav.Packet) (time.Duration, bool) {
	ts := p.Dts()
	if ts == astiav.NoPtsValue {
		ts = p.Pts()
	}
	if ts == astiav.NoPtsValue {
		return 0, false
	}
	return d.at(t, ts), true
}

func (d *demuxer) track(p *astiav.Packet) *track {
	for _, t := range []*track{d.video, d.audio} {
		if t != nil && t.stream.Index() == p.StreamIndex() {
			return t
		}
	}
	return nil
}

// read takes the next packet of a track; io.EOF at the end, also where the data breaks off.
func (d *demuxer) read(ctx context.Context) (*astiav.Packet, *track, error) {
	for bad := 0; ; {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		p := astiav.AllocPacket()
		err := d.fc.ReadFrame(p)
		if err == nil {
			if t := d.track(p); t != nil {
				return p, t, nil
			}
			p.Free()
			continue
		}
		p.Free()
		if bad++; errors.Is(err, astiav.ErrInvaliddata) && bad < 100 {
			continue
		}
		return nil, nil, io.EOF
	}
}

// frameRates are the rates that a measured one is taken for.
var frameRates = [][2]int{{10, 1}, {12, 1}, {15, 1}, {20, 1}, {24000, 1001}, {24, 1}, {25, 1}, {30000, 1001}, {30, 1}, {48, 1}, {50, 1}, {60000, 1001}, {60, 1}}

// frameRate guesses a constant rate from presentation times: the common rate nearest to the measured one. Gaps that are far
// from the usual one, as pictures that were left out make them, do not count. Never above 60.
func frameRate(times []time.Duration) astiav.Rational {
	slices.Sort(times)
	times = slices.Compact(times)
	if len(times) < 2 {
		return astiav.NewRational(25, 1)
	}
	gaps := make([]time.Duration, 0, len(times)-1)
	for i := range times[1:] {
		gaps = append(gaps, times[i+1]-times[i])
	}
	slices.Sort(gaps)
	usual := gaps[len(gaps)/2]
	sum, n := time.Duration(0), 0
	for _, gap := range gaps {
		if gap >= usual*4/5 && gap <= usual*5/4 {
			sum, n = sum+gap, n+1
		}
	}
	rate := float64(n) * float64(time.Second) / float64(sum)
	best, off := [2]int{max(5, min(60, int(math.Round(rate)))), 1}, 0.01
	for _, r := range frameRates {
		if d := math.Abs(rate/(float64(r[0])/float64(r[1])) - 1); d < off {
			best, off = r, d
		}
	}
	return astiav.NewRational(best[0], best[1])
}
