package recording

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
)

const (
	defaultSegment = 6 * time.Second
	longestExtra   = 4 * time.Second // a segment ends this long after Segment though no keyframe came
	defaultKeepHot = 60 * time.Second
	linesObject    = 10 * time.Second // of heard sound, in one object of lines
	keepLines      = time.Hour        // of lines and loudness, in memory

	endless = time.Duration(1<<63 - 1)
)

// WriterConfig says where and how.
type WriterConfig struct {
	Folder    string // spool; one folder per broadcast is made in it
	Ref       domain.Ref
	Broadcast domain.BroadcastID
	Epoch     int64
	StartedAt time.Time
	Segment   time.Duration // least length of a stored segment; default 6 s; a segment begins on a keyframe where it can
	KeepHot   time.Duration // how long a stored segment stays readable from the spool; default 60 s
	// Spool bounds what lies on local disk while the store can't be reached: beyond it the oldest segments go that no open clip
	// needs. Nil Needed: nobody needs anything. Dropped is told of each.
	Spool   Limits
	Needed  func() []domain.Window
	Dropped func(lost domain.Window, bytes int64)
	// Stored is called after a segment lies in the store. An error has it called again.
	Stored func(ctx context.Context, s domain.SegmentRecorded) error
	Now    func() time.Time // default time.Now
}

// Writer is the owner's side of one broadcast. Everything given to it is on local disk before the call returns, so that
// a killed process loses at most a torn last record. Safe for concurrent use.
type Writer struct {
	cfg    WriterConfig
	folder string
	store  blob.Store
	log    *slog.Logger

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever something was added
	segments []*segment    // in order; the last one may be open
	inits    map[string]Init
	parts    []hotPart // of all segments, in order
	first    int64     // number of parts[0], counted from when the Writer was made
	whole    bool      // nothing of the broadcast lies before parts[0]
	linesLog *os.File
	linesFor linesName // what the log will become: to is not set yet
	pending  []linesFile
	lines    []domain.TranscriptLine
	unheard  []domain.Unheard
	sound    []domain.SoundMeasured
	from     time.Duration // lines and windows unheard that end at or before it, and loudness measured before it, are in the store only
	heard    time.Duration
	end      *closed
	inStore  map[string]bool       // initialisation segments stored by this Writer
	awaited  map[time.Duration]int // readers of lines, by the end of their windows
}

// Create begins a broadcast's spool, or continues it (a rejoin: same broadcast, greater epoch).
func Create(cfg WriterConfig, store blob.Store, log *slog.Logger) (*Writer, error) {
	if cfg.Segment <= 0 {
		cfg.Segment = defaultSegment
	}
	if cfg.KeepHot <= 0 {
		cfg.KeepHot = defaultKeepHot
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &Writer{cfg: cfg, folder: filepath.Join(cfg.Folder, spoolName(cfg.Broadcast)), store: store, log: log,
		changed: make(chan struct{}), inits: map[string]Init{}, inStore: map[string]bool{}, awaited: map[time.Duration]int{}, whole: true}
	if err := os.MkdirAll(w.folder, 0o755); err != nil {
		return nil, fmt.Errorf("create spool of broadcast %s: %w", cfg.Broadcast, err)
	}
	if err := w.resume(); err != nil {
		return nil, fmt.Errorf("continue spool of broadcast %s: %w", cfg.Broadcast, err)
	}
	if err := writeFile(filepath.Join(w.folder, aboutName), aboutOf(cfg)); err != nil {
		return nil, fmt.Errorf("create spool of broadcast %s: %w", cfg.Broadcast, err)
	}
	return w, nil
}

// Broadcast is what the Writer writes.
func (w *Writer) Broadcast() domain.BroadcastID { return w.cfg.Broadcast }

// RecordedTo and HeardTo are how far it has come.
func (w *Writer) RecordedTo() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.recordedTo()
}

func (w *Writer) HeardTo() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard
}

func (w *Writer) recordedTo() time.Duration {
	if len(w.parts) == 0 {
		return w.heard // parts that are stored may have left the spool; nothing is heard that was not recorded
	}
	return w.parts[len(w.parts)-1].Window.End
}

