package domain

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// Lane orders work: live before manual before batch.
type Lane string

const (
	LaneLive   Lane = "live"
	LaneManual Lane = "manual"
	LaneBatch  Lane = "batch"
)

// Window is a span of media time, Start inclusive, End exclusive.
type Window struct{ Start, End time.Duration }

// Length is never negative.
func (w Window) Length() time.Duration { return max(0, w.End-w.Start) }

// Overlap is the length both windows share.
func (w Window) Overlap(o Window) time.Duration {
	return max(0, min(w.End, o.End)-max(w.Start, o.Start))
}

// SourcePush is the source of a stream whose publisher comes to us.
const SourcePush = "push"

// Product is something the room sells; Price is as shown to viewers ("¥99", "$19.99").
type Product struct {
	ID    string
	Name  string
	Price string
	Image string // URL or object key; empty: none
	Was   string // the price before; empty: not known
}

// Context is what an operator knows of a room; prompt fills templates from it.
type Context struct {
	Host     string
	Category string
	Language string // BCP 47, "zh" or "en"; empty: unknown
	Products []Product
	Extra    map[string]string // further template variables
	Vertical bool              // every clip gets a 9:16 rendition, too
	Engine   string            // of speech: a name of asr's engines; empty: the one for Language
	Hotwords []string          // words of the room that a recogniser shall expect, beside its products
}

// StreamState is a stream's standing order: attached or not, from where, by whom recorded. Topic stream.state.v1.
type StreamState struct {
	Ref      Ref
	Attached bool
	Source   string // SourcePush or a URL
	Context  Context
	Lane     Lane   // LaneBatch for an archived VOD
	Owner    string // the asr process that shall pull it; empty for pushes and unplaced pulls
	Changed  time.Time
}

// BroadcastChange is what happened to a broadcast.
type BroadcastChange string

const (
	BroadcastOpened     BroadcastChange = "opened"
	BroadcastGap        BroadcastChange = "gap"        // nothing was received during Gap
	BroadcastParameters BroadcastChange = "parameters" // the codec parameters changed: a new run begins
	BroadcastClosed     BroadcastChange = "closed"
	// BroadcastUnreachable says why a stream's source cannot be recorded. No broadcast is open, and the event names none.
	BroadcastUnreachable BroadcastChange = "unreachable"
)

// MediaParameters describe one run of a recording. Zero Width: no picture. Zero SampleRate: no sound.
type MediaParameters struct {
	VideoCodec string // "h264", "hevc"
	Width      int    // pixels, as displayed
	Height     int
	FrameRate  float64 // frames per second; 0: unknown
	AudioCodec string  // "aac", "mp3", "opus"
	SampleRate int     // Hz
	Channels   int
}

// BroadcastChanged is topic broadcast.changed.v1.
type BroadcastChanged struct {
	Change     BroadcastChange
	At         time.Duration // media time of the change; for closed: the recording's end
	StartedAt  time.Time     // wall clock of media time zero
	Source     string
	Parameters MediaParameters
	Gap        Window
	Reason     string // for gap, closed and unreachable: why, for a person
}

// Health of a signal: a missing signal is not a calm one.
type Health string

const (
	HealthPresent Health = "present"
	HealthQuiet   Health = "quiet"   // the feed lives and has nothing to say
	HealthMissing Health = "missing" // nothing is known
	HealthBehind  Health = "behind"  // alive, but later than it should be
)

// Names of signals whose health is published.
const (
	SignalPicture  = "picture"
	SignalSpeech   = "speech"
	SignalSound    = "sound"
	SignalComments = "comments"
)

// StreamProgress marks how far a broadcast is known, a few times a second. Topic stream.progress.v1.
type StreamProgress struct {
	RecordedTo time.Duration     // every frame before it is readable
	HeardTo    time.Duration     // every final line that ends before it, and every sound before it, was published
	Unmeasured time.Duration     // before RecordedTo, of sound that is still to be published
	Health     map[string]Health // by signal name
	Closed     bool              // the broadcast ended; nothing follows
	By         string            // "asr" or "detect"
	SceneCuts  []time.Duration   // found since the last mark, as far as they can be told without decoding the picture
	SpeechLag  time.Duration     // how long after it was spoken the newest final line was known
	Unheard    []Window          // speech that nobody heard, told since the last mark
	Hearing    Hearing           // by asr
}

// Hearing is who hears a room, and what its operator should know of that.
type Hearing struct {
	Engine  string         // its name; "none": nobody
	Trouble HearingTrouble // empty: none
	About   string         // the engine or language that the trouble is with, or why
}

// HearingTrouble is why a room is not heard as it might be expected to be.
type HearingTrouble string

const (
	HearingUnknown HearingTrouble = "unknown"  // it asks for an engine that is not there
	HearingForeign HearingTrouble = "language" // no engine is set for its language: nobody hears it
	HearingWeak    HearingTrouble = "weak"     // its engine hears synthetic voices, and next to nothing of what people say
	HearingDeaf    HearingTrouble = "deaf"     // its engine does not work
	HearingLater   HearingTrouble = "later"    // another engine was asked for, and takes over when its next broadcast begins
)

// Spoken is the language of a room: as it is set, or as its host and products are named; empty: unknown.
func (c Context) Spoken() string {
	han := func(text string) bool {
		return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	}
	if c.Language == "" && (han(c.Host) || slices.ContainsFunc(c.Products, func(p Product) bool { return han(p.Name) })) {
		return "zh"
	}
	return c.Language
}

// Unheard is a stretch of a recording of which nobody heard whether and what somebody said.
type Unheard struct {
	Window Window
	Chosen bool // its operator wants the room heard by nobody
}

// SegmentRecorded says that a segment lies in the store. Topic segment.recorded.v1.
type SegmentRecorded struct {
	Key      string // object key of the fragments
	InitKey  string // object key of the run's initialisation segment
	Run      int    // counts codec parameter changes within the broadcast, from 0
	Window   Window
	Keyframe bool // starts on a random access point
	Bytes    int64
}
