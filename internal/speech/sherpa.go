package speech

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "sherpa_api.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"liveclip/internal/domain"
	"liveclip/internal/models"
	"liveclip/internal/native"
)

// Sherpa is sherpa-onnx's name in orders.
const Sherpa = "sherpa"

// sherpaVersion is the one whose interface is known.
const sherpaVersion = "1.12.15"

// sherpa hears with a streaming model, many utterances side by side: what they have is decoded together.
type sherpa struct {
	api        *C.sherpa_api
	recogniser unsafe.Pointer
	model      models.Verified
	hot        hotwords
	padding    []float32     // silence that ends an utterance, so that the model's window reaches its last word
	stretch    float64       // of the library's times: it takes every model's step for 40 ms
	step       time.Duration // between two of a model's answers
	spelling   spelling
	homophones *homophones // nil: the model has none
	streams    int
}

// SherpaOptions are the order's options.
type SherpaOptions struct {
	Models    string // folder
	Libraries string // folder of libsherpa-onnx-c-api.so and libonnxruntime.so; empty: beside this program, or where the linker looks
	Threads   int
	Streams   int // utterances side by side at most
	Paths     int // of the beam, where hot words are taken
}

func sherpaOptions(options map[string]string) (o SherpaOptions, err error) {
	o = SherpaOptions{Threads: 1, Streams: 64, Paths: 4}
	for name, value := range options {
		number, wrong := strconv.Atoi(value)
		switch name {
		case "models":
			o.Models, wrong = value, nil
		case "libraries":
			o.Libraries, wrong = value, nil
		case "threads":
			o.Threads = number
		case "streams":
			o.Streams = number
		case "paths":
			o.Paths = number
		default:
			return o, domain.Permanent(fmt.Errorf("open sherpa: option %q is unknown", name))
		}
		if wrong != nil {
			return o, domain.Permanent(fmt.Errorf("open sherpa: option %s: must be a number, is %q", name, value))
		}
	}
	for name, v := range map[string]int{"threads": o.Threads, "streams": o.Streams, "paths": o.Paths} {
		if v < 1 || v > 64 {
			return o, domain.Permanent(fmt.Errorf("open sherpa: option %s: must be 1 to 64, is %d", name, v))
		}
	}
	if o.Models == "" {
		return o, domain.Permanent(errors.New("open sherpa: which model? the option models names none"))
	}
	return o, nil
}

// OpenSherpa verifies the model, then loads it: what is wrong with it is an error, where the library would end the process.
func OpenSherpa(o SherpaOptions) (Engine, error) {
	manifest, err := models.Load(o.Models)
	if err != nil {
		return nil, err
	}
	model, err := manifest.Verify()
	if err != nil {
		return nil, err
	}
	alike, err := loadHomophones(model.Folder)
	if err != nil {
		return nil, domain.Permanent(fmt.Errorf("open model %s: %w", model.Folder, err))
	}
	api, err := openSherpaLibrary(o.Libraries)
	if err != nil {
		return nil, err
	}
	s := &sherpa{api: api, model: model, homophones: alike, hot: newHotwords(model), streams: o.Streams, spelling: newSpelling(model.Tokens)}
	s.window()
	if err := s.load(o); err != nil {
		C.free(unsafe.Pointer(api))
		return nil, err
	}
	return s, nil
}

func openSherpaLibrary(folder string) (*C.sherpa_api, error) {
	library, err := native.Library(native.Sherpa, folder)
	if err != nil {
		return nil, err
	}
	path := C.CString(library)
	defer C.free(unsafe.Pointer(path))
	api := (*C.sherpa_api)(C.calloc(1, C.size_t(unsafe.Sizeof(C.sherpa_api{}))))
	if why := C.sherpa_open(path, api); why != nil {
		defer C.free(unsafe.Pointer(why))
		C.free(unsafe.Pointer(api))
		return nil, domain.Permanent(fmt.Errorf("open %s: %s", library, C.GoString(why)))
	}
	if version := C.GoString(C.sherpa_version(api)); version != sherpaVersion {
		C.free(unsafe.Pointer(api))
		return nil, domain.Permanent(fmt.Errorf("open %s: it is version %s, known is %s", library, version, sherpaVersion))
	}
	return api, nil
}

