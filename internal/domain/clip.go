package domain

import "time"

// ShotKind says where a shot's picture comes from.
type ShotKind string

const (
	ShotFootage   ShotKind = "footage"
	ShotGenerated ShotKind = "generated" // text-to-video
	ShotTemplate  ShotKind = "template"  // a pre-rendered opening, filled in
)

// Shot is one piece of a plan.
type Shot struct {
	Kind     ShotKind
	Window   Window            // footage: which
	Template string            // template: its name
	Fields   map[string]string // template: product, price, title, countdown …
	Prompt   string            // generated
	Length   time.Duration     // template and generated
	Negative string            // generated: what shall not be seen
	Seed     uint64            // generated: of the noise; of a clip's ID, so that a replay asks for the same
	Tier     string            // generated: "standard", "pro", "ultra"; empty: as configured
	Engine   string            // generated: the engine that is wished for, by its configured name; empty: whichever serves best
	Opening  ShotOpening       // generated: what every shot of its template begins with; zero: each begins anew
	// Version names what worded the shot ("enthusiastic@2f6b0c11", with "+model" where a language model had its part), and
	// Hash all of its words (see domain.H): what a quality record is grouped by.
	Version string
	Hash    string
}

// ShotOpening is what generated shots of a template begin with. An engine makes it once, and then begins from there.
type ShotOpening struct {
	Key    string // names it: other words have another
	Prompt string
}

// Profile is how a destination wants the clip.
type Profile struct {
	Name      string // "720p": also the file name on the VOD path
	Width     int    // pixels of the box the picture is fitted into; both even
	Height    int
	Watermark bool
	Subtitles bool
	Framing   Framing
}

// Framing says how a picture of another shape gets into a profile's box.
type Framing string

const (
	FramingFit    Framing = ""       // whole, its aspect kept
	FramingFollow Framing = "follow" // cropped to the box's aspect, following the speaker
)

// Mode says how a clip's renditions are made.
type Mode string

const (
	ModeFinish Mode = ""     // decoded once, drawn over, every profile encoded
	ModeCopy   Mode = "copy" // the source's own packets; only the partial GOPs at both ends are encoded. Nothing is drawn
)

// Known reports whether there is such a mode.
func (m Mode) Known() bool { return m == ModeFinish || m == ModeCopy }

// SourceProfile is the one profile of a clip made by ModeCopy: the source's own picture and sound.
const SourceProfile = "source"

// Plan is what the clip shall be. The first one written for a clip and revision wins. Topic plan.made.v1.
type Plan struct {
	Clip      ClipID
	Revision  int
	Highlight HighlightID
	Kind      string
	Window    Window
	Score     float64
	Reasons   []Reason
	Title     string
	Titled    bool   // Title is a person's own wording, not liveclip's
	Text      string // what was said, as far as heard when the plan was made
	Overlay   string // text burned into the picture; empty: none
	Shots     []Shot
	Profiles  []Profile
	By        string // who asked; empty: detected
	Triggered time.Time
	Mode      Mode
	Features  map[string]float64 // the highlight's
	Chapters  []Chapter          // the highlight's
	Product   string             // the highlight's
	Shortest  time.Duration      // the highlight's
	Joint     Joint              // how one part passes into the next
	Music     string             // the bed of music, by its name; empty: none
	Notes     []string           // what was planned otherwise than configured, and why, for a person
}

// Joint is how one part of a clip passes into the next.
type Joint string

const (
	JointCut      Joint = ""         // from one picture to the next
	JointDissolve Joint = "dissolve" // one fades into the other
	JointWipe     Joint = "wipe"     // an edge sweeps over the picture
)

// Known reports whether there is such a joint.
func (j Joint) Known() bool { return j == JointCut || j == JointDissolve || j == JointWipe }

// CutPart is one piece of a cut, in order of play: a window of the recording, or a whole file in the store.
type CutPart struct {
	Window    Window // of the recording, when File is empty
	File      string // object key
	Generated bool   // any picture or sound in it is generated or synthesised
	// Loudness is a file's own, integrated, in LUFS; 0: not measured, or silent.
	Loudness float64
}

// Cut is the clip's picture and sound before finishing. It may name media time still to come. Topic cut.ready.v1.
type Cut struct {
	Clip     ClipID
	Revision int
	Parts    []CutPart
	Notes    []string // what fell back, and why, for a person
	Mode     Mode
	Joint    Joint        // the plan's
	Music    string       // the plan's
	Shots    []ShotRecord // of every shot that is no footage, in order: how it was made, or why it was not
}

