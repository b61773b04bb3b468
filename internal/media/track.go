package media

import (
	"bytes"
	"fmt"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

const (
	maxStreams = 64          // of a source
	maxPixels  = 4096 * 2304 // of a picture
	maxPacket  = 32 << 20    // bytes
)

// supported codecs, by the names they are reported with.
var supported = map[astiav.CodecID]string{
	astiav.CodecIDH264: "h264",
	astiav.CodecIDHevc: "hevc",
	astiav.CodecIDAac:  "aac",
	astiav.CodecIDMp3:  "mp3",
	astiav.CodecIDOpus: "opus",
}

// track is one stream of a source that is recorded.
type track struct {
	index     int
	video     bool
	codec     videoCodec
	par       *astiav.CodecParameters // ours: in force for the run
	matrix    []byte                  // display matrix
	frameRate float64
	tb        astiav.Rational // of the source
	scale     int64           // of the fragments: ticks per second
	annexB    bool
	sets      [][]byte // Annex B: parameter sets in force
	clock     trackClock
	queue     queue
	lastTick  int64
	lastDTS   int64 // of the source, for packets without a time
	seen      bool  // a packet of it is in the run
	keyed     bool  // a frame to begin with has come
}

// newTrack copies what it needs of the stream.
func newTrack(fc *astiav.FormatContext, s *astiav.Stream) (*track, error) {
	from := s.CodecParameters()
	t := &track{index: s.Index(), video: from.MediaType() == astiav.MediaTypeVideo, tb: s.TimeBase(), par: astiav.AllocCodecParameters()}
	if err := from.Copy(t.par); err != nil {
		t.par.Free()
		return nil, fmt.Errorf("copy codec parameters: %w", err)
	}
	t.par.SetCodecTag(0)
	t.queue.video = t.video
	if !t.video {
		t.scale = int64(t.par.SampleRate())
		t.keyed = true
		return t, nil
	}
	t.scale = 90000
	if t.tb.Num() == 1 && t.tb.Den() >= 10000 && t.tb.Den() <= 1000000 {
		t.scale = int64(t.tb.Den())
	}
	t.frameRate = fc.GuessFrameRate(s, nil).Float64()
	t.matrix = s.SideData(astiav.PacketSideDataTypeDisplaymatrix)
	if t.par.CodecID() == astiav.CodecIDHevc {
		t.codec = h265
		t.par.SetCodecTag(astiav.CodecTag(uint32('h') | uint32('v')<<8 | uint32('c')<<16 | uint32('1')<<24))
	}
	extra := t.par.ExtraData()
	t.annexB = len(extra) == 0 || extra[0] != 1
	if t.annexB {
		t.sets = t.codec.parameterSets(extra)
	}
	return t, nil
}

func (t *track) free() {
	if t != nil {
		t.par.Free()
	}
}

// ready: what an initialisation segment needs is known.
func (t *track) ready() bool {
	if t.video {
		return t.par.Width() > 0 && t.par.Height() > 0 && len(t.par.ExtraData()) > 0
	}
	return t.par.SampleRate() > 0 && t.par.Channels() > 0 && (t.par.CodecID() != astiav.CodecIDAac || len(t.par.ExtraData()) > 0)
}

// check refuses what no part of liveclip can handle.
func (t *track) check() error {
	if t.video && t.par.Width()*t.par.Height() > maxPixels {
		return domain.Permanent(fmt.Errorf("picture of %d×%d has more than %d pixels", t.par.Width(), t.par.Height(), maxPixels))
	}
	return nil
}

// unit is a packet as a fragment holds it, with the source's times.
type unit struct {
	track            *track
	dts, pts, length time.Duration // source time
	key              bool
	data             []byte // valid as long as the packet
	extra            []byte // extradata that the packet carries: from here on it is in force
}

// unpack reads a packet of the track; false: it is damaged.
func (t *track) unpack(pkt *astiav.Packet) (u unit, ok bool) {
	u = unit{track: t, data: packetBytes(pkt), key: !t.video || pkt.Flags().Has(astiav.PacketFlagKey)}
	if len(u.data) == 0 || len(u.data) > maxPacket {
		return u, false
	}
	u.extra = pkt.SideData(astiav.PacketSideDataTypeNewExtradata)
	if !t.convert(&u) {
		return u, false
	}
	t.time(&u, pkt)
	return u, true
}

// convert gives the data the form that MP4 holds, and finds the parameters that it carries.
func (t *track) convert(u *unit) bool {
	switch {
	case t.video && t.annexB:
		var sets [][]byte
		u.data, sets = t.codec.lengthPrefixed(u.data)
		if len(u.data) == 0 {
			return false
		}
		if u.key && len(sets) > 0 {
			u.extra = joinAnnexB(sets)
		}
	case t.par.CodecID() == astiav.CodecIDAac && isADTS(u.data):
		frame, config, err := fromADTS(u.data)
		if err != nil {
			return false
		}
		u.data, u.extra = frame, config
	}
	return true
}

// begins: a run can begin with the unit.
func (t *track) begins(u unit) bool { return u.key && (t.ready() || len(u.extra) > 0) }

// adopt puts the unit's parameters into force, and reports whether they are others than before.
func (t *track) adopt(u unit) (changed bool, err error) {
	if len(u.extra) == 0 || bytes.Equal(u.extra, t.par.ExtraData()) {
		return false, nil
	}
	var sets [][]byte
	if t.video {
		annexB := u.extra[0] != 1
		if sets = t.codec.avccSets(u.extra); annexB {
			sets = t.codec.parameterSets(u.extra)
		}
		if annexB && t.ready() && !brings(t.sets, sets) {
			return false, nil
		}
		t.annexB, t.sets = annexB, sets
	}
	if err := t.par.SetExtraData(u.extra); err != nil {
		return false, fmt.Errorf("adopt codec parameters: %w", err)
	}
	if w, h, ok := t.codec.size(sets); ok {
		t.par.SetWidth(w)
		t.par.SetHeight(h)
	}
	if rate, layout, ok := aacSound(u.extra); ok && t.par.CodecID() == astiav.CodecIDAac && (rate != t.par.SampleRate() || layout.NbChannels() != t.par.Channels()) {
		t.par.SetSampleRate(rate)
		t.par.SetChannelLayout(layout)
		t.par.SetChannels(layout.NbChannels()) // FFmpeg 5.1 has both
		t.scale = int64(rate)
	}
	return true, nil
}

// time reads the packet's times; a packet without one follows the packet before it.
func (t *track) time(u *unit, pkt *astiav.Packet) {
	num, den := int64(t.tb.Num())*int64(time.Second), int64(t.tb.Den())
	u.length = time.Duration(rescale(pkt.Duration(), num, den))
	// A length in whole milliseconds (FLV) is not what is heard: summed up, sound would end 1 % too early.
	if usual := t.usualLength(); u.length <= 0 || !t.video && (u.length-usual).Abs() < time.Millisecond {
		u.length = usual
	}
	dts, pts := pkt.Dts(), pkt.Pts()
	if dts == astiav.NoPtsValue {
		dts = pts
	}
	if dts == astiav.NoPtsValue {
		dts = t.lastDTS
	}
	if pts == astiav.NoPtsValue {
		pts = dts
	}
	pkt.SetDts(dts)
	pkt.SetPts(pts)
	t.lastDTS = dts + max(1, rescale(int64(u.length), den, num))
	u.dts, u.pts = time.Duration(rescale(dts, num, den)), time.Duration(rescale(pts, num, den))
}

func (t *track) usualLength() time.Duration {
	if !t.video {
		samples := t.par.FrameSize()
		if samples <= 0 {
			samples = 1024
		}
		return time.Duration(int64(samples) * int64(time.Second) / max(1, int64(t.par.SampleRate())))
	}
	if t.frameRate > 0 && t.frameRate < 1000 {
		return time.Duration(float64(time.Second) / t.frameRate)
	}
	return 40 * time.Millisecond
}

// displaySize is the picture's size as shown: pixels made square, turned upright.
func (t *track) displaySize() (width, height int) {
	width, height = t.par.Width(), t.par.Height()
	if sar := t.par.SampleAspectRatio(); sar.Num() > 0 && sar.Den() > 0 {
		width = (width*sar.Num()/sar.Den() + 1) &^ 1
	}
	if m, err := astiav.NewDisplayMatrixFromBytes(t.matrix); err == nil {
		if r := int(m.Rotation()+360+45) / 90 % 2; r == 1 {
			width, height = height, width
		}
	}
	return width, height
}

// place turns the unit's media times into the track's ticks: decode times rise, and no picture is shown before it is decoded.
func (t *track) place(u unit, at, show, floor time.Duration) placed {
	p := placed{at: max(at, floor), show: show, length: u.length}
	p.dts = max(ticks(p.at, t.scale), t.lastTick+1)
	if !t.seen {
		p.dts = ticks(p.at, t.scale)
		t.seen = true
	}
	p.pts = max(p.dts, ticks(show, t.scale))
	p.sample.length = max(1, ticks(u.length, t.scale))
	p.key, p.data = u.key, u.data
	t.lastTick = p.dts
	return p
}

// choose picks the picture and the sound to record: the largest picture, the first sound. One that can only be of another
// codec is an error that names it. Streams whose codec nobody knows are left out of sources that unfold: it may come yet.
// Of others they are refused, too.
func choose(src *source) (video, audio *astiav.Stream, err error) {
	streams := src.fc.Streams()
	if len(streams) > maxStreams {
		return nil, nil, domain.Permanent(fmt.Errorf("%d streams are more than %d", len(streams), maxStreams))
	}
	refused := map[astiav.MediaType]string{}
	pictures := 0
	for _, s := range streams {
		par := s.CodecParameters()
		kind, id := par.MediaType(), par.CodecID()
		_, ok := supported[id]
		switch {
		case id == astiav.CodecIDNone && src.unfolds():
		case kind == astiav.MediaTypeVideo && ok:
			if area := 1 + par.Width()*par.Height(); area > pictures {
				video, pictures = s, area
			}
		case kind == astiav.MediaTypeAudio && ok:
			if audio == nil {
				audio = s
			}
		case kind == astiav.MediaTypeVideo || kind == astiav.MediaTypeAudio:
			refused[kind] = codecName(par)
		}
	}
	if name := refused[astiav.MediaTypeAudio]; audio == nil && name != "" {
		return nil, nil, domain.Permanent(fmt.Errorf("sound of codec %s is not supported (aac, mp3 and opus are)", name))
	}
	// A still beside sound is its cover.
	if name := refused[astiav.MediaTypeVideo]; video == nil && name != "" && (audio == nil || name != "mjpeg" && name != "png") {
		return nil, nil, domain.Permanent(fmt.Errorf("picture of codec %s is not supported (h264 and hevc are)", name))
	}
	return video, audio, nil
}

// codecName is FFmpeg's name, or what the container calls a codec that FFmpeg doesn't know.
func codecName(par *astiav.CodecParameters) string {
	if id := par.CodecID(); id != astiav.CodecIDNone {
		return id.Name()
	}
	tag := uint32(par.CodecTag())
	if tag == 0 {
		return "unknown (the container names none)"
	}
	return fmt.Sprintf("unknown (%q)", []byte{byte(tag), byte(tag >> 8), byte(tag >> 16), byte(tag >> 24)})
}
