// Package recording keeps what was recorded and heard of a broadcast, by media time: the owner's spool on local disk for
// the hot tail, objects of 6 to 10 s in the store for the rest, and one reader over both.
//
// Keys, under {tenant}/{stream}/{broadcast}/rec/ (numbers zero-padded, times in ms, so that a listing is the index):
//
//	{start}-{end}-{epoch}-{run}-{k|n}.m4s   parts (moof+mdat) in order, each after its index box; k: begins on a keyframe
//	{epoch}-{run}.init.mp4                  the run's initialisation segment
//	lines/{from}-{to}-{epoch}.json          final lines, everything that ends in (from, to], and the loudness measured since from
//	closed.json                             the broadcast ended: where and why; everything of it is in the store
//	kept.json                               retention: before this only what open clips need is still there
//
// A stored object is a file of the spool, byte for byte. Where epochs overlap, the greater one counts from its first part on.
package recording

import (
	"time"

	"liveclip/internal/domain"
)

// Init begins a run.
type Init struct {
	Run        int
	Parameters domain.MediaParameters
	Data       []byte // ftyp+moov
}

// Part is one fragment, its decode times being media time.
type Part struct {
	Run      int
	Window   domain.Window
	Keyframe bool
	Data     []byte // moof+mdat
}

// Left is a broadcast whose owner died: what Recover found in a spool.
type Left struct {
	Ref        domain.Ref
	Broadcast  domain.BroadcastID
	Epoch      int64
	StartedAt  time.Time
	RecordedTo time.Duration
	HeardTo    time.Duration
	Runs       int
	Closed     bool // it was closed, and not all of it was stored: it can only be ended
}

// Chunk is what a Reader gives: exactly one of its fields is set.
type Chunk struct {
	Init *Init
	Part *Part
}

// End says where a read ended. Reason is empty when the window's end was reached.
type End struct {
	At     time.Duration // where the last part given ends; of a closed broadcast, where it ended
	Reason string        // for people: "broadcast closed: …", "owner lost: …"
	Lost   bool          // whoever recorded went away without a word, and may come back
	// Clipped says why there is less than the window asked for, in one of the ClippedTo sentences of domain; empty: there is not.
	Clipped string
	Gaps    []domain.Window // of the window in which nothing was recorded, between parts given
}
