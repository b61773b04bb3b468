package speech

import (
	"fmt"
	"time"

	"liveclip/internal/domain"
)

// SampleRate of the sound that is heard: mono, in Hz.
const SampleRate = 16000

// Engine is a recogniser with its models loaded: once for all the utterances it hears. Not safe for concurrent use, nor are
// its utterances.
type Engine interface {
	// About tells what it can.
	About() About
	// Begin begins an utterance. Beyond About's Streams it may end another without a word.
	Begin(known Known) (Utterance, error)
	// Work does a step of the work that the utterances have: what they were given, some of it, together where the engine can.
	Work(of []Utterance) error
	Close()
}

// About is what an engine can.
type About struct {
	Streams      int           // utterances it hears side by side
	PartialEvery time.Duration // of sound: asked more often, its guess costs more than it tells
	Language     string        // of its model, BCP 47; empty: unknown
}

// Known is what is known of an utterance before it is heard.
type Known struct {
	// Channel is as the Result of the same voice's last utterance gave it, by any recogniser of the engine; nil: unknown, and
	// worth measuring. One of another length stands for the model's own.
	Channel  Channel
	Hotwords []string // to be expected
}

// Utterance is what is said between two pauses.
type Utterance interface {
	// Hear takes the next samples; Work hears them.
	Hear(samples []int16)
	// End says that no more samples come.
	End()
	// Busy: there is work to do.
	Busy() bool
	// Partial is the best guess so far.
	Partial() Result
	// Final is what was said, once it ended and is no longer busy.
	Final() (Result, error)
	Close()
}

// Result is what was said in an utterance. Times count from its first sample.
type Result struct {
	Text  string
	Words []domain.Word
	Heard time.Duration // how much of it was worked through; 0: all

	Channel Channel // of a final result: what was learnt, for the voice's next utterance; nil: nothing
}

// Channel is the mean spectrum of a voice as its microphone and encoder give it. Speech is recognised better against a
// channel that is known.
type Channel []float32

// Open opens an engine by its name, with its options: model paths and the like.
func Open(name string, options map[string]string) (Engine, error) {
	switch name {
	case Sphinx:
		models, err := FindModels(options)
		if err != nil {
			return nil, err
		}
		return OpenSphinx(models)
	case Keyword:
		return OpenKeywords(options)
	case Sherpa:
		o, err := sherpaOptions(options)
		if err != nil {
			return nil, err
		}
		return OpenSherpa(o)
	}
	return nil, domain.Permanent(fmt.Errorf("speech engine %q is unknown; known: %s, %s, %s", name, Sphinx, Keyword, Sherpa))
}
