package finish

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
	"liveclip/internal/loudness"
	"liveclip/internal/tune"
	mediav1 "liveclip/proto/media/v1"
)

// mixSound makes the shot's sound of its music and its voice.
func (s *shot) mixSound(ctx context.Context) error {
	if s.out == nil {
		return nil
	}
	var under [2][]float32
	if name := s.order.GetSound(); name != "" {
		var err error
		if under, err = tune.Sting(name, s.scene.Length); err != nil {
			return domain.Permanent(err)
		}
	}
	mixed := padTo(under, int(math.Round(s.length().Seconds()*sampleRate)))
	if s.order.GetVoice() != "" {
		voice, err := s.voiceSamples(ctx)
		if err != nil {
			return err
		}
		mixed = duck(mixed, voice, int(s.order.GetVoiceAt()*sampleRate))
	}
	gain := 0.0
	if measured, ok := integratedLoudness(mixed); ok && measured > silentLoudness {
		gain = max(-40, min(mostGain, targetLoudness-measured))
		s.loudness = measured + gain
	}
	s.sound.give = func(packet *astiav.Packet) error {
		s.packets = append(s.packets, packet.Clone())
		return nil
	}
	l := newLeveller() // louder by so many dB, and held below the ceiling
	l.give = s.sound.add
	l.set(gain)
	if err := l.add(mixed[0], mixed[1]); err != nil {
		return err
	}
	if err := l.end(); err != nil {
		return err
	}
	return s.sound.end()
}

// voiceSamples decodes the voice's file.
func (s *shot) voiceSamples(ctx context.Context) ([2][]float32, error) {
	var voice [2][]float32
	p := newPart(0, &mediav1.FinishPart{File: s.order.GetVoice(), End: int64(s.scene.Length)}, nil)
	_, _, err := p.run(ctx, s.shape, func(m media) error {
		m.free()
		for c, samples := range m.samples {
			voice[c] = append(voice[c], samples...)
		}
		return nil
	})
	if err != nil {
		return voice, fmt.Errorf("voice: %w", err)
	}
	if measured, ok := integratedLoudness(voice); ok {
		by := float32(math.Pow(10, (targetLoudness-measured)/20))
		for c := range voice {
			for i := range voice[c] {
				voice[c][i] *= by
			}
		}
	}
	return voice, nil
}

// duck lays a voice over sound, which is lowered under it.
func duck(under, voice [2][]float32, at int) [2][]float32 {
	duck := newDucker()
	for i := range under[0] {
		left, right := float32(0), float32(0)
		if j := i - at; j >= 0 && j < len(voice[0]) {
			left, right = voice[0][j], voice[1][j]
		}
		by := duck.gain(max(left, -left, right, -right))
		under[0][i], under[1][i] = under[0][i]*by+left, under[1][i]*by+right
	}
	return under
}

func integratedLoudness(sound [2][]float32) (float64, bool) {
	return loudness.Integrated(slices.Values(loudness.NewMeter(sampleRate, 2).Add([][]float32{sound[0], sound[1]})))
}

// padTo cuts sound to n samples, or pads it with silence.
func padTo(sound [2][]float32, n int) [2][]float32 {
	var out [2][]float32
	for c := range out {
		out[c] = make([]float32, n)
		copy(out[c], sound[c])
	}
	return out
}
