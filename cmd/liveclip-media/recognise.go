package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"liveclip/internal/child/wire"
	"liveclip/internal/domain"
	"liveclip/internal/speech"
	mediav1 "liveclip/proto/media/v1"
)

// recogniseMode loads a recogniser, answers Ready, and recognises one utterance after another until standard input ends.
func recogniseMode(_ context.Context, order *mediav1.ToChild, in *messages, out *wire.Writer) (string, error) {
	o := order.GetRecognise()
	if o == nil {
		return "", errOrder
	}
	if o.Engine != speech.Engine {
		return "", domain.Permanent(fmt.Errorf("speech engine %q is unknown; known: %s", o.Engine, speech.Engine))
	}
	models, err := speech.FindModels(o.Options)
	if err != nil {
		return "", err
	}
	recogniser, err := speech.Open(models)
	if err != nil {
		return "", err
	}
	defer recogniser.Close()
	if err := out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Ready{Ready: &mediav1.Ready{}}}); err != nil {
		return "", err
	}
	l := &listener{recogniser: recogniser, out: out, channels: make(map[string]speech.Channel)}
	for {
		m, err := in.Next()
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if m.GetHear() == nil {
			return "", errOrder
		}
		if err := l.hear(m.GetHear()); err != nil {
			return "", err
		}
	}
}

// listener hears one utterance at a time; a new one ends, unanswered, one that never ended.
type listener struct {
	recogniser *speech.Recogniser
	out        *wire.Writer
	utterance  string
	at         time.Duration             // media time of the utterance's first sample
	channels   map[string]speech.Channel // by voice
}

// voices is how many channels are remembered: about 50 bytes each.
const voices = 10_000

func (l *listener) learn(voice string) {
	if voice == "" {
		return
	}
	if len(l.channels) >= voices {
		clear(l.channels)
	}
	l.channels[voice] = l.recogniser.Channel()
}

func (l *listener) hear(h *mediav1.Hear) error {
	samples, err := decode(h.Samples)
	if err != nil {
		return err
	}
	begins := h.Utterance != l.utterance
	if begins {
		l.utterance, l.at = h.Utterance, time.Duration(h.At)
		l.recogniser.SetChannel(l.channels[h.Voice])
	}
	if begins && h.End { // known whole: heard better so
		result, err := l.recogniser.Whole(samples)
		l.learn(h.Voice)
		return l.answer(result, true, err)
	}
	if begins {
		if err := l.recogniser.Begin(); err != nil {
			return err
		}
	}
	if err := l.recogniser.Hear(samples); err != nil {
		return err
	}
	if h.End {
		result, err := l.recogniser.End()
		l.learn(h.Voice)
		return l.answer(result, true, err)
	}
	if h.Partial {
		return l.answer(l.recogniser.Partial(), false, nil)
	}
	return nil
}

func (l *listener) answer(result speech.Result, final bool, err error) error {
	if err != nil {
		return err
	}
	heard := &mediav1.Heard{Utterance: l.utterance, Final: final, Text: result.Text}
	for _, w := range result.Words {
		heard.Words = append(heard.Words, &mediav1.HeardWord{Text: w.Text, Start: int64(l.at + w.Start), End: int64(l.at + w.End), Confidence: w.Confidence})
	}
	if final {
		l.utterance = ""
	}
	return l.out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Heard{Heard: heard}})
}

func decode(data []byte) ([]int16, error) {
	if len(data)%2 != 0 {
		return nil, domain.Permanent(fmt.Errorf("%d bytes of 16-bit sound", len(data)))
	}
	samples := make([]int16, len(data)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return samples, nil
}