// window finds out how much sound the model looks at in one go.
func (s *sherpa) window() {
	number := func(of, key string, otherwise int) int {
		if v, err := strconv.Atoi(s.model.Headers[of].Metadata[key]); err == nil && v > 0 {
			return v
		}
		return otherwise
	}
	const shift = 10 * time.Millisecond // of a frame
	var window time.Duration
	s.stretch = 1
	switch s.model.Kind {
	case models.Transducer:
		window, s.step = time.Duration(number("encoder", "T", 77))*shift, time.Duration(number("encoder", "decode_chunk_len", 64))*shift
	case models.Zipformer2CTC:
		window, s.step = time.Duration(number("model", "T", 77))*shift, time.Duration(number("model", "decode_chunk_len", 64))*shift
	case models.NemoCTC:
		window, s.step = time.Duration(number("model", "window_size", 105))*shift, time.Duration(number("model", "chunk_shift", 100))*shift
		s.stretch = float64(number("model", "subsampling_factor", 4)) / 4
	case models.ToneCTC:
		window, s.step = 600*time.Millisecond, 300*time.Millisecond
	default:
		window, s.step = 900*time.Millisecond, 600*time.Millisecond
	}
	s.padding = make([]float32, min(2*time.Second, window+s.step/2+50*time.Millisecond)*SampleRate/time.Second)
}

func (s *sherpa) load(o SherpaOptions) error {
	var texts []unsafe.Pointer
	text := func(v string) *C.char {
		if v == "" {
			return nil
		}
		c := C.CString(v)
		texts = append(texts, unsafe.Pointer(c))
		return c
	}
	defer func() {
		for _, t := range texts {
			C.free(t)
		}
	}()
	var c C.sherpa_config
	c.sample_rate, c.feature_dim = SampleRate, 80
	c.model.tokens, c.model.num_threads, c.model.provider = text(s.model.Path("tokens")), C.int32_t(o.Threads), text("cpu")
	c.decoding_method, c.max_active_paths = text("greedy_search"), C.int32_t(o.Paths)
	switch path := s.model.Path; s.model.Kind {
	case models.Transducer:
		c.model.transducer = C.sherpa_transducer{text(path("encoder")), text(path("decoder")), text(path("joiner"))}
		if s.hot.unit != "" {
			c.decoding_method, c.hotwords_score = text("modified_beam_search"), 2
			c.model.modeling_unit, c.model.bpe_vocab = text(s.hot.unit), text(path("vocabulary"))
		}
	case models.Paraformer:
		c.model.paraformer = C.sherpa_paraformer{text(path("encoder")), text(path("decoder"))}
	case models.Zipformer2CTC:
		c.model.zipformer2_ctc.model = text(path("model"))
	case models.NemoCTC:
		c.model.nemo_ctc.model = text(path("model"))
	case models.ToneCTC:
		c.model.t_one_ctc.model = text(path("model"))
	default:
		return domain.Permanent(fmt.Errorf("open sherpa: model %s: its kind, %s, hears no words", s.model.Folder, s.model.Kind))
	}
	// A CTC model's library ends the process when it can't load; the parent reads why on standard error.
	s.recogniser = C.sherpa_recogniser(s.api, &c) //nolint:gocritic // of what cgo writes
	if s.recogniser == nil {
		return domain.Permanent(fmt.Errorf("open sherpa: model %s is refused", s.model.Folder))
	}
	return nil
}

func (s *sherpa) About() About {
	return About{Streams: s.streams, PartialEvery: 0, Language: s.model.Language}
}

func (s *sherpa) Close() {
	C.sherpa_free_recogniser(s.api, s.recogniser)
	C.free(unsafe.Pointer(s.api))
	s.recogniser, s.api = nil, nil
}

