package main

import (
	"errors"
	"fmt"
	"io"

	"liveclip/internal/child/wire"
	"liveclip/internal/domain"
	"liveclip/internal/speech/voice"
	mediav1 "liveclip/proto/media/v1"
)

// voiceEngine is the engine of a recognise order that tells voice from other sound.
const voiceEngine = "silero"

// tellVoice loads the detector, answers Ready, and tells of every Listen how likely somebody speaks in it.
func tellVoice(options map[string]string, in *messages, out *wire.Writer) error {
	folder, libraries := "", ""
	for name, value := range options {
		switch name {
		case "models":
			folder = value
		case "libraries":
			libraries = value
		default:
			return domain.Permanent(fmt.Errorf("open voice detector: option %q is unknown", name))
		}
	}
	d, err := voice.Open(folder, libraries)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Ready{Ready: &mediav1.Ready{Streams: 1}}}); err != nil {
		return err
	}
	for {
		m, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		l := m.GetListen()
		if l == nil {
			return errOrder
		}
		samples, err := decode(l.Samples)
		if err != nil {
			return err
		}
		p, err := d.Hear(l.Voice, samples, l.Anew)
		if err != nil {
			return err
		}
		voiced := &mediav1.Voiced{Voice: l.Voice, Step: int64(voice.Step), Probability: p}
		if err := out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Voiced{Voiced: voiced}}); err != nil {
			return err
		}
	}
}
