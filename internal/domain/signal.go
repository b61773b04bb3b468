package domain

import "time"

// Word is one recognised word. Confidence is 0 to 1; 0 also where the recogniser gives none.
type Word struct {
	Text       string
	Start, End time.Duration
	Confidence float64
}

// TranscriptLine is what was said between two pauses. A partial line is revised by later lines of the same ID; a final
// one is not. Topic transcript.line.v1.
type TranscriptLine struct {
	ID         string // the same over all revisions of the line
	Revision   int    // from 0
	Final      bool
	Start, End time.Duration
	Text       string
	Words      []Word
	Engine     string
	Language   string
	Heard      string // as the recogniser gave it, where Text is written otherwise for print; empty: Text is
}

// SoundMeasured holds the momentary loudness of a stretch of sound. Topic sound.measured.v1.
type SoundMeasured struct {
	Start     time.Duration
	Step      time.Duration // between two values: 100 ms
	Momentary []float64     // LUFS over 400 ms (EBU R 128), one value per Step; -120 for silence
	Events    []SoundEvent  // that ended within this stretch
}

// SoundEvent is something heard that is not speech.
type SoundEvent struct {
	Kind       string // "applause", "laughter", "music"
	Window     Window
	Confidence float64 // 0 to 1
}

// SignalKind is a kind of audience signal.
type SignalKind string

const (
	SignalComment SignalKind = "comment"
	SignalLike    SignalKind = "like"
	SignalGift    SignalKind = "gift"
	SignalFollow  SignalKind = "follow"
	SignalProduct SignalKind = "product" // the product on show changed
	SignalViewers SignalKind = "viewers"
	SignalOrder   SignalKind = "order"
)

// AudienceSignal is one thing the audience or the shop did. Topic audience.signal.v1.
type AudienceSignal struct {
	ID    string // the platform's message ID, or H of its content
	Kind  SignalKind
	At    time.Duration // media time, assigned at the door from the platform's time
	Sent  time.Time     // the platform's clock
	Text  string
	User  string // keyed hash; never a platform's ID or name
	Count int64  // likes, gift value, viewers, items ordered; 1 for a comment
	Item  Product
	// Action says what became of Item, for SignalProduct.
	Action ProductAction
}

// ProductAction is what happened to a product.
type ProductAction string

const (
	ProductShown   ProductAction = ""       // it is the one on show now
	ProductHidden  ProductAction = "hidden" // no longer on show
	ProductListed  ProductAction = "listed" // put on the shelf
	ProductPriced  ProductAction = "priced" // its price changed to Item.Price
	ProductSoldOut ProductAction = "sold_out"
)

// Reason says why a highlight was noticed.
type Reason struct {
	Signal string // "keyword", "comments", "loudness", "request"
	Detail string // for a person: `flash sale: "last 3 minutes"`, "42 comments in 10 s, usually 6"
	At     time.Duration
	Weight float64 // its part of the score
	// Chinese is Detail in Chinese; empty where there is none.
	Chinese string
	// Phrases are what the host said that it rests on, in order; empty: nothing of it was said.
	Phrases []Phrase
	Offer   Offer         // that the host or the shop named; zero: none
	Left    time.Duration // that the host named ("last three minutes"); 0: none
}

// SignalKeyword is the signal of reasons that rest on phrases of the rules.
const SignalKeyword = "keyword"

// Phrase is something that a host said.
type Phrase struct {
	Spoken     string // as it was heard: "五十九块九"
	Written    string // as it is printed: "¥59.9"
	Start, End time.Duration
}

// Offer is a price or a discount, in figures.
type Offer struct {
	Was, Now float64 // what something cost and costs; 0: not said
	Sign     string  // of their currency: "¥", "$", "€", "£"; empty: not said
	Off      float64 // per cent; 0: not said
}

// Highlight is a window of media time with a score and its reasons. Topics highlight.found.v1 and, for one a person or
// a batch asked for, clip.requested.v1.
type Highlight struct {
	ID     HighlightID
	Kind   string // rule name: "flash_sale", "discount", "price_drop"; "manual" for a request
	Window Window
	Score  float64 // 0 to 1; 1 for a request
	// Reasons are sorted by Weight, greatest first.
	Reasons []Reason
	Text    string // what was said in the window so far
	Title   string // a request's own title; empty: prompt writes one
	By      string // who asked; empty: detected
	// TriggeredAt is the wall clock at which it was decided.
	TriggeredAt time.Time
	Mode        Mode // a request's
	Vertical    bool // a request's: a 9:16 rendition, too
	// Features are the signals' values at the decision, by name: what the weights were multiplied with.
	Features map[string]float64
	Product  string // ID of the product that was on show; empty: unknown
	// Item is that product as the room's feed last told of it; zero: its feed is silent.
	Item Product
	// Chapters are what a recap shows, in order; Window spans them all. Empty: one piece, Window.
	Chapters []Chapter
	Shortest time.Duration // length that a clip of it may have by the rules; 0: any, as a request's
	// Revision is that of its clip: 0, unless a person moved the ends of one that there is.
	Revision int
	// Opening is a request's: the template that opens the clip, or OpeningNone. Empty: as configured.
	Opening string
}

// OpeningNone asks for a clip without an opening, whatever is configured.
const OpeningNone = "none"

// Chapter is a piece of a recap.
type Chapter struct {
	Window Window
	Title  string
}