var errClosed = errors.New("broadcast is closed")

// Init begins a run; its number is greater than that of the run before.
func (w *Writer) Init(i Init) error {
	data, err := initFile(i)
	if err != nil {
		return fmt.Errorf("begin run %d of broadcast %s: %w", i.Run, w.cfg.Broadcast, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != nil {
		return fmt.Errorf("begin run %d of broadcast %s: %w", i.Run, w.cfg.Broadcast, errClosed)
	}
	name := initName(w.cfg.Epoch, i.Run)
	if err := writeFile(filepath.Join(w.folder, name), data); err != nil {
		return fmt.Errorf("begin run %d of broadcast %s: %w", i.Run, w.cfg.Broadcast, err)
	}
	w.inits[name] = i
	return nil
}

// Part adds the next part. Its run was begun with Init, and it begins where the part before it ended, or later.
func (w *Writer) Part(p Part) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.addPart(p); err != nil {
		return fmt.Errorf("record part at %s of broadcast %s: %w", p.Window.Start, w.cfg.Broadcast, err)
	}
	w.wake()
	return nil
}

func (w *Writer) addPart(p Part) error {
	if w.end != nil {
		return errClosed
	}
	if _, ok := w.inits[initName(w.cfg.Epoch, p.Run)]; !ok {
		return fmt.Errorf("run %d was not begun", p.Run)
	}
	if p.Window.Start < w.recordedTo() {
		return fmt.Errorf("it begins before %s, where the part before it ended", w.recordedTo())
	}
	if len(w.parts) == 0 && w.whole && p.Window.Start > 0 { // continued on another machine
		w.whole = false
		if w.linesLog == nil {
			w.from, w.heard, w.linesFor.from = p.Window.Start, p.Window.Start, p.Window.Start.Truncate(time.Millisecond)
		}
	}
	s := w.open()
	if s != nil && w.endsBefore(s, p) {
		if err := s.finish(); err != nil {
			return err
		}
		s = nil
	}
	if s == nil {
		var err error
		if s, err = createSegment(w.folder, w.cfg.Epoch, p); err != nil {
			return err
		}
		w.segments = append(w.segments, s)
	}
	if err := s.append(p); err != nil {
		return err
	}
	w.parts = append(w.parts, s.parts[len(s.parts)-1])
	return nil
}

// open is the segment being written; nil: there is none.
func (w *Writer) open() *segment {
	if n := len(w.segments); n > 0 && !w.segments[n-1].closed {
		return w.segments[n-1]
	}
	return nil
}

// endsBefore: the segment is complete, p begins the next one.
func (w *Writer) endsBefore(s *segment, p Part) bool {
	length := p.Window.Start - s.window.Start
	return p.Run != s.name.Run ||
		p.Window.Start > s.window.End+time.Second || // a gap
		p.Keyframe && length >= w.cfg.Segment ||
		p.Window.End-s.window.Start > w.cfg.Segment+longestExtra
}

// Close says that the broadcast ended at t; readers that wait are let go. Closing again changes nothing.
func (w *Writer) Close(t time.Duration, reason string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != nil {
		return nil
	}
	if err := w.close(closed{At: t, Reason: reason, Epoch: w.cfg.Epoch}); err != nil {
		return fmt.Errorf("close broadcast %s: %w", w.cfg.Broadcast, err)
	}
	w.wake()
	return nil
}

func (w *Writer) close(end closed) error {
	if s := w.open(); s != nil {
		if err := s.finish(); err != nil {
			return err
		}
	}
	if err := w.logEntry(entry{Closed: &end}); err != nil {
		return err
	}
	w.end = &end
	return w.finishLines()
}

// wake lets everyone who waits look again.
func (w *Writer) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// writeFile writes a small file whole or not at all.
func writeFile(path string, data []byte) error {
	temp := path + ".tmp"
	if err := os.WriteFile(temp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// Folder is the broadcast's spool.
func (w *Writer) Folder() string { return w.folder }
