package media

//#cgo pkg-config: libavutil
//#include <libavutil/frame.h>
import "C"

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/asticode/go-astiav"

	"liveclip/internal/loudness"
	mediav1 "liveclip/proto/media/v1"
)

const (
	pcmRate   = 16000
	pcmChunk  = pcmRate / 10          // samples: 100 ms
	soundGap  = 40 * time.Millisecond // of decoded sound; less is the jitter of timestamps
	loudChunk = 4                     // loudness values a message holds: who decides what is shown waits for them
)

// sound decodes a track for listening: mono PCM and loudness, by media time.
type sound struct {
	send    func(*mediav1.FromChild) error
	withPCM bool
	rate    int // of the packets' time base
	decoder *astiav.CodecContext
	frame   *astiav.Frame
	graph   *soundGraph

	pcm     []byte
	pcmAt   time.Duration
	loud    *loudness.Meter
	loudAt  time.Duration // of values[0]
	loudEnd time.Duration // of the sound measured
	values  []float64
}

func openSound(par *astiav.CodecParameters, withPCM bool, send func(*mediav1.FromChild) error) (*sound, error) {
	codec := astiav.FindDecoder(par.CodecID())
	if codec == nil {
		return nil, fmt.Errorf("find decoder of %s", par.CodecID().Name())
	}
	s := &sound{send: send, withPCM: withPCM, rate: par.SampleRate(), decoder: astiav.AllocCodecContext(codec), frame: astiav.AllocFrame()}
	if err := par.ToCodecContext(s.decoder); err != nil {
		s.close()
		return nil, fmt.Errorf("set decoder of %s: %w", par.CodecID().Name(), err)
	}
	s.decoder.SetThreadCount(1)
	s.decoder.SetTimeBase(astiav.NewRational(1, s.rate))
	if err := s.decoder.Open(codec, nil); err != nil {
		s.close()
		return nil, fmt.Errorf("open decoder of %s: %w", par.CodecID().Name(), err)
	}
	return s, nil
}

func (s *sound) close() {
	if s == nil {
		return
	}
	s.graph.free()
	s.decoder.Free()
	s.frame.Free()
}

// take decodes a packet whose first sample is at media time at. An error of decoded is one packet's; others are final.
func (s *sound) take(pkt *astiav.Packet, at time.Duration) error {
	pkt.SetPts(ticks(at, int64(s.rate)))
	pkt.SetDts(pkt.Pts())
	if err := s.decoder.SendPacket(pkt); err != nil {
		return damaged{err}
	}
	return s.receive()
}

// damaged is an error of one packet.
type damaged struct{ error }

func (s *sound) receive() error {
	for {
		err := s.decoder.ReceiveFrame(s.frame)
		if errors.Is(err, astiav.ErrEagain) || errors.Is(err, astiav.ErrEof) {
			return nil
		}
		if err != nil {
			return damaged{err}
		}
		err = s.hear()
		s.frame.Unref()
		if err != nil {
			return err
		}
	}
}

func (s *sound) hear() error {
	if s.graph == nil || !s.graph.fits(s.frame) {
		if err := s.flushGraph(); err != nil {
			return err
		}
		graph, err := newSoundGraph(s.frame, s.rate)
		if err != nil {
			return err
		}
		s.graph, s.loud = graph, nil
	}
	if s.graph.loud == nil {
		at := time.Duration(rescale(s.frame.Pts(), int64(time.Second), int64(s.rate)))
		if err := s.addLoudness(at, s.frame); err != nil {
			return err
		}
	}
	if err := s.graph.in.BuffersrcAddFrame(s.frame, astiav.NewBuffersrcFlags(astiav.BuffersrcFlagKeepRef)); err != nil {
		return damaged{err}
	}
	return s.drainGraph()
}

func (s *sound) flushGraph() error {
	if s.graph == nil {
		return nil
	}
	_ = s.graph.in.BuffersrcAddFrame(nil, astiav.NewBuffersrcFlags())
	err := s.drainGraph()
	s.graph.free()
	s.graph = nil
	return err
}

func (s *sound) drainGraph() error {
	for s.graph.pull(s.graph.pcm) {
		f := s.graph.out
		at := time.Duration(rescale(f.Pts(), int64(time.Second), pcmRate))
		err := s.addPCM(at, frameBytes(f, 2*f.NbSamples()))
		f.Unref()
		if err != nil {
			return err
		}
	}
	for s.graph.loud != nil && s.graph.pull(s.graph.loud) {
		f := s.graph.out
		at := time.Duration(rescale(f.Pts(), int64(time.Second), int64(s.rate)))
		err := s.addLoudness(at, f)
		f.Unref()
		if err != nil {
			return err
		}
	}
	return nil
}

func pcmLength(bytes int) time.Duration {
	return time.Duration(bytes/2) * time.Second / pcmRate
}

func (s *sound) addPCM(at time.Duration, b []byte) error {
	if len(s.pcm) > 0 && (at-s.pcmAt-pcmLength(len(s.pcm))).Abs() > soundGap {
		if err := s.sendPCM(len(s.pcm)); err != nil {
			return err
		}
	}
	if len(s.pcm) == 0 {
		s.pcmAt = at
	}
	s.pcm = append(s.pcm, b...)
	for len(s.pcm) >= 2*pcmChunk {
		if err := s.sendPCM(2 * pcmChunk); err != nil {
			return err
		}
	}
	return nil
}

