package copycut

import (
	"errors"
	"fmt"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

// edgeEncoder encodes pictures so that they can stand before and behind the source's.
type edgeEncoder struct {
	codec  codec
	source codecRecord
	par    *astiav.CodecParameters // the source's
	rate   astiav.Rational
	base   astiav.Rational // of times
	pixel  astiav.PixelFormat
	refs   int
	sets   [][]byte // parameter sets of what is encoded
}

// errUnlike: what can't be encoded to match is not cut at all.
func cannotMatch(format string, args ...any) error {
	return domain.Permanent(fmt.Errorf("a lossless cut needs to encode pictures like the source's: "+format, args...))
}

// newEdgeEncoder finds the parameters of the encoder from a picture of the source, and the sets that it will use.
func newEdgeEncoder(track *track, source codecRecord, like *astiav.Frame) (*edgeEncoder, error) {
	e := &edgeEncoder{codec: source.codec, source: source, par: track.stream.CodecParameters(), rate: track.rate, base: track.base, pixel: like.PixelFormat(), refs: references(source)}
	if interlaced(like) {
		return nil, cannotMatch("interlaced ones are not supported")
	}
	if err := e.codec.free(source.sets); err != nil {
		return nil, domain.Permanent(err)
	}
	encoder, err := e.open()
	if err != nil {
		return nil, err
	}
	defer encoder.Free()
	err = eachAnnexB(encoder.ExtraData(), func(nal []byte) error {
		if !e.codec.isSet(e.codec.kind(nal)) {
			return nil
		}
		nal = append([]byte(nil), nal...)
		if e.codec == h265 {
			if nal, err = renumber(nal); err != nil {
				return err
			}
		}
		e.sets = append(e.sets, nal)
		return nil
	})
	return e, err
}

// open opens an encoder; each end has its own, of the same parameters and so of the same sets.
func (e *edgeEncoder) open() (*astiav.CodecContext, error) {
	name := [...]string{"libx264", "libx265"}[e.codec]
	found := astiav.FindEncoderByName(name)
	if found == nil {
		return nil, cannotMatch("this FFmpeg has no %s", name)
	}
	options, err := e.options()
	if err != nil {
		return nil, err
	}
	c := astiav.AllocCodecContext(found)
	err = e.settle(c, found, options)
	if err != nil {
		c.Free()
		return nil, cannotMatch("%s, %s, %dx%d: %w", name, e.pixel, e.par.Width(), e.par.Height(), err)
	}
	return c, nil
}

func (e *edgeEncoder) settle(c *astiav.CodecContext, found *astiav.Codec, options map[string]string) error {
	own := astiav.AllocCodecParameters()
	defer own.Free()
	if err := e.par.Copy(own); err != nil { // size, aspect, colours, level
		return err
	}
	if err := own.SetExtraData(nil); err != nil {
		return err
	}
	own.SetCodecTag(0)
	if err := own.ToCodecContext(c); err != nil {
		return err
	}
	c.SetBitRate(0)
	c.SetPixelFormat(e.pixel)
	c.SetTimeBase(e.base)
	c.SetFramerate(e.rate)
	c.SetThreadCount(2)
	c.SetFlags(c.Flags().Add(astiav.CodecContextFlagGlobalHeader))
	d := astiav.NewDictionary()
	defer d.Free()
	for key, value := range options {
		if err := d.Set(key, value, 0); err != nil {
			return err
		}
	}
	return c.Open(found, d)
}

// profiles of H.264 that x264 encodes, by profile_idc.
var profiles = map[byte]string{66: "baseline", 77: "main", 100: "high", 110: "high10", 122: "high422", 244: "high444"}

// options: of constant, high quality; one keyframe, its first picture; no picture refers to a later one, so that order of
// decoding is order of play and both seams are plain.
func (e *edgeEncoder) options() (map[string]string, error) {
	options := map[string]string{"crf": "17", "preset": "veryfast", "forced-idr": "1"}
	if e.codec == h265 {
		options["x265-params"] = "keyint=-1:bframes=0:open-gop=0:scenecut=0:repeat-headers=0:info=0:log-level=none:frame-threads=1"
		return options, nil
	}
	sps := e.source.first(7)
	if len(sps) < 4 || profiles[sps[1]] == "" {
		return nil, cannotMatch("their H.264 profile is not known")
	}
	options["profile"] = profiles[sps[1]]
	options["x264-params"] = fmt.Sprintf("sps-id=%d:keyint=infinite:bframes=0:scenecut=0:rc-lookahead=0:mbtree=0:ref=%d:annexb=1",
		e.codec.spareID(), min(max(1, e.refs), 16))
	return options, nil
}

// references is how many pictures one may refer to, by the source's sequence parameter set; x264's usual number where mp4ff
// can't read that.
func references(r codecRecord) (n int) {
	defer func() {
		if recover() != nil { // mp4ff panics on some damaged sets
			n = 3
		}
	}()
	sps, err := avc.ParseSPSNALUnit(r.first(7), false)
	if r.codec != h264 || err != nil {
		return 3
	}
	return int(min(sps.NumRefFrames, 16))
}

// first is the first parameter set of a kind.
func (r codecRecord) first(kind int) []byte {
	for _, nal := range r.sets {
		if r.codec.kind(nal) == kind {
			return nal
		}
	}
	return nil
}

// edgeEncoding is one end being encoded.
type edgeEncoding struct {
	*edgeEncoder
	encoder *astiav.CodecContext
	take    func(*astiav.Packet) error
}

// begin begins an end. take gets packets in the source's form, in order, without decode times, and owns them.
func (e *edgeEncoder) begin(take func(*astiav.Packet) error) (*edgeEncoding, error) {
	encoder, err := e.open()
	if err != nil {
		return nil, err
	}
	return &edgeEncoding{e, encoder, take}, nil
}

// add encodes a picture, which stays the caller's.
func (e *edgeEncoding) add(pts int64, f *astiav.Frame) error {
	if f.PixelFormat() != e.pixel || f.Width() != e.par.Width() || f.Height() != e.par.Height() {
		return cannotMatch("they change to %s, %dx%d", f.PixelFormat(), f.Width(), f.Height())
	}
	if interlaced(f) {
		return cannotMatch("interlaced ones are not supported")
	}
	resetPictureType(f)
	f.SetPts(pts)
	if err := e.encoder.SendFrame(f); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return e.receive()
}

func (e *edgeEncoding) receive() error {
	for {
		p := astiav.AllocPacket()
		err := e.encoder.ReceivePacket(p)
		if err == nil {
			err = e.rewriteNALs(p)
		}
		if err == nil {
			err = e.take(p)
			if err != nil {
				return err
			}
			continue
		}
		p.Free()
		if errors.Is(err, astiav.ErrEagain) || errors.Is(err, astiav.ErrEof) {
			return nil
		}
		return fmt.Errorf("encode: %w", err)
	}
}

// end gives what the encoder holds back.
func (e *edgeEncoding) end() error {
	if e == nil {
		return nil
	}
	if err := e.encoder.SendFrame(nil); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return e.receive()
}

// Close gives everything back.
func (e *edgeEncoding) Close() {
	if e != nil {
		e.encoder.Free()
	}
}

// rewriteNALs gives an encoded packet the source's form.
func (e *edgeEncoder) rewriteNALs(p *astiav.Packet) error {
	var data []byte
	err := eachAnnexB(p.Data(), func(nal []byte) (err error) {
		if e.codec.isSet(e.codec.kind(nal)) {
			return nil
		}
		if e.codec == h265 {
			if nal, err = renumber(nal); err != nil {
				return err
			}
		}
		data, err = e.source.form.put(data, nal)
		return err
	})
	if err != nil {
		return err
	}
	return replace(p, data)
}

// append puts another NAL unit at a packet's end.
func (e *edgeEncoder) append(p *astiav.Packet, nal []byte) error {
	data, err := e.source.form.put(append([]byte(nil), p.Data()...), nal)
	if err != nil {
		return err
	}
	return replace(p, data)
}

// replace gives a packet other data.
func replace(p *astiav.Packet, data []byte) error {
	pts, dts, length, flags := p.Pts(), p.Dts(), p.Duration(), p.Flags()
	p.Unref()
	if err := p.FromData(data); err != nil {
		return err
	}
	p.SetPts(pts)
	p.SetDts(dts)
	p.SetDuration(length)
	p.SetFlags(flags)
	return nil
}
