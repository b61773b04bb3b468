package detect

import (
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Names of signals: in reasons, in health, and as the first part of a feature's name.
const (
	signalKeyword  = domain.SignalKeyword
	signalPrice    = "price"
	signalUrgency  = "urgency"
	signalComments = domain.SignalComments
	signalLikes    = "likes"
	signalGifts    = "gifts"
	signalFollows  = "follows"
	signalOrders   = "orders"
	signalProduct  = "product"
	signalLoudness = "loudness"
	signalSound    = "sound"
	signalScene    = "scene"
	signalSpeech   = "speech"
	signalRule     = "rule"
)

// signal is one thing that a room is watched for. Its exported fields are what it remembers; they are bounded, and kept with
// the room.
type signal interface {
	// take is given everything that happens, in media-time order, and gives the evidence that this brings out.
	take(h happening, r *room) []evidence
	// values gives what it measures now, by name and in its own unit, for conditions and for people.
	values(give func(name string, v float64))
}

// happening is one step of media time. One of the fields beside At is set.
type happening struct {
	At    time.Duration
	Line  *spokenLine
	Sound *soundStretch
	Shop  *shopping
	Hop   *hop // what the audience did in the hop that ends at At
	Cut   bool // the picture changed
}

// shopping is a product signal and the event that told it.
type shopping struct {
	Source source
	Signal domain.AudienceSignal
}

// source is the event that something was seen in: what a highlight's envelope needs of it.
type source struct {
	ID    string
	Epoch int64       `json:",omitempty"`
	Lane  domain.Lane `json:",omitempty"`
	Trace string      `json:",omitempty"`
	came  time.Duration
}

func sourceOf(e event.Envelope, came time.Duration) source {
	return source{e.ID, e.Epoch, e.Lane, e.Trace, came}
}

// evidence is one signal's part in a moment.
type evidence struct {
	Signal  string
	Feature string  // what a weight is given to: "keyword.flash_sale", "comments.burst"
	Value   float64 // 0 to 1: what the weight is multiplied with
	Kind    string  // of the highlight it would make
	Detail  string
	Chinese string        // the detail
	Moment  domain.Window // what it speaks of: comments are dated back to what they answer
	Used    bool          `json:",omitempty"` // in a highlight

	// Source is what it was seen in. There is no one event of what the audience did: Burst is its number there.
	Source source
	Burst  int64 `json:",omitempty"`

	// Said tells what was said from what was done. Sentence is the one it was said in, Number the moment among the line's.
	Said     bool            `json:",omitempty"`
	Phrases  []domain.Phrase `json:",omitempty"` // that it rests on
	Offer    domain.Offer    `json:",omitzero"`
	Left     time.Duration   `json:",omitempty"`
	Sentence domain.Window   `json:",omitzero"`
	Number   int             `json:",omitempty"`

	first, last int // tokens of the line
	label       label
}

// outcome of a moment that was considered.
type outcome string

const (
	outcomeFired     outcome = "fired"
	outcomeWeak      outcome = "weak"      // below the threshold
	outcomeSwallowed outcome = "swallowed" // of a moment that has its highlight
	outcomeBarred    outcome = "barred"    // above the threshold, not above what the hour's budget still lets through
	outcomeVetoed    outcome = "vetoed"    // by a rule
)

// decision is what became of a moment. Anchor is what the highlight follows from; Bar is the score it had to reach.
type decision struct {
	Outcome    outcome
	Anchor     event.Envelope
	Highlight  domain.Highlight
	Bar        float64
	Why        string // it is no highlight
	WhyChinese string
	came       time.Duration // when the last thing it rests on had come: known in a replay only
}
