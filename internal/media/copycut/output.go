package copycut

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	"liveclip/internal/media/finish"
)

// output writes the clip: fragmented MP4 like the finished renditions, a fragment a keyframe, and an index at the front.
type output struct {
	path  string
	fc    *astiav.FormatContext
	pb    *astiav.IOContext
	first int64              // decode time of the first picture
	last  *astiav.Packet     // the last picture: how long it is shown is known when the next one comes
	bases [2]astiav.Rational // of what is written
}

// newOutput begins the file; extra is the picture's configuration.
func newOutput(folder string, s *source, extra []byte, metadata map[string]string) (_ *output, err error) {
	o := &output{path: filepath.Join(folder, domain.SourceProfile+".mp4")}
	defer func() {
		if err != nil {
			o.abandon()
			err = fmt.Errorf("begin %s: %w", o.path, err)
		}
	}()
	if o.fc, err = astiav.AllocOutputFormatContext(nil, "mp4", o.path); err != nil {
		return nil, err
	}
	o.fc.SetStrictStdCompliance(astiav.StrictStdComplianceExperimental) // Opus in MP4 of older FFmpeg
	for i, t := range []*track{s.video, s.audio} {
		if t == nil {
			continue
		}
		if o.bases[i] = t.base; i == 1 {
			o.bases[i] = astiav.NewRational(1, t.stream.CodecParameters().SampleRate())
		}
		if err := o.add(t, o.bases[i]); err != nil {
			return nil, err
		}
	}
	if err := o.fc.Streams()[0].CodecParameters().SetExtraData(extra); err != nil {
		return nil, err
	}
	for key, value := range metadata {
		finish.SetMetadata(o.fc, key, value)
	}
	if o.pb, err = astiav.OpenIOContext(o.path, astiav.NewIOContextFlags(astiav.IOContextFlagWrite)); err != nil {
		return nil, err
	}
	o.fc.SetPb(o.pb)
	return o, withOptions(map[string]string{"movflags": "frag_keyframe+delay_moov+default_base_moof+global_sidx+skip_trailer+use_metadata_tags"}, o.fc.WriteHeader)
}

// hvc1 is the sample entry whose parameter sets lie in the header; FFmpeg's own choice, hev1, Apple's players don't take.
const hvc1 = astiav.CodecTag('h' | 'v'<<8 | 'c'<<16 | '1'<<24)

func (o *output) add(t *track, base astiav.Rational) error {
	stream := o.fc.NewStream(nil)
	if stream == nil {
		return errors.New("no memory for a stream")
	}
	par := stream.CodecParameters()
	if err := t.stream.CodecParameters().Copy(par); err != nil {
		return err
	}
	par.SetCodecTag(0)
	if par.CodecID() == astiav.CodecIDHevc {
		par.SetCodecTag(hvc1)
	}
	stream.SetTimeBase(base)
	stream.SetSampleAspectRatio(t.stream.SampleAspectRatio())
	if t.rate.Num() > 0 {
		stream.SetAvgFrameRate(t.rate)
	}
	if matrix := t.stream.SideData(astiav.PacketSideDataTypeDisplaymatrix); len(matrix) > 0 {
		return stream.AddSideData(astiav.PacketSideDataTypeDisplaymatrix, matrix)
	}
	return nil
}

// picture writes a packet, which becomes the output's; decode times are made to rise.
func (o *output) picture(p *astiav.Packet) error {
	if p.Dts() > p.Pts() {
		p.SetDts(p.Pts())
	}
	if o.last == nil {
		o.first, o.last = p.Dts(), p
		return nil
	}
	before := o.last
	if p.Dts() <= before.Dts() {
		p.SetDts(before.Dts() + 1)
	}
	if p.Pts() < p.Dts() {
		p.Free()
		return fmt.Errorf("write %s: a picture would be decoded after it is shown", o.path)
	}
	o.last = p
	before.SetDuration(p.Dts() - before.Dts())
	return o.write(before, 0)
}

func (o *output) sound(x soundPacket) error {
	p := x.packet
	p.SetPts(x.at)
	p.SetDts(x.at)
	p.SetDuration(x.n)
	return o.write(p, 1)
}

func (o *output) write(p *astiav.Packet, stream int) error {
	defer p.Free()
	p.SetStreamIndex(stream)
	p.SetPos(-1)
	p.RescaleTs(o.bases[stream], o.fc.Streams()[stream].TimeBase())
	if err := o.fc.WriteInterleavedFrame(p); err != nil {
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	return nil
}

// finish ends the file, whose length is given in ticks of the picture's, and in time.
func (o *output) finish(ticks int64, length time.Duration) error {
	p := o.last
	o.last = nil
	p.SetDuration(max(1, ticks+o.first-p.Dts()))
	err := o.write(p, 0)
	if err == nil {
		err = o.fc.WriteTrailer()
	}
	if err == nil {
		err = o.pb.Close()
		o.pb = nil
	}
	if err == nil {
		err = finish.Seal(o.path, length)
	}
	if err != nil {
		return fmt.Errorf("finish %s: %w", o.path, err)
	}
	o.Close()
	return nil
}

// Close gives everything back.
func (o *output) Close() {
	if o.last != nil {
		o.last.Free()
		o.last = nil
	}
	if o.pb != nil {
		_ = o.pb.Close()
		o.pb = nil
	}
	if o.fc != nil {
		o.fc.Free()
		o.fc = nil
	}
}

// abandon takes the file away again.
func (o *output) abandon() {
	o.Close()
	_ = os.Remove(o.path)
}