// ShotRecord says how a template or generated shot was made, or why it was not.
type ShotRecord struct {
	Number   int      // of the shot in its plan, from 0
	Kind     ShotKind // what was ordered
	Became   ShotKind // what is shown; ShotFootage where it fell back
	Template string   // its name, where one was drawn
	Prompt   string
	Negative string
	Version  string // the shot's
	Hash     string // the shot's
	Made     ShotMaking
	Bytes    int64
	Quality  ShotQuality // of what is shown, or of the last that was refused
	Fault    string      // why it is not what was ordered; empty: it is
}

// ShotMaking is what whoever made a shot tells of it.
type ShotMaking struct {
	Engine    string // its configured name; "template" where one was drawn
	Model     string
	Tier      string
	Seed      uint64
	Steps     int
	Width     int // pixels
	Height    int
	FrameRate float64
	Length    time.Duration
	Attempts  int
	CacheHit  bool        // a template's base, or an engine's opening, was there already
	Degraded  []string    // what was done with less than was ordered, in order: "4 steps instead of 8"
	Stages    []ShotStage // where the time went, in order
}

// ShotStage is one stage of a shot's making: "queue", "engine", "generate", "measure", "store".
type ShotStage struct {
	Name string
	Took time.Duration
}

// ShotQuality is what was measured of a shot's pictures.
type ShotQuality struct {
	Frames  int     // that were looked at; 0: nothing was measured
	Black   float64 // share of pictures that are black
	Frozen  float64 // share of pictures that do not differ from the one before
	Sharp   float64 // mean contrast of edges, 0 to 1: a blurred picture has little
	Flicker float64 // mean jump of brightness from picture to picture that turns back at once, 0 to 1
	Refused string  // the threshold that it failed; empty: it passed
}

// Why a clip is shorter than asked for: Rendered.ClippedTo is one of these sentences or empty. The console translates them.
const (
	ClippedToStart = "begins where the recording begins: nothing was recorded before"
	ClippedToEnd   = "ends with the broadcast: nothing was recorded after"
	ClippedToLoss  = "ends where the recording broke off"
	ClippedToGap   = "shortened by a gap in the recording"
	ClippedToKept  = "begins later than asked: what was recorded before is no longer kept"
)

// TooShort is why a person has to look at a noticed clip that was shortened: it became shorter than its rules want clips to be.
const TooShort = "shorter than the rules allow: less was recorded"

// NoteGap is the note of a clip that goes on over a gap in the recording: the last picture stands, in silence.
const NoteGap = "spans a gap in the recording"

// Rendition is a finished file of the clip in one profile.
type Rendition struct {
	Profile       string
	Key           string // object key
	Width, Height int
	Length        time.Duration
	Bytes         int64
	SHA256        string // hex
	Index         string // object key of its sidecar index; empty: none
	Header        int64  // bytes of ftyp and moov, from the index
	Heads         Heads  // likewise
}

// Heads are the bytes from a rendition's beginning that a player needs to show its first frame, and to play its first one,
// two and four seconds. 0: not known.
type Heads struct{ Frame, S1, S2, S4 int64 }

// Rendered says that renditions lie in the store, private. Topic clip.rendered.v1.
type Rendered struct {
	Clip       ClipID
	Revision   int
	Hash       string // of all renditions: the {hash} of their URLs
	Renditions []Rendition
	Cover      string // object key of a JPEG
	Subtitles  string // object key of a WebVTT file; empty: none
	Window     Window // of media time, as finished
	ClippedTo  string // why Window is shorter than the plan's, one of the ClippedTo sentences; empty: it is not
	Generated  bool   // labelled as AI-generated
	Title      string
	Text       string   // what is said in the window, as far as heard when it was made
	Sprite     string   // object key of a JPEG with thumbnails in rows; empty: none
	Thumbnails string   // object key of the WebVTT that says which part of Sprite belongs to which seconds
	SubRip     string   // object key of Subtitles as SRT
	Chapters   string   // object key of a recap's chapters as WebVTT; empty: none
	Notes      []string // what was made otherwise than ordered, and why: a lower preset under load
}

// Verdict on a clip.
type Verdict string

const (
	VerdictApproved    Verdict = "approved"
	VerdictRejected    Verdict = "rejected"
	VerdictNeedsPerson Verdict = "needs_person"
)

// Finding is one thing moderation noticed.
type Finding struct {
	List     string        // which word list
	Term     string        // of that list; of speech unheard: how much
	Where    string        // "title", "overlay", "transcript"
	At       time.Duration // media time, for the transcript
	Severity string        // "block", "person", "note"
}

