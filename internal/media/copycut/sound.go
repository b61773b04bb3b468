package copycut

import (
	"errors"
	"fmt"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

// primingFrames is how many packets before the first one heard are copied, so that a decoder has settled when that comes.
const primingFrames = 2

// soundPacket is one packet of sound, times in samples.
type soundPacket struct {
	packet *astiav.Packet
	at, n  int64
}

// soundCopier lays the source's packets of sound end to end, times in samples since the source's zero.
type soundCopier struct {
	rate    int64
	usual   int64 // samples of a packet
	fixed   bool  // … of every packet
	write   func(soundPacket) error
	silence *silence // nil: breaks stay
	zero    int64    // where the clip begins
	begun   bool     // … is known
	waiting []soundPacket
	next    int64 // where the last packet ended
	any     bool
	written int64 // up to where
	first   bool  // something was written
}

func newSoundCopier(t *track, write func(soundPacket) error) (*soundCopier, error) {
	par := t.stream.CodecParameters()
	s := &soundCopier{rate: int64(par.SampleRate()), write: write}
	if s.rate <= 0 {
		return nil, domain.Permanent(errors.New("the source's sound has no sample rate"))
	}
	s.usual = int64(par.FrameSize())
	if s.usual <= 0 {
		s.usual = map[astiav.CodecID]int64{astiav.CodecIDAac: 1024, astiav.CodecIDMp3: 1152}[par.CodecID()]
	}
	if s.fixed = s.usual > 0; !s.fixed {
		s.usual = s.rate / 50
	}
	if _, ok := layouts[par.Channels()]; ok && par.CodecID() == astiav.CodecIDAac && s.usual == 1024 {
		s.silence = &silence{rate: par.SampleRate(), channels: par.Channels()}
	}
	return s, nil
}

// add takes a packet, which becomes the sounds'.
func (s *soundCopier) add(p *astiav.Packet, base astiav.Rational) error {
	x := soundPacket{packet: p, at: samplesOf(p.Pts(), base, s.rate), n: s.usual}
	switch n := samplesOf(p.Duration(), base, s.rate); {
	case !s.fixed && n > 0:
		x.n = n
	case s.fixed && n > s.usual*3/2: // a decoder gives twice the samples (SBR)
		x.n, s.silence = 2*s.usual, nil
	}
	if s.any {
		// Times in milliseconds are rounded; what is off by more is a break.
		off := x.at - s.next
		if max(off, -off) <= s.rate/200 {
			x.at = s.next
		}
		if x.at < s.next {
			p.Free()
			return nil // is heard already
		}
	}
	s.next, s.any = x.at+x.n, true
	s.waiting = append(s.waiting, x)
	if len(s.waiting) > 1<<17 {
		return errors.New("the source's sound runs ahead of its picture by far")
	}
	return nil
}

// begin says where the clip begins.
func (s *soundCopier) begin(zero int64) { s.zero, s.begun = zero, true }

// trim drops what lies before the clip, but for the lead; false while nothing of the clip has come.
func (s *soundCopier) trim() bool {
	before := 0
	for before < len(s.waiting) && s.waiting[before].at+s.waiting[before].n <= s.zero {
		before++
	}
	for ; before > primingFrames; before-- {
		s.waiting[0].packet.Free()
		s.waiting = s.waiting[1:]
	}
	return before < len(s.waiting)
}

// flush writes what ends by a time.
func (s *soundCopier) flush(to int64) error {
	if !s.begun || !s.first && !s.trim() {
		return nil
	}
	for len(s.waiting) > 0 && s.waiting[0].at+s.waiting[0].n <= to {
		x := s.waiting[0]
		s.waiting = s.waiting[1:]
		if err := s.put(x); err != nil {
			return err
		}
	}
	return nil
}

func (s *soundCopier) put(x soundPacket) error {
	if !s.first {
		s.first, s.written = true, min(x.at, s.zero)
	}
	if err := s.fill(x.at); err != nil {
		x.packet.Free()
		return err
	}
	s.written = x.at + x.n
	x.at -= s.zero
	return s.write(x)
}

// fill is silent up to a time.
func (s *soundCopier) fill(to int64) error {
	for s.silence != nil && to-s.written >= s.usual {
		p, err := s.silence.packet()
		if err != nil {
			return err
		}
		at := s.written
		s.written += s.usual
		if err := s.write(soundPacket{packet: p, at: at - s.zero, n: s.usual}); err != nil {
			return err
		}
	}
	return nil
}

// end writes what is left up to the clip's end; the last packet is as long as is heard of it.
func (s *soundCopier) end(to int64) error {
	if err := s.flush(to); err != nil {
		return err
	}
	left := s.waiting
	s.waiting = nil
	for _, x := range left {
		if x.at >= to || x.at+x.n <= s.zero {
			x.packet.Free()
			continue
		}
		x.n = min(x.n, to-x.at)
		if err := s.put(x); err != nil {
			return err
		}
	}
	if !s.first {
		s.first, s.written = true, s.zero
	}
	return s.fill(to)
}

func (s *soundCopier) Close() {
	for _, x := range s.waiting {
		x.packet.Free()
	}
	if s.silence != nil {
		s.silence.Close()
	}
}

// samplesOf is a time in samples.
func samplesOf(ts int64, base astiav.Rational, rate int64) int64 {
	return scale(ts, int64(base.Num())*rate, int64(base.Den()))
}

// layouts that silence is made in, by the number of their channels.
var layouts = map[int]astiav.ChannelLayout{1: astiav.ChannelLayoutMono, 2: astiav.ChannelLayoutStereo}

// silence makes packets of AAC in which nothing is heard.
type silence struct {
	rate, channels int
	one            *astiav.Packet
}

func (s *silence) packet() (*astiav.Packet, error) {
	if s.one == nil {
		var err error
		if s.one, err = s.make(); err != nil {
			return nil, fmt.Errorf("fill a break of the sound: %w", err)
		}
	}
	return s.one.Clone(), nil
}

// make encodes a few packets of silence and takes one that has only silence on both sides.
func (s *silence) make() (*astiav.Packet, error) {
	found := astiav.FindEncoderByName("aac")
	if found == nil {
		return nil, errors.New("this FFmpeg has no AAC encoder")
	}
	c := astiav.AllocCodecContext(found)
	defer c.Free()
	c.SetSampleRate(s.rate)
	c.SetSampleFormat(astiav.SampleFormatFltp)
	c.SetChannelLayout(layouts[s.channels])
	c.SetTimeBase(astiav.NewRational(1, s.rate))
	c.SetFlags(c.Flags().Add(astiav.CodecContextFlagGlobalHeader))
	if err := c.Open(found, nil); err != nil {
		return nil, err
	}
	f := astiav.AllocFrame()
	defer f.Free()
	f.SetNbSamples(c.FrameSize())
	f.SetSampleRate(c.SampleRate())
	f.SetSampleFormat(c.SampleFormat())
	f.SetChannelLayout(c.ChannelLayout())
	if err := f.AllocBuffer(0); err != nil {
		return nil, err
	}
	fillSilence(f, s.channels)
	p := astiav.AllocPacket()
	for i, got := int64(0), 0; i < 8; i++ {
		f.SetPts(i * int64(c.FrameSize()))
		if err := c.SendFrame(f); err != nil {
			p.Free()
			return nil, err
		}
		for c.ReceivePacket(p) == nil {
			if got++; got == 3 {
				return p, nil
			}
			p.Unref()
		}
	}
	p.Free()
	return nil, errors.New("the AAC encoder gives nothing")
}

func (s *silence) Close() {
	if s.one != nil {
		s.one.Free()
	}
}