func (s *sound) sendPCM(n int) error {
	at, b := s.pcmAt, s.pcm[:n]
	s.pcmAt += pcmLength(n)
	var err error
	if s.withPCM && n > 0 {
		err = s.send(&mediav1.FromChild{Message: &mediav1.FromChild_Pcm{Pcm: &mediav1.Pcm{At: int64(at), Samples: b}}})
	}
	s.pcm = append(s.pcm[:0], s.pcm[n:]...)
	return err
}

func (s *sound) addLoudness(at time.Duration, f *astiav.Frame) error {
	channels := f.ChannelLayout().NbChannels()
	planes := make([][]float32, channels)
	for c := range planes {
		planes[c] = unsafe.Slice((*float32)(framePlane(f, c)), f.NbSamples())
	}
	if s.loud == nil || (at-s.loudEnd).Abs() > soundGap {
		if err := s.sendLoudness(); err != nil {
			return err
		}
		s.loud = loudness.NewMeter(f.SampleRate(), channels)
		s.loudAt, s.loudEnd = at, at
	}
	s.values = append(s.values, s.loud.Add(planes)...)
	s.loudEnd += time.Duration(f.NbSamples()) * time.Second / time.Duration(f.SampleRate())
	if len(s.values) >= loudChunk {
		return s.sendLoudness()
	}
	return nil
}

func (s *sound) sendLoudness() error {
	if len(s.values) == 0 {
		return nil
	}
	m := &mediav1.Loudness{Start: int64(s.loudAt), Step: int64(loudness.Step), Momentary: s.values}
	s.loudAt += time.Duration(len(s.values)) * loudness.Step
	err := s.send(&mediav1.FromChild{Message: &mediav1.FromChild_Loudness{Loudness: m}})
	s.values = nil
	return err
}

// end sends what is left.
func (s *sound) end() error {
	if err := s.decoder.SendPacket(nil); err == nil {
		if err := s.receive(); err != nil && !errors.As(err, &damaged{}) {
			return err
		}
	}
	if err := s.flushGraph(); err != nil {
		return err
	}
	if err := s.sendPCM(len(s.pcm)); err != nil {
		return err
	}
	return s.sendLoudness()
}

func framePlane(f *astiav.Frame, n int) unsafe.Pointer {
	return unsafe.Pointer((*C.AVFrame)(f.UnsafePointer()).data[n])
}

func frameBytes(f *astiav.Frame, n int) []byte { return unsafe.Slice((*byte)(framePlane(f, 0)), n) }

// soundGraph makes both forms of the decoded sound.
type soundGraph struct {
	graph         *astiav.FilterGraph
	in, pcm, loud *astiav.FilterContext // loud nil: it is measured as it was decoded
	out           *astiav.Frame
	rate          int
	format        astiav.SampleFormat
	layout        string
}

// Surround is measured as its stereo downmix.
const (
	pcmFilters   = "aresample=16000,aformat=sample_fmts=s16:sample_rates=16000:channel_layouts=mono[pcm]"
	soundFilters = "[in]asplit[a][b];[a]" + pcmFilters + ";[b]aformat=sample_fmts=fltp:channel_layouts=mono|stereo[loud]"
)

// measurable: loudness can be measured of the frame as it is.
func measurable(f *astiav.Frame) bool {
	return f.SampleFormat() == astiav.SampleFormatFltp && f.ChannelLayout().NbChannels() <= 2
}

func newSoundGraph(f *astiav.Frame, timeBase int) (g *soundGraph, err error) {
	g = &soundGraph{graph: astiav.AllocFilterGraph(), out: astiav.AllocFrame(), rate: f.SampleRate(), format: f.SampleFormat(), layout: f.ChannelLayout().String()}
	defer func() {
		if err != nil {
			g.free()
			err = fmt.Errorf("build filters of sound: %w", err)
		}
	}()
	g.graph.SetThreadCount(1)
	if g.in, err = g.graph.NewFilterContext(astiav.FindFilterByName("abuffer"), "in", astiav.FilterArgs{
		"time_base":      fmt.Sprintf("1/%d", timeBase),
		"sample_rate":    fmt.Sprint(g.rate),
		"sample_fmt":     g.format.Name(),
		"channel_layout": g.layout,
	}); err != nil {
		return nil, err
	}
	sink := astiav.FindFilterByName("abuffersink")
	if g.pcm, err = g.graph.NewFilterContext(sink, "pcm", nil); err != nil {
		return nil, err
	}
	outputs := filterPad("in", g.in)
	inputs := filterPad("pcm", g.pcm)
	filters := "[in]" + pcmFilters
	if !measurable(f) {
		filters = soundFilters
		if g.loud, err = g.graph.NewFilterContext(sink, "loud", nil); err != nil {
			return nil, err
		}
		inputs.SetNext(filterPad("loud", g.loud))
	}
	defer outputs.Free()
	defer inputs.Free()
	if err = g.graph.Parse(filters, inputs, outputs); err != nil {
		return nil, err
	}
	return g, g.graph.Configure()
}

func filterPad(name string, c *astiav.FilterContext) *astiav.FilterInOut {
	p := astiav.AllocFilterInOut()
	p.SetName(name)
	p.SetFilterContext(c)
	p.SetPadIdx(0)
	return p
}

func (g *soundGraph) fits(f *astiav.Frame) bool {
	return g.rate == f.SampleRate() && g.format == f.SampleFormat() && g.layout == f.ChannelLayout().String()
}

// pull gets a frame into out, if there is one.
func (g *soundGraph) pull(sink *astiav.FilterContext) bool {
	return sink.BuffersinkGetFrame(g.out, astiav.NewBuffersinkFlags()) == nil
}

func (g *soundGraph) free() {
	if g == nil {
		return
	}
	g.graph.Free()
	g.out.Free()
}
