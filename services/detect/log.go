package detect

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/roomlog"
)

const (
	logPiece  = 128 << 10        // bytes, unpacked, after which a piece of a room's log is written
	logAfter  = 30 * time.Second // after which it is written anyway
	mostHeld  = 4 << 20          // bytes held while the store is away; more are lost, and counted
	mostLog   = 256 << 20        // bytes of one broadcast's log, unpacked
	markEvery = time.Second      // of the marks, which come several times a second, while nothing else comes
)

// LogFolder is the prefix of the keys of a broadcast's log, with its slash: pieces of a roomlog, gzipped, in order.
func LogFolder(ref domain.Ref, b domain.BroadcastID) string {
	return ref.String() + "/" + string(b) + logFolder
}

const logFolder = "/detect/"

// logged is the log of one broadcast: what is not written yet, and what was.
type logged struct {
	Pieces  int   // written
	Bytes   int64 // written, unpacked
	pending bytes.Buffer
	since   time.Time     // wall clock of the oldest pending
	last    time.Duration // media time of the newest
	marked  time.Duration
	held    domain.StreamProgress // the newest mark, where it is not written yet
	heldBy  string                // the event that told it
	closed  bool
}

// note takes down what a room is about to take; mark is how far it is known. It reports how many entries had to be left out.
func (l *logged) note(e event.Envelope, payload any, mark time.Duration, wall time.Time) (lost int) {
	entry := roomlog.Entry{At: max(l.last, mark), Event: e.ID}
	switch p := payload.(type) {
	case domain.TranscriptLine:
		if !p.Final {
			return 0
		}
		lost = l.mark(wall)
		entry.Line = &p
	case domain.SoundMeasured:
		if p.Start < mark-hearing {
			lost = l.mark(wall)
		}
		entry.Sound = &p
	case domain.AudienceSignal:
		if p.At < mark {
			lost = l.mark(wall)
		}
		p.Text = p.Text[:min(len(p.Text), mostRemark)]
		entry.Audience = &p
	case domain.StreamProgress:
		l.hold(e, p)
		if !p.Closed && l.held.RecordedTo-l.marked < markEvery {
			return 0
		}
		return l.mark(wall)
	case domain.Context:
		entry.Context = &p
	default:
		return 0
	}
	return lost + l.write(entry, wall)
}

// hold keeps a mark back, with the cuts of those before that were.
func (l *logged) hold(e event.Envelope, p domain.StreamProgress) {
	cuts := newest(append(l.held.SceneCuts, p.SceneCuts...), mostCuts)
	l.heldBy = e.ID
	l.held = domain.StreamProgress{HeardTo: p.HeardTo, RecordedTo: max(l.held.RecordedTo, clock(e.Lane, p)), Closed: p.Closed, By: p.By, SceneCuts: cuts}
}

// mark writes the mark that was held back: what comes late is taken up where the room has got to, in a replay too.
func (l *logged) mark(wall time.Time) (lost int) {
	held := l.held
	if held.RecordedTo <= l.marked && !held.Closed {
		return 0
	}
	l.marked, l.closed, l.held = held.RecordedTo, held.Closed, domain.StreamProgress{}
	return l.write(roomlog.Entry{At: max(l.last, held.RecordedTo), Event: l.heldBy, Progress: &held}, wall)
}

// write adds an entry to what is pending. It reports 1 where there is no room for it.
func (l *logged) write(entry roomlog.Entry, wall time.Time) (lost int) {
	before := l.pending.Len()
	if before >= mostHeld || l.Bytes >= mostLog {
		return 1
	}
	if before == 0 {
		l.since = wall
	}
	if _, err := roomlog.Write(&l.pending, entry); err != nil { // into memory: only what cannot be said, or is too long
		l.pending.Truncate(before)
		return 1
	}
	l.last = entry.At
	return 0
}

// due tells whether a piece is to be written now.
func (l *logged) due(wall time.Time) bool {
	n := l.pending.Len()
	return n >= logPiece || n > 0 && (l.closed || wall.Sub(l.since) >= logAfter)
}

// flush writes what is pending as the next piece. A piece that is there already is of an owner that was killed before its
// state was kept: it stays, and what it says may be told twice, which is harmless.
func (l *logged) flush(ctx context.Context, store blob.Store, folder string) error {
	if l.pending.Len() == 0 {
		return nil
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(l.pending.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	for {
		key := fmt.Sprintf("%s%06d.jsonl.gz", folder, l.Pieces)
		_, err := store.PutNew(ctx, key, bytes.NewReader(packed.Bytes()))
		if err != nil && !errors.Is(err, blob.ErrExists) {
			return fmt.Errorf("write %s: %w", key, err)
		}
		l.Pieces++
		if err == nil {
			break
		}
	}
	l.Bytes += int64(l.pending.Len())
	l.pending = bytes.Buffer{}
	return nil
}

// ErrNoLog says that nothing was logged of a broadcast.
var ErrNoLog = errors.New("no room log")

// ReadLog gives the log of a broadcast as detect kept it, in order of arrival: up to half a minute of it may be missing where
// a process was killed. ErrNoLog where there is none.
func ReadLog(ctx context.Context, store blob.Store, ref domain.Ref, b domain.BroadcastID) iter.Seq2[roomlog.Entry, error] {
	return func(yield func(roomlog.Entry, error) bool) {
		var last time.Duration
		pieces := 0
		for info, err := range store.List(ctx, LogFolder(ref, b), "") {
			if err != nil {
				yield(roomlog.Entry{}, fmt.Errorf("list the log of broadcast %s: %w", b, err))
				return
			}
			pieces++
			for e, err := range readPiece(ctx, store, info.Key) {
				if err == nil && e.At < last {
					continue // told again after a restart
				}
				last = max(last, e.At)
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
		if pieces == 0 {
			yield(roomlog.Entry{}, fmt.Errorf("broadcast %s of stream %s: %w", b, ref, ErrNoLog))
		}
	}
}

func readPiece(ctx context.Context, store blob.Store, key string) iter.Seq2[roomlog.Entry, error] {
	return func(yield func(roomlog.Entry, error) bool) {
		text, _, err := store.Get(ctx, key, 0, -1)
		if err != nil {
			yield(roomlog.Entry{}, fmt.Errorf("read %s: %w", key, err))
			return
		}
		defer text.Close()
		unpacked, err := gzip.NewReader(io.LimitReader(text, mostLog))
		if err != nil {
			yield(roomlog.Entry{}, fmt.Errorf("read %s: %w", key, err))
			return
		}
		for e, err := range roomlog.Read(unpacked) {
			if err != nil {
				err = fmt.Errorf("read %s: %w", key, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// NewestLog gives the broadcast of a stream that was logged last. ErrNoLog where none was.
func NewestLog(ctx context.Context, store blob.Store, ref domain.Ref) (domain.BroadcastID, error) {
	var broadcast domain.BroadcastID
	var newest time.Time
	prefix := ref.String() + "/"
	for info, err := range store.List(ctx, prefix, "") {
		if err != nil {
			return "", fmt.Errorf("look for logs of stream %s: %w", ref, err)
		}
		name, rest, _ := strings.Cut(strings.TrimPrefix(info.Key, prefix), "/")
		if strings.HasPrefix(rest, "detect/") && !info.Modified.Before(newest) {
			broadcast, newest = domain.BroadcastID(name), info.Modified
		}
	}
	if broadcast == "" {
		return "", fmt.Errorf("stream %s: %w", ref, ErrNoLog)
	}
	return broadcast, nil
}
