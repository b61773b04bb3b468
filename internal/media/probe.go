package media

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// Probe does a ProbeOrder. Its error names what is wrong with the input.
func Probe(ctx context.Context, order *mediav1.ProbeOrder) (*mediav1.Probed, error) {
	astiav.SetLogLevel(astiav.LogLevelError)
	src, err := openURL(ctx, place{url: order.Url, schemes: order.AllowedSchemes})
	if err != nil {
		return nil, err
	}
	defer src.close()
	probed, err := probe(src)
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", src.name, err)
	}
	return probed, nil
}

func probe(src *source) (*mediav1.Probed, error) {
	video, audio, err := choose(src)
	if err != nil {
		return nil, err
	}
	var tracks []*track
	for _, s := range []*astiav.Stream{video, audio} {
		if s == nil {
			continue
		}
		t, err := newTrack(src.fc, s)
		if err != nil {
			return nil, err
		}
		defer t.free()
		if err := t.check(); err != nil {
			return nil, err
		}
		tracks = append(tracks, t)
	}
	if len(tracks) == 0 {
		return nil, domain.Permanent(errors.New("it has neither picture nor sound that is supported"))
	}
	p := &mediav1.Parameters{Duration: fileDuration(src.fc)}
	describe(p, tracks)
	return &mediav1.Probed{Parameters: p, Format: src.fc.InputFormat().Name(), Duration: p.Duration}, nil
}

// describe fills in what the tracks are.
func describe(p *mediav1.Parameters, tracks []*track) {
	for _, t := range tracks {
		name := supported[t.par.CodecID()]
		if t.video {
			width, height := t.displaySize()
			p.VideoCodec, p.Width, p.Height, p.FrameRate = name, int64(width), int64(height), t.frameRate
		} else {
			p.AudioCodec, p.SampleRate, p.Channels = name, int64(t.par.SampleRate()), int64(t.par.Channels())
		}
	}
}

// fileDuration is what the header tells, in nanoseconds; 0: nothing.
func fileDuration(fc *astiav.FormatContext) int64 {
	if d := fc.Duration(); d > 0 {
		return d * int64(time.Microsecond)
	}
	return 0
}
