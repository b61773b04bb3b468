package whisper

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"liveclip/internal/domain"
)

const (
	mostAnswer = 4 << 20 // bytes
	mostWords  = 10_000  // of one utterance
	noSpeech   = 0.6     // probability from which a segment that is unlikely, too, is not speech, as Whisper itself decides
	unlikely   = -1.0    // mean log probability of a segment's tokens
)

// answer is verbose_json, as far as it is used. Servers leave out what they don't know.
type answer struct {
	Text     *string   `json:"text"`
	Words    []timed   `json:"words"`
	Segments []segment `json:"segments"`
}

type timed struct {
	Word        string   `json:"word"`
	Start       float64  `json:"start"` // seconds
	End         float64  `json:"end"`
	Probability *float64 `json:"probability"`
}

type segment struct {
	Text       string   `json:"text"`
	Start      float64  `json:"start"`
	End        float64  `json:"end"`
	LogProb    *float64 `json:"avg_logprob"`
	NoSpeech   float64  `json:"no_speech_prob"`
	Words      []timed  `json:"words"`
	confidence float64
}

// parse reads an answer about an utterance of the length. Words lie within it, in order; there is none when nothing was said.
func parse(body []byte, length time.Duration) ([]domain.Word, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("is not what was asked for: %s", excerpt(body))
	}
	if a.Text == nil {
		return nil, fmt.Errorf("has no text: %s", excerpt(body))
	}
	if !utf8.ValidString(*a.Text) || len(a.Words) > mostWords || len(a.Segments) > mostWords {
		return nil, errors.New("is out of bounds")
	}
	b := builder{length: length}
	heard := 0
	for _, s := range a.Segments {
		if s.silent() {
			continue
		}
		heard++
		s.confidence = likely(s.LogProb)
		switch {
		case len(a.Words) > 0:
		case len(s.Words) > 0:
			for _, w := range s.Words {
				b.add(w.Word, w.Start, w.End, s.confidence, w.Probability)
			}
		default:
			b.add(s.Text, s.Start, s.End, s.confidence, nil)
		}
	}
	switch {
	case len(a.Segments) > 0 && heard == 0:
		return nil, nil
	case len(a.Words) > 0:
		for _, w := range a.Words {
			of := within(a.Segments, w)
			if of.silent() {
				continue
			}
			b.add(w.Word, w.Start, w.End, likely(of.LogProb), w.Probability)
		}
	case len(a.Segments) == 0:
		b.add(*a.Text, 0, length.Seconds(), 0, nil)
	}
	return b.words, nil
}

func likely(logProb *float64) float64 {
	if logProb == nil {
		return 0
	}
	return min(1, math.Exp(min(0, *logProb)))
}

// silent tells a segment in which a model makes words of silence.
func (s segment) silent() bool {
	return s.NoSpeech > noSpeech && s.LogProb != nil && *s.LogProb < unlikely
}

// within gives the segment in which a word lies.
func within(segments []segment, w timed) segment {
	for _, s := range segments {
		if middle := (w.Start + w.End) / 2; s.Start <= middle && middle <= s.End {
			return s
		}
	}
	return segment{}
}

type builder struct {
	length time.Duration
	words  []domain.Word
}

// add keeps times within the utterance and in order, whatever the server says.
func (b *builder) add(text string, start, end, confidence float64, probability *float64) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	if probability != nil {
		confidence = min(1, max(0, *probability))
	}
	least := time.Duration(0)
	if n := len(b.words); n > 0 {
		least = b.words[n-1].Start
	}
	from := b.within(start, least)
	b.words = append(b.words, domain.Word{Text: text, Start: from, End: b.within(end, from), Confidence: confidence})
}

func (b *builder) within(seconds float64, least time.Duration) time.Duration {
	at := time.Duration(min(max(0, seconds), b.length.Seconds()) * float64(time.Second))
	return min(b.length, max(least, at))
}

// excerpt is how an answer begins, for a person.
func excerpt(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 400)]), "?")), " ")
	if text == "" {
		return "nothing"
	}
	runes := []rune(text)
	return fmt.Sprintf("%q", string(runes[:min(len(runes), 80)]))
}

// wave is 16 kHz mono s16le as a WAV file.
func wave(samples []byte) []byte {
	var b bytes.Buffer
	b.Grow(44 + len(samples))
	number := func(n, bytes int) {
		for range bytes {
			b.WriteByte(byte(n))
			n >>= 8
		}
	}
	b.WriteString("RIFF")
	number(36+len(samples), 4)
	b.WriteString("WAVEfmt ")
	number(16, 4)
	number(1, 2) // PCM
	number(1, 2) // channel
	number(sampleRate, 4)
	number(sampleRate*2, 4)
	number(2, 2)
	number(16, 2)
	b.WriteString("data")
	number(len(samples), 4)
	b.Write(samples)
	return b.Bytes()
}
