package speech

/*
#include <pocketsphinx.h>
#include <stdlib.h>
static double score(ps_decoder_t *ps, ps_seg_t *segment) {
	int32 acoustic, language, backoff;
	return (double)ps_seg_prob(segment, &acoustic, &language, &backoff);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"liveclip/internal/domain"
)

const (
	keywordSearch = "keywords"
	wordSearch    = "_default" // with the language model
	scoreOfBest   = 1500       // what the library takes off its score
	spotFrom      = "1e-20"    // likelihood against any other sounds from which the library tells of a phrase
)

// spotted is a phrase that may have been said. Times count from the sound's first sample.
type spotted struct {
	keyphrase
	start, end time.Duration
	score      float64 // against any other sounds, in the library's logarithms: 0 is as likely, 22 ten times as likely
}

func (s spotted) overlaps(o spotted) bool { return s.start < o.end && o.start < s.end }

// spot gives what may have been said; of phrases at the same time the likeliest.
func (k *Keywords) spot(samples []int16) ([]spotted, error) {
	if err := k.hear(keywordSearch, samples); err != nil {
		return nil, err
	}
	var hits []spotted
	for s := C.ps_seg_iter(k.decoder); s != nil; s = C.ps_seg_next(s) {
		phrase, known := k.phrases[strings.TrimSpace(C.GoString(C.ps_seg_word(s)))]
		if !known {
			continue
		}
		var first, last C.int
		C.ps_seg_frames(s, &first, &last)
		hit := spotted{phrase, time.Duration(first) * frame, time.Duration(last+1) * frame, float64(C.score(k.decoder, s)) + scoreOfBest}
		if hit.score >= looked {
			hits = append(hits, hit)
		}
	}
	return likeliest(hits), nil
}

// words are what the language model makes of sound.
func (k *Keywords) words(samples []int16) ([]domain.Word, error) {
	if err := k.hear(wordSearch, samples); err != nil {
		return nil, err
	}
	return k.result(true).Words, nil
}

// hear has a search go over sound that is known whole.
func (k *Keywords) hear(search string, samples []int16) error {
	name := C.CString(search)
	defer C.free(unsafe.Pointer(name))
	if C.ps_set_search(k.decoder, name) < 0 {
		return fmt.Errorf("hear utterance: no search %q", search)
	}
	u := &sphinxUtterance{of: k.Recogniser, sound: samples}
	if err := u.begin(true); err != nil {
		return err
	}
	k.open = nil
	if err := u.process(true); err != nil {
		return err
	}
	if C.ps_end_utt(k.decoder) < 0 {
		return errors.New("end utterance: refused by the recogniser")
	}
	return nil
}

// phones are the sounds of words; nil where one is not in the dictionary.
func (k *Keywords) phones(words string) []string {
	var phones []string
	for _, word := range strings.Fields(words) {
		w := C.CString(word)
		found := C.ps_lookup_word(k.decoder, w)
		C.free(unsafe.Pointer(w))
		if found == nil {
			return nil
		}
		phones = append(phones, strings.Fields(C.GoString(found))...)
		C.free(unsafe.Pointer(found)) // the library's own allocator is malloc
	}
	return phones
}

// listen has the decoder spot the phrases.
func (k *Keywords) listen() error {
	file, err := os.CreateTemp("", "liveclip-keywords-")
	if err != nil {
		return fmt.Errorf("open recogniser: %w", err)
	}
	defer os.Remove(file.Name())
	for text := range k.phrases {
		if _, err = fmt.Fprintf(file, "%s /%s/\n", text, spotFrom); err != nil {
			break
		}
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("open recogniser: %w", err)
	}
	name, path := C.CString(keywordSearch), C.CString(file.Name())
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(path))
	if C.ps_set_kws(k.decoder, name, path) < 0 {
		return domain.Permanent(errors.New("open recogniser: its keywords are refused"))
	}
	return nil
}
