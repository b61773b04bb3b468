package media

import (
	"errors"
	"fmt"

	"github.com/asticode/go-astiav"
)

// initSegment writes ftyp+moov for the tracks, which get the track IDs 1, 2 in order, and sets their timescales.
func initSegment(tracks []*track) (data []byte, err error) {
	fc, err := astiav.AllocOutputFormatContext(nil, "mp4", "")
	if err != nil || fc == nil {
		return nil, fmt.Errorf("allocate MP4 writer: %w", err)
	}
	defer fc.Free()
	io, err := astiav.AllocIOContext(4096, true, nil, nil, func(b []byte) (int, error) {
		data = append(data, b...)
		return len(b), nil
	})
	if err != nil {
		return nil, fmt.Errorf("allocate MP4 writer: %w", err)
	}
	defer io.Free()
	fc.SetPb(io)
	fc.SetStrictStdCompliance(astiav.StrictStdComplianceExperimental) // Opus in MP4 of older FFmpeg
	streams := make([]*astiav.Stream, len(tracks))
	for i, t := range tracks {
		if streams[i], err = newOutputStream(fc, t); err != nil {
			return nil, err
		}
	}
	options := astiav.NewDictionary()
	defer options.Free()
	// No edit list: times in the fragments are media time as they are.
	if err := options.Set("movflags", "empty_moov+default_base_moof+frag_custom", 0); err != nil {
		return nil, err
	}
	if err := options.Set("use_editlist", "0", 0); err != nil {
		return nil, err
	}
	if err := fc.WriteHeader(options); err != nil {
		return nil, fmt.Errorf("write initialisation segment: %w", err)
	}
	io.Flush()
	for i, t := range tracks {
		t.queue.id = uint32(i + 1)
		t.scale = int64(streams[i].TimeBase().Den())
	}
	return data, nil
}

func newOutputStream(fc *astiav.FormatContext, t *track) (*astiav.Stream, error) {
	s := fc.NewStream(nil)
	if s == nil {
		return nil, errors.New("allocate MP4 track: out of memory")
	}
	if err := t.par.Copy(s.CodecParameters()); err != nil {
		return nil, fmt.Errorf("copy codec parameters: %w", err)
	}
	s.SetTimeBase(astiav.NewRational(1, int(t.scale)))
	s.SetSampleAspectRatio(t.par.SampleAspectRatio())
	if len(t.matrix) > 0 {
		if err := s.AddSideData(astiav.PacketSideDataTypeDisplaymatrix, t.matrix); err != nil {
			return nil, fmt.Errorf("copy display matrix: %w", err)
		}
	}
	return s, nil
}