func (s *sherpa) Begin(known Known) (Utterance, error) {
	var hot *C.char
	if list := s.hot.take(known.Hotwords); list != "" {
		hot = C.CString(list)
		defer C.free(unsafe.Pointer(hot))
	}
	stream := C.sherpa_stream(s.api, s.recogniser, hot)
	if stream == nil {
		return nil, errors.New("begin utterance: refused by sherpa")
	}
	return &sherpaUtterance{of: s, stream: stream}, nil
}

// Work decodes one window of each utterance that has one, together.
func (s *sherpa) Work(of []Utterance) error {
	streams := make([]unsafe.Pointer, 0, len(of))
	for _, u := range of {
		if u, ok := u.(*sherpaUtterance); ok && u.Busy() {
			streams = append(streams, u.stream)
			u.steps++
		}
	}
	if len(streams) == 0 {
		return nil
	}
	array := (*unsafe.Pointer)(C.malloc(C.size_t(len(streams)) * C.size_t(unsafe.Sizeof(streams[0]))))
	defer C.free(unsafe.Pointer(array))
	copy(unsafe.Slice(array, len(streams)), streams)
	C.sherpa_decode(s.api, s.recogniser, array, C.int32_t(len(streams)))
	return nil
}

// sherpaUtterance is one stream of the recogniser.
type sherpaUtterance struct {
	of     *sherpa
	stream unsafe.Pointer
	given  int // samples
	steps  int // of the model, done
	ended  bool
}

func (u *sherpaUtterance) Hear(samples []int16) {
	u.given += len(samples)
	scaled := make([]float32, len(samples))
	for i, v := range samples {
		scaled[i] = float32(v) / 32768
	}
	u.accept(scaled)
}

func (u *sherpaUtterance) accept(samples []float32) {
	if u.stream != nil && !u.ended && len(samples) > 0 {
		C.sherpa_accept(u.of.api, u.stream, (*C.float)(unsafe.Pointer(&samples[0])), C.int32_t(len(samples)))
	}
}

func (u *sherpaUtterance) End() {
	if u.ended || u.stream == nil {
		return
	}
	u.accept(u.of.padding)
	u.ended = true
	C.sherpa_finished(u.of.api, u.stream)
}

func (u *sherpaUtterance) Busy() bool {
	return u.stream != nil && C.sherpa_ready(u.of.api, u.of.recogniser, u.stream) != 0
}

func (u *sherpaUtterance) Partial() Result { return u.result() }

func (u *sherpaUtterance) Final() (Result, error) { return u.result(), nil }

func (u *sherpaUtterance) Close() {
	if u.stream != nil {
		C.sherpa_free_stream(u.of.api, u.stream)
		u.stream = nil
	}
}

func (u *sherpaUtterance) result() Result {
	if u.stream == nil {
		return Result{}
	}
	r := C.sherpa_get_result(u.of.api, u.of.recogniser, u.stream)
	if r == nil {
		return Result{}
	}
	defer C.sherpa_free_result(u.of.api, r)
	length := time.Duration(u.given) * time.Second / SampleRate
	pieces := make([]piece, int(r.count))
	for i := range pieces {
		pieces[i] = piece{C.GoString(C.sherpa_token(r, C.int32_t(i))), length * time.Duration(i) / time.Duration(len(pieces))}
	}
	if r.timestamps != nil {
		for i, at := range unsafe.Slice(r.timestamps, len(pieces)) {
			pieces[i].at = time.Duration(math.Round(float64(at)*u.of.stretch*1000)) * time.Millisecond
		}
	}
	text := strings.TrimSpace(C.GoString(r.text))
	if u.of.homophones != nil {
		text = u.of.homophones.respell(pieces)
	}
	return Result{Text: text, Words: u.of.spelling.words(pieces, text, length), Heard: min(length, time.Duration(u.steps)*u.of.step)}
}
