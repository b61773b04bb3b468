package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"liveclip/internal/child/wire"
	"liveclip/internal/domain"
	"liveclip/internal/speech"
	mediav1 "liveclip/proto/media/v1"
)

// recogniseMode loads a recogniser, answers Ready, and recognises utterances until standard input ends.
func recogniseMode(_ context.Context, order *mediav1.ToChild, in *messages, out *wire.Writer) (string, error) {
	o := order.GetRecognise()
	if o == nil {
		return "", errOrder
	}
	if o.Engine == voiceEngine {
		return "", tellVoice(o.Options, in, out)
	}
	engine, err := speech.Open(o.Engine, o.Options)
	if err != nil {
		return "", err
	}
	defer engine.Close()
	about := engine.About()
	factor, err := speech.Measure(engine)
	if err != nil {
		return "", err
	}
	if err := out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Ready{Ready: &mediav1.Ready{
		Streams: int64(about.Streams), RealTimeFactor: factor, PartialEvery: int64(about.PartialEvery), Language: about.Language}}}); err != nil {
		return "", err
	}
	l := &listener{engine: engine, streams: about.Streams, out: out}
	defer l.close()
	return "", l.run(follow(in))
}

// message is one from the parent, or the error after the last one.
type message struct {
	*mediav1.ToChild
	err error
}

// follow reads ahead, so that what came for other utterances is known while one is worked on. It ends with the process.
func follow(in *messages) <-chan message {
	out := make(chan message, 256)
	go func() {
		for {
			m, err := in.Next()
			out <- message{m, err}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// listener hears utterances side by side: it takes what was said, has the engine work on all of them together, and answers
// each when its work is done.
type listener struct {
	engine  speech.Engine
	streams int
	out     *wire.Writer
	open    []*hearing // oldest first
}

// hearing is one utterance being heard.
type hearing struct {
	speech.Utterance
	id      string
	at      time.Duration // media time of its first sample
	partial bool          // a partial line is asked for
	ended   bool
	work    time.Duration // of the processor, on it
}

func (l *listener) close() {
	for _, h := range l.open {
		h.Close()
	}
}

func (l *listener) run(in <-chan message) error {
	for {
		for l.busy() == nil || len(in) > 0 {
			m := <-in
			if errors.Is(m.err, io.EOF) {
				return nil
			}
			if m.err != nil {
				return m.err
			}
			if err := l.take(m.GetHear()); err != nil {
				return err
			}
		}
		if err := l.work(); err != nil {
			return err
		}
		if err := l.answer(); err != nil {
			return err
		}
	}
}

// work does a step, and accounts for it in equal parts.
func (l *listener) work() error {
	busy := l.busy()
	before := speech.ProcessorTime()
	var of []speech.Utterance
	for _, h := range busy {
		of = append(of, h.Utterance)
	}
	if err := l.engine.Work(of); err != nil {
		return err
	}
	spent := speech.ProcessorTime() - before
	for _, h := range busy {
		h.work += spent / time.Duration(len(busy))
	}
	return nil
}

// busy are the utterances with work to do, or an answer due.
func (l *listener) busy() []*hearing {
	var out []*hearing
	for _, h := range l.open {
		if h.Busy() || h.partial || h.ended {
			out = append(out, h)
		}
	}
	return out
}

func (l *listener) take(m *mediav1.Hear) error {
	if m == nil {
		return errOrder
	}
	i := slices.IndexFunc(l.open, func(h *hearing) bool { return h.id == m.Utterance })
	if m.Drop {
		l.drop(i)
		return nil
	}
	samples, err := decode(m.Samples)
	if err != nil {
		return err
	}
	if i < 0 {
		if len(l.open) >= l.streams {
			l.drop(0)
		}
		u, err := l.engine.Begin(speech.Known{Channel: m.Channel, Hotwords: m.Hotwords})
		if err != nil {
			return err
		}
		l.open = append(l.open, &hearing{Utterance: u, id: m.Utterance, at: time.Duration(m.At)})
		i = len(l.open) - 1
	}
	h := l.open[i]
	h.Hear(samples)
	h.partial = h.partial || m.Partial
	if m.End {
		h.End()
		h.ended = true
	}
	return nil
}

func (l *listener) drop(i int) {
	if i >= 0 {
		l.open[i].Close()
		l.open = slices.Delete(l.open, i, i+1)
	}
}

// answer says what is due.
func (l *listener) answer() error {
	for i := 0; i < len(l.open); i++ {
		h := l.open[i]
		if h.Busy() || !h.partial && !h.ended {
			continue
		}
		if err := l.tell(h); err != nil {
			return err
		}
		h.partial = false
		if h.ended {
			l.drop(i)
			i--
		}
	}
	return nil
}

func (l *listener) tell(h *hearing) error {
	r := speech.Result{}
	if h.ended {
		var err error
		if r, err = h.Final(); err != nil {
			return err
		}
	} else {
		r = h.Partial()
	}
	heard := &mediav1.Heard{Utterance: h.id, Final: h.ended, Text: r.Text}
	if h.ended {
		heard.Work, heard.Channel = int64(h.work), r.Channel
	}
	for _, w := range r.Words {
		heard.Words = append(heard.Words, &mediav1.HeardWord{Text: w.Text, Start: int64(h.at + w.Start), End: int64(h.at + w.End), Confidence: w.Confidence})
	}
	if n := len(r.Words); n > 0 && r.Heard > r.Words[n-1].End {
		heard.Quiet = int64(r.Heard - r.Words[n-1].End)
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
