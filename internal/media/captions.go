package media

import (
	"slices"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/caption"
	"liveclip/internal/caption/cea"
	mediav1 "liveclip/proto/media/v1"
)

// trackCodecs are the subtitle tracks whose packets are text.
var trackCodecs = map[astiav.CodecID]string{astiav.CodecIDSubrip: "subrip", astiav.CodecIDWebvtt: "webvtt", astiav.CodecIDMovText: "mov_text",
	astiav.CodecIDAss: "ass", astiav.CodecIDSsa: "ass", astiav.CodecIDText: "text"}

const (
	channelTrack = "track"
	// A picture that stands still for longer carries no captions that are waited for.
	captionPatience = 2 * time.Second
	mostCaption     = 15 * time.Second // of a track's, that does not say how long it is shown
)

// captions reads the lines that are written in a source: in its pictures, or on a track of their own.
type captions struct {
	want    string // a channel; empty: none is read
	decoder *cea.Decoder
	order   cea.Order
	to      time.Duration // every picture shown before it was read
	from    string        // "any": where the first line came from, and the others come from
	found   []*mediav1.Caption

	stream *astiav.Stream // of text; nil: there is none
	codec  string
	early  []trackPacket // came before the first run
}

type trackPacket struct {
	at, length time.Duration // source time
	text       string
}

func newCaptions(want string) captions {
	c := captions{want: want}
	if want == cea.Any || slices.Contains(cea.Channels, want) {
		c.decoder = cea.NewDecoder(want)
	}
	return c
}

// findTrack chooses the first track of text, where one is read.
func (c *captions) findTrack(fc *astiav.FormatContext) {
	if c.stream != nil || c.want != cea.Any && c.want != channelTrack {
		return
	}
	for _, s := range fc.Streams() {
		if codec, ok := trackCodecs[s.CodecParameters().CodecID()]; ok {
			c.stream, c.codec = s, codec
			return
		}
	}
}

// picture takes a picture in the order of decoding.
func (c *captions) picture(t *track, data []byte, at, show time.Duration) {
	if c.decoder == nil {
		return
	}
	codec := cea.H264
	if t.codec == h265 {
		codec = cea.HEVC
	}
	c.order.Add(at, show, cea.Find(codec, t.lengthSize(), data), c.give)
	c.to = max(c.to, at)
}

func (c *captions) give(show time.Duration, data []byte) { c.take(c.decoder.Add(show, data)) }

func (c *captions) take(lines []cea.Line) {
	for _, l := range lines {
		c.add(cea.Any, &mediav1.Caption{Start: int64(l.Start), End: int64(l.End), Text: l.Text, Channel: l.Channel})
	}
}

// add takes a line of a place, unless another is read.
func (c *captions) add(from string, line *mediav1.Caption) {
	if c.from == "" {
		c.from = from
	}
	if c.from == from {
		c.found = append(c.found, line)
	}
}

// ofTrack takes a packet of the track of text; false: it is none. base is source time less media time; begun: that is known.
func (c *captions) ofTrack(pkt *astiav.Packet, begun bool, base time.Duration) bool {
	if c.stream == nil || pkt.StreamIndex() != c.stream.Index() {
		return false
	}
	if pkt.Pts() == astiav.NoPtsValue {
		return true
	}
	tb := c.stream.TimeBase()
	num, den := int64(tb.Num())*int64(time.Second), int64(tb.Den())
	p := trackPacket{at: time.Duration(rescale(pkt.Pts(), num, den)), length: time.Duration(rescale(pkt.Duration(), num, den)), text: caption.OfTrack(c.codec, packetBytes(pkt))}
	if p.text == "" {
		return true
	}
	if c.early = append(c.early, p); !begun {
		c.early = c.early[max(0, len(c.early)-64):]
		return true
	}
	c.begin(base)
	return true
}

// begin takes what came before media time was known.
func (c *captions) begin(base time.Duration) {
	for _, p := range c.early {
		if p.length <= 0 || p.length > mostCaption {
			p.length = mostCaption
		}
		start, end := p.at-base, p.at-base+p.length
		if end > 0 {
			c.add(channelTrack, &mediav1.Caption{Start: int64(max(0, start)), End: int64(end), Text: p.text, Channel: channelTrack})
		}
	}
	c.early = c.early[:0]
}

// message gives the lines since it was asked last, and how far they are whole, of a part that ends at a time.
func (c *captions) message(end time.Duration, hasPicture bool) *mediav1.Captions {
	if c.want == "" {
		return nil
	}
	to := end
	if c.decoder != nil && hasPicture {
		to = min(end, max(c.to, end-captionPatience))
		c.take(c.decoder.Advance(to))
	}
	if c.decoder != nil {
		if from, open := c.decoder.Opened(); open && c.from != channelTrack {
			to = min(to, from)
		}
	}
	m := &mediav1.Captions{Captions: c.found, To: int64(to)}
	c.found = nil
	return m
}

// end reads what is held and ends what stands, at a time.
func (c *captions) end(at time.Duration) {
	if c.decoder != nil {
		c.order.End(c.give)
		c.take(c.decoder.End(at))
		c.to = at
	}
}

// lengthSize is how many bytes tell a NAL unit's length in what convert gives.
func (t *track) lengthSize() int {
	extra := t.par.ExtraData()
	switch {
	case t.annexB:
	case t.codec == h264 && len(extra) > 4:
		return int(extra[4]&3) + 1
	case t.codec == h265 && len(extra) > 21:
		return int(extra[21]&3) + 1
	}
	return 4
}
