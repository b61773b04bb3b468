package speech

/*
#cgo pkg-config: pocketsphinx sphinxbase
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <pocketsphinx.h>
#include <sphinxbase/err.h>
#include <sphinxbase/feat.h>

// Only faults are worth standard error; the library tells far more.
static void tell(void *user, err_lvl_t level, const char *format, ...) {
	if (level < ERR_ERROR) return;
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
}
static void quiet(void) { err_set_logfp(NULL); err_set_callback(tell, NULL); }
static cmd_ln_t *configure(int n, char **arguments) { return cmd_ln_parse_r(NULL, ps_args(), n, arguments, TRUE); }
static double confidence(ps_decoder_t *ps, ps_seg_t *segment) {
	int32 acoustic, language, backoff;
	return logmath_exp(ps_get_logmath(ps), ps_seg_prob(segment, &acoustic, &language, &backoff));
}
static int channel_size(ps_decoder_t *ps) { return ps_get_feat(ps)->cmn_struct->veclen; }
static void channel_get(ps_decoder_t *ps, mfcc_t *mean) { cmn_live_get(ps_get_feat(ps)->cmn_struct, mean); }
static int normalisation(ps_decoder_t *ps) { return ps_get_feat(ps)->cmn; }
static void normalise_by(ps_decoder_t *ps, int how) { ps_get_feat(ps)->cmn = (cmn_type_t)how; }
static void channel_set(ps_decoder_t *ps, mfcc_t *mean) { cmn_live_set(ps_get_feat(ps)->cmn_struct, mean); }
*/
import "C"

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"liveclip/internal/domain"
)

// SampleRate of the sound a Recogniser hears: mono, in Hz.
const SampleRate = 16000

// frame is the step of the recogniser's times.
const frame = 10 * time.Millisecond

// Recogniser is one PocketSphinx decoder with a language model. It hears one utterance at a time; not safe for concurrent
// use.
type Recogniser struct {
	decoder *C.ps_decoder_t
	open    bool // an utterance is
	unknown Channel
	whole   C.int // how the channel is measured over a whole utterance
}

// Channel is the mean spectrum of a voice as its microphone and encoder give it. Speech is recognised better against a
// channel that is known.
type Channel []float32

// Open loads the models, which takes a second or so.
func Open(m Models) (*Recogniser, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	C.quiet()
	arguments := m.arguments()
	argv := (*[64]*C.char)(C.calloc(64, C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	for i, a := range arguments {
		argv[i] = C.CString(a)
	}
	defer func() {
		for i := range arguments {
			C.free(unsafe.Pointer(argv[i]))
		}
		C.free(unsafe.Pointer(argv))
	}()
	config := C.configure(C.int(len(arguments)), &argv[0])
	if config == nil {
		return nil, domain.Permanent(errors.New("open recogniser: its options are refused"))
	}
	defer C.cmd_ln_free_r(config)
	decoder := C.ps_init(config)
	if decoder == nil {
		return nil, domain.Permanent(fmt.Errorf("open recogniser: models %s, %s, %s cannot be loaded", m.Acoustic, m.Language, m.Dictionary))
	}
	r := &Recogniser{decoder: decoder, whole: C.normalisation(decoder)}
	r.unknown = r.Channel()
	return r, nil
}

// Channel is what was learnt so far, after an utterance ended.
func (r *Recogniser) Channel() Channel {
	mean := make(Channel, C.channel_size(r.decoder))
	C.channel_get(r.decoder, (*C.mfcc_t)(unsafe.Pointer(&mean[0])))
	return mean
}

// SetChannel sets what is known before the next utterance; nil: nothing.
func (r *Recogniser) SetChannel(c Channel) {
	if len(c) != len(r.unknown) {
		c = r.unknown
	}
	C.channel_set(r.decoder, (*C.mfcc_t)(unsafe.Pointer(&c[0])))
}

// Close gives the models back.
func (r *Recogniser) Close() {
	C.ps_free(r.decoder)
	r.decoder = nil
}

// Begin begins an utterance; one that is open is dropped.
func (r *Recogniser) Begin() error {
	if r.open {
		C.ps_end_utt(r.decoder)
	}
	r.open = false
	C.ps_start_stream(r.decoder) // times count from here
	if C.ps_start_utt(r.decoder) < 0 {
		return errors.New("begin utterance: refused by the recogniser")
	}
	r.open = true
	return nil
}

// Hear takes the next samples of the utterance and searches as far as it can.
func (r *Recogniser) Hear(samples []int16) error { return r.process(samples, false) }

func (r *Recogniser) process(samples []int16, whole bool) error {
	if len(samples) == 0 {
		return nil
	}
	full := C.int(0)
	if whole {
		full = 1
	}
	if C.ps_process_raw(r.decoder, (*C.int16)(unsafe.Pointer(&samples[0])), C.size_t(len(samples)), 0, full) < 0 {
		return errors.New("hear utterance: refused by the recogniser")
	}
	return nil
}

// Partial is the best guess so far, without confidence.
func (r *Recogniser) Partial() Result { return r.result(false) }

// End ends the utterance and gives what was said.
func (r *Recogniser) End() (Result, error) {
	r.open = false
	if C.ps_end_utt(r.decoder) < 0 {
		return Result{}, errors.New("end utterance: refused by the recogniser")
	}
	return r.result(true), nil
}

// Whole recognises an utterance that is known from its beginning to its end: a little better than piece by piece, because
// the channel's colour is measured over all of it.
func (r *Recogniser) Whole(samples []int16) (Result, error) {
	C.normalise_by(r.decoder, r.whole) // hearing one piece by piece has the library do so ever after
	if err := r.Begin(); err != nil {
		return Result{}, err
	}
	if err := r.process(samples, true); err != nil {
		return Result{}, err
	}
	return r.End()
}

func (r *Recogniser) result(final bool) Result {
	var words []domain.Word
	for s := C.ps_seg_iter(r.decoder); s != nil; s = C.ps_seg_next(s) {
		text := clean(C.GoString(C.ps_seg_word(s)))
		if text == "" {
			continue
		}
		var first, last C.int
		C.ps_seg_frames(s, &first, &last)
		w := domain.Word{Text: text, Start: time.Duration(first) * frame, End: time.Duration(last+1) * frame}
		if final {
			w.Confidence = min(1, max(0, float64(C.confidence(r.decoder, s))))
		}
		words = append(words, w)
	}
	return newResult(words)
}
