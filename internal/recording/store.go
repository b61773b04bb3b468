package recording

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
)

const (
	retryFirst = 200 * time.Millisecond
	retryMost  = 10 * time.Second
	sweepEvery = time.Second
)

// Run stores closed segments, with retries, until ctx ends or Close was called and everything is stored. The spool of a
// broadcast that is stored whole is removed.
func (w *Writer) Run(ctx context.Context) error {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	wait := retryFirst
	for {
		changed := w.watch()
		done, err := w.storeAll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if done {
			return w.leave()
		}
		if err != nil {
			w.log.Warn("recording not stored, trying again", "broadcast", w.cfg.Broadcast, "in", wait, "err", err)
			w.bound()
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
			wait = min(2*wait, retryMost)
			continue
		}
		wait = retryFirst
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-sweep.C:
			w.sweep()
		}
	}
}

// watch gives a channel that is closed at the next change.
func (w *Writer) watch() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// storeAll stores what is complete; done: the broadcast is closed and all of it is stored.
func (w *Writer) storeAll(ctx context.Context) (done bool, err error) {
	for {
		s, lines, end := w.nextToStore()
		switch {
		case s != nil:
			err = w.storeSegment(ctx, s)
		case lines != nil:
			err = w.storeLines(ctx, *lines)
		case end != nil:
			return true, w.storeEnd(ctx, *end)
		default:
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

func (w *Writer) nextToStore() (*segment, *linesFile, *closed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.segments {
		if s.closed && s.stored.IsZero() {
			return s, nil, nil
		}
	}
	if len(w.pending) > 0 {
		return nil, &w.pending[0], nil
	}
	return nil, nil, w.end
}

func (w *Writer) key(name string) string { return Folder(w.cfg.Ref, w.cfg.Broadcast) + name }

// storeSegment stores a segment after its initialisation segment. Only Run changes a closed segment.
func (w *Writer) storeSegment(ctx context.Context, s *segment) error {
	initKey := w.key(s.name.InitName())
	if !w.inStore[initKey] {
		data, err := os.ReadFile(filepath.Join(w.folder, s.name.InitName()))
		if err != nil {
			return fmt.Errorf("store %s: %w", initKey, err)
		}
		if _, err := w.store.Put(ctx, initKey, bytes.NewReader(data)); err != nil {
			return fmt.Errorf("store %s: %w", initKey, err)
		}
		w.inStore[initKey] = true
	}
	key := w.key(s.name.String())
	if _, err := w.store.Put(ctx, key, s.content()); err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	if w.cfg.Stored != nil {
		recorded := domain.SegmentRecorded{Key: key, InitKey: initKey, Run: s.name.Run, Window: s.window, Keyframe: s.name.Keyframe, Bytes: s.size}
		if err := w.cfg.Stored(ctx, recorded); err != nil {
			return fmt.Errorf("announce %s: %w", key, err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return s.markStored(w.cfg.Now())
}

func (w *Writer) storeLines(ctx context.Context, f linesFile) error {
	body, err := json.Marshal(linesRecord{HeardTo: f.name.to, Lines: f.lines, Unheard: f.unheard, Sound: f.sound})
	if err != nil {
		return err
	}
	key := w.key(f.name.String())
	if _, err := w.store.Put(ctx, key, bytes.NewReader(body)); err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = w.pending[1:]
	if w.end != nil && len(w.pending) == 0 {
		return nil // the log of a closed broadcast says that it is closed: it goes with the folder
	}
	return os.Remove(f.path)
}

func (w *Writer) storeEnd(ctx context.Context, end closed) error {
	key := w.key(closedName)
	if _, err := blob.WriteNewJSON(ctx, w.store, key, &end); err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	return nil
}

// leave removes the spool. Parts stay readable through their open files while this Writer is served.
func (w *Writer) leave() error {
	if err := os.RemoveAll(w.folder); err != nil {
		return fmt.Errorf("remove spool of broadcast %s: %w", w.cfg.Broadcast, err)
	}
	return nil
}

// sweep removes stored segments that are not hot any more.
func (w *Writer) sweep() {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := w.cfg.Now().Add(-w.cfg.KeepHot)
	for len(w.segments) > 0 && !w.segments[0].stored.IsZero() && w.segments[0].stored.Before(limit) {
		if !w.drop(0) {
			return
		}
	}
}

// bound keeps the spool within its limits while nothing can be stored: the oldest closed segments go that nobody needs.
func (w *Writer) bound() {
	if w.cfg.Spool == (Limits{}) {
		return
	}
	var needed []domain.Window
	if w.cfg.Needed != nil {
		needed = w.cfg.Needed()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var total int64
	for _, s := range w.segments {
		total += s.size
	}
	newest := w.recordedTo()
	for i := 0; i < len(w.segments)-1; {
		s := w.segments[i]
		old := w.cfg.Spool.Age > 0 && newest-s.window.End > w.cfg.Spool.Age
		many := w.cfg.Spool.Bytes > 0 && total > w.cfg.Spool.Bytes
		if !s.closed || !old && !many {
			return
		}
		if slices.ContainsFunc(needed, func(n domain.Window) bool { return n.Overlap(s.window) > 0 }) || !w.drop(i) {
			i++
			continue
		}
		total -= s.size
		if s.stored.IsZero() && w.cfg.Dropped != nil {
			w.cfg.Dropped(s.window, s.size)
		}
	}
}

// drop removes a segment from the spool. Its file is closed with its last reader, by the garbage collector. Readers of what lies
// before it begin again.
func (w *Writer) drop(i int) bool {
	s := w.segments[i]
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		w.log.Warn("segment not removed from spool", "broadcast", w.cfg.Broadcast, "err", err)
		return false
	}
	w.segments = slices.Delete(w.segments, i, i+1)
	w.parts = slices.DeleteFunc(w.parts, func(p hotPart) bool { return p.of == s })
	w.first, w.whole = w.first+int64(len(s.parts)), false
	return true
}