// Decided is a verdict by rule or by a person, or a take-down. Topic clip.decided.v1.
type Decided struct {
	Clip     ClipID
	Revision int
	Verdict  Verdict
	By       string // "rule" or a person's name
	Reason   string
	Findings []Finding
	TakeDown bool
	// Hash is set by review once the clip's manifest is written: from then on the clip is playable, and only a verdict
	// that carries it is published anywhere.
	Hash string
	// Destination is set when a person asks for a playable clip to go there: also where it failed before, or its fate is
	// unknown. Empty: wherever clips go by themselves.
	Destination string
}

// Label is what a person thought of a window: what detection is tuned by. Of several of one clip the newest counts.
type Label struct {
	Clip      ClipID
	Stream    StreamID
	Broadcast BroadcastID
	Category  string // of the room; empty: unknown
	Kind      string
	Window    Window
	Verdict   Verdict // VerdictApproved or VerdictRejected
	Manual    bool    // the person chose the window; over a detected one it is a trim
	Score     float64
	Features  map[string]float64 // what it was noticed by; nil of a manual one
	At        time.Time
}

// PublicationState of one clip at one destination.
type PublicationState string

const (
	PublicationIntended  PublicationState = "intended"
	PublicationAccepted  PublicationState = "accepted"
	PublicationVisible   PublicationState = "visible"
	PublicationRejected  PublicationState = "rejected"
	PublicationFailed    PublicationState = "failed"
	PublicationUnknown   PublicationState = "unknown" // the answer never came: look it up or ask a person, never call again
	PublicationWithdrawn PublicationState = "withdrawn"
)

// PublicationChanged is topic publication.changed.v1.
type PublicationChanged struct {
	Clip        ClipID
	Revision    int
	Destination string
	State       PublicationState
	RemoteID    string
	URL         string
	Reason      string
}

// Manifest names the current revision of a playable clip. It is the record whose conditional write publishes the clip.
type Manifest struct {
	Tenant    Tenant
	Stream    StreamID
	Broadcast BroadcastID
	Rendered  Rendered
	Published time.Time
}

// Step of a clip's story, in the usual order.
type Step string

const (
	StepFound     Step = "found"
	StepPlanned   Step = "planned"
	StepCut       Step = "cut"
	StepRendered  Step = "rendered"
	StepDecided   Step = "decided"
	StepPublished Step = "published" // playable on the VOD path
	StepSent      Step = "sent"      // one per destination
	StepFailed    Step = "failed"
	StepTakenDown Step = "taken_down"
)

// ClipStep is one step of a clip's story; all steps of a clip together are the whole story so far. Topic clip.state.v1,
// compacted by clip, step and destination, so that the story survives compaction whole.
type ClipStep struct {
	Clip        ClipID
	Revision    int
	Step        Step
	Destination string // for StepSent
	At          time.Time
	Note        string // for a person: a fallback, a reason
	// What the step produced, where it did.
	Plan        *Plan
	Rendered    *Rendered
	Decided     *Decided
	Publication *PublicationChanged
	Shots       []ShotRecord // of a cut
}

// Purpose of a delivery, as the player colours its requests. Empty: it did not.
type Purpose string

const (
	PurposeHead    Purpose = "head"    // P0: the head of what is to play now
	PurposePreload Purpose = "preload" // P1: the head of what may play next
	PurposeFill    Purpose = "fill"    // P3: what plays, up to the buffer's goal
)

// OriginSelf is the Origin of a delivery of this VOD path.
const OriginSelf = "liveclip"

// Delivery is one response of the VOD path, or of a CDN before it. Topic delivery.logged.v1.
type Delivery struct {
	RequestID string
	Clip      ClipID
	Hash      string
	File      string // "720p.mp4"
	Profile   string // the rung, where File is one's; empty: it is none's
	Method    string
	Status    int
	Asked     string // the Range header as asked
	Ranges    int    // parts that were sent; 0: no Range was answered
	SentFrom  int64  // first byte
	Sent      int64  // bytes written
	Acked     int64  // bytes of them that the client's system acknowledged; -1: not known
	Size      int64  // of the file; 0: not known
	CacheHit  bool   // no byte of it came from the store, or from behind the CDN
	Session   string
	Referer   string
	Purpose   Purpose
	Started   time.Time
	FirstByte time.Duration
	Took      time.Duration
	Origin    string // who answered: OriginSelf, or the CDN whose log says so
}

// PlaybackReport is what a player fetched, played and wasted. Topic playback.reported.v1.
type PlaybackReport struct {
	Clip    ClipID
	Session string
	Fetched int64 // bytes
	Played  time.Duration
	Wasted  int64 // bytes fetched and never played
	Startup time.Duration
	Stalls  int
}
