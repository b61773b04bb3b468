// Package recording keeps what was recorded and heard of a broadcast, by media time: the owner's spool on local disk for
// the hot tail, objects of 6 to 10 s in the store for the rest, and one reader over both.
//
// Keys, under {tenant}/{stream}/{broadcast}/rec/ (numbers zero-padded, times in ms, so that a listing is the index):
//
//	{start}-{end}-{epoch}-{run}-{k|n}.m4s   parts (moof+mdat) in order; k: begins on a keyframe
//	{epoch}-{run}.init.mp4                  the run's initialisation segment
//	lines/{from}-{to}-{epoch}.json          final lines, everything that ends in (from, to]
//	closed.json                             the broadcast ended: where and why
package recording

import (
	"context"
	"log/slog"
	"time"

	"liveclip/internal/blob"
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

// Writer is the owner's side of one broadcast. Everything given to it is on local disk before the call returns, so that
// a killed process loses at most a torn last record. Safe for concurrent use.
type Writer struct{}

// WriterConfig says where and how.
type WriterConfig struct {
	Folder    string // spool; one folder per broadcast is made in it
	Ref       domain.Ref
	Broadcast domain.BroadcastID
	Epoch     int64
	StartedAt time.Time
	Segment   time.Duration // least length of a stored segment; default 6 s; a segment begins on a keyframe where it can
	KeepHot   time.Duration // how long a stored segment stays readable from the spool; default 60 s
	// Stored is called after a segment lies in the store.
	Stored func(ctx context.Context, s domain.SegmentRecorded) error
}

// Create begins a broadcast's spool, or continues it (a rejoin: same broadcast, greater epoch).
func Create(cfg WriterConfig, store blob.Store, log *slog.Logger) (*Writer, error) {
	panic("unwritten")
}

// Run stores closed segments, with retries, until ctx ends or Close was called and everything is stored.
func (w *Writer) Run(ctx context.Context) error { panic("unwritten") }

func (w *Writer) Init(i Init) error { panic("unwritten") }

func (w *Writer) Part(p Part) error { panic("unwritten") }

// Line adds a final line.
func (w *Writer) Line(l domain.TranscriptLine) error { panic("unwritten") }

// Heard says that every final line ending before t was added.
func (w *Writer) Heard(t time.Duration) error { panic("unwritten") }

// Close says that the broadcast ended at t; readers that wait are let go.
func (w *Writer) Close(t time.Duration, reason string) error { panic("unwritten") }

// Left is a broadcast whose owner died: what Recover found in a spool.
type Left struct {
	Ref        domain.Ref
	Broadcast  domain.BroadcastID
	Epoch      int64
	StartedAt  time.Time
	RecordedTo time.Duration
	HeardTo    time.Duration
	Runs       int
}

// Recover reads the spool a killed process left: torn tails are cut off, never served. Continue each with Create, or end
// it with Create and Close.
func Recover(folder string, log *slog.Logger) ([]Left, error) { panic("unwritten") }

// Chunk is what a Reader gives: exactly one of its fields is set.
type Chunk struct {
	Init *Init
	Part *Part
}

// End says where a read ended. Reason is empty when the window's end was reached.
type End struct {
	At     time.Duration
	Reason string // "broadcast closed: …", "owner lost: …"
}

// Finder finds a stream's owner: lease.Leases.
type Finder interface {
	FindAddress(ctx context.Context, ref domain.Ref) (address string, ok bool, err error)
}

// Reader reads recordings wherever they lie. Safe for concurrent use.
type Reader struct{}

// NewReader dials owners as it needs them.
func NewReader(store blob.Store, owners Finder, log *slog.Logger) *Reader { panic("unwritten") }

// Read emits the run's Init and the parts that overlap w, in order, from the random access point at or before w.Start: from
// the store, then from the owner's hot tail, waiting for what is still to come. When the owner is lost it goes on with what
// reaches the store, and ends, with the reason, when nothing came for lost (default 20 s) or the broadcast is closed.
// A window that begins past the end of a closed broadcast gives no part.
func (r *Reader) Read(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window, emit func(Chunk) error) (End, error) {
	panic("unwritten")
}

// Lines gives the final lines that overlap w once everything before w.End was heard (or the broadcast is closed, or its
// owner lost: then heardTo is less than w.End).
func (r *Reader) Lines(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window) (lines []domain.TranscriptLine, heardTo time.Duration, err error) {
	panic("unwritten")
}

// Hot serves the writers of this process as the Recording gRPC service (proto/recording/v1).
type Hot struct{}
