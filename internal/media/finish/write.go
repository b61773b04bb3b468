package finish

import (
	"errors"
	"fmt"
	"time"

	"github.com/asticode/go-astiav"
)

// movie writes a fragmented MP4: a fragment a keyframe, and an index of them at the front once it is whole. Stream 0 is the
// picture, stream 1 the sound where there is one.
type movie struct {
	path string
	out  *astiav.FormatContext
	pb   *astiav.IOContext
}

func newMovie(path string, streams []*astiav.CodecContext, metadata map[string]string) (_ *movie, err error) {
	m := &movie{path: path}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	if m.out, err = astiav.AllocOutputFormatContext(nil, "mp4", path); err != nil {
		return nil, err
	}
	for i, encoder := range streams {
		stream := m.out.NewStream(nil)
		if stream == nil {
			return nil, errors.New("no memory for a stream")
		}
		if err := stream.CodecParameters().FromCodecContext(encoder); err != nil {
			return nil, err
		}
		stream.SetTimeBase(encoder.TimeBase())
		if i == 0 {
			stream.SetAvgFrameRate(encoder.Framerate())
		}
	}
	for key, value := range metadata {
		setMetadata(m.out, key, value)
	}
	if m.pb, err = astiav.OpenIOContext(path, astiav.NewIOContextFlags(astiav.IOContextFlagWrite)); err != nil {
		return nil, err
	}
	m.out.SetPb(m.pb)
	return m, withOptions(map[string]string{
		"movflags": "frag_keyframe+delay_moov+default_base_moof+global_sidx+skip_trailer+use_metadata_tags",
	}, m.out.WriteHeader)
}

func (m *movie) write(packet *astiav.Packet, stream int, from astiav.Rational) error {
	packet.SetStreamIndex(stream)
	packet.RescaleTs(from, m.out.Streams()[stream].TimeBase())
	if err := m.out.WriteInterleavedFrame(packet); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// finish ends the file, which is so long.
func (m *movie) finish(length time.Duration) error {
	if err := m.out.WriteTrailer(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	err := m.pb.Close()
	m.pb = nil
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return writeLengths(m.path, length)
}

// Close gives everything back; a file that is not finished stays behind.
func (m *movie) Close() {
	if m.pb != nil {
		_ = m.pb.Close()
	}
	if m.out != nil {
		m.out.Free()
	}
}
