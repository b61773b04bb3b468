package finish

import (
	"errors"
	"fmt"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

const soundBitRate = 128_000

// soundEncoder encodes the sound once, for every rendition.
type soundEncoder struct {
	encoder     *astiav.CodecContext
	left, right []float32
	next        int64
	give        func(*astiav.Packet) error // the packet stays the encoder's
}

// newSoundEncoder opens the encoder with options of FFmpeg's; nil: none.
func newSoundEncoder(options map[string]string) (*soundEncoder, error) {
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
	if err := withOptions(options, func(d *astiav.Dictionary) error { return s.encoder.Open(codec, d) }); err != nil {
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
