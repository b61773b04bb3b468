package vod

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"liveclip/internal/blob"
)

const (
	fileSeen   = time.Second // how long an open file is taken for the one that lies there
	objectSeen = time.Minute // likewise of an object store, where asking costs: what a clip names never changes
	headKept   = 64 << 10    // bytes of a file's head that are kept in memory
	headAsked  = 4           // requests for parts of the head until it is kept
)

// shelf has what is served at hand: files open, each once for all its readers, and the heads of hot ones in memory; of an
// object store, blocks. Safe for concurrent use.
type shelf struct {
	objects blob.Store
	files   blob.Filer // nil: objects are no files
	blocks  *blocks
	now     func() time.Time
	size    int
	heads   atomic.Int64 // bytes that heads may still take

	mu   sync.Mutex
	held map[string]*openObject
}

// openObject is an object of the store that answers are sent from.
type openObject struct {
	shelf  *shelf
	info   blob.Info
	file   *os.File // nil: of an object store
	labels atomic.Pointer[labels]
	asked  atomic.Int32 // how often a part of the head was wanted
	head   atomic.Pointer[[]byte]

	// by the shelf's lock
	users int
	seen  time.Time
	off   bool // not on the shelf: its last user closes it
}

func newShelf(objects blob.Store, cfg Config, now func() time.Time) *shelf {
	s := &shelf{objects: objects, now: now, size: cfg.Files, held: map[string]*openObject{}, blocks: newBlocks(objects, cfg.Blocks)}
	s.files, _ = objects.(blob.Filer)
	s.heads.Store(cfg.Heads)
	return s
}

// take gets the object, to be given back; hit: it was at hand.
func (s *shelf) take(ctx context.Context, key string) (h *openObject, hit bool, err error) {
	for {
		h, doubtful := s.find(key)
		if h == nil {
			break
		}
		if !doubtful {
			return h, true, nil
		}
		info, err := s.objects.Stat(ctx, key)
		if err == nil && info.ETag == h.info.ETag && info.Size == h.info.Size {
			return h, true, nil
		}
		if err != nil && !errors.Is(err, blob.ErrNotFound) && h.file == nil {
			return h, true, nil // the store is away: blocks that are here are still its
		}
		s.drop(h)
		s.give(h)
		if err != nil {
			return nil, false, err
		}
	}
	h, err = s.open(ctx, key)
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		s.mu.Lock()
		s.makeRoom(0)
		s.mu.Unlock()
		h, err = s.open(ctx, key)
	}
	if err != nil {
		return nil, false, err
	}
	return s.keep(h), false, nil
}

// find gives what is held under the key. doubtful: nobody looked for a while whether it is still what lies there; whoever is
// told so looks, and the others need not wait.
func (s *shelf) find(key string) (h *openObject, doubtful bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h = s.held[key]; h == nil {
		return nil, false
	}
	h.users++
	now, lasts := s.now(), objectSeen
	if h.file != nil {
		lasts = fileSeen
	}
	if age := now.Sub(h.seen); age < 0 || age >= lasts {
		h.seen, doubtful = now, true
	}
	return h, doubtful
}

func (s *shelf) open(ctx context.Context, key string) (*openObject, error) {
	h := &openObject{shelf: s, seen: s.now(), users: 1}
	var err error
	if s.files == nil {
		h.info, err = s.objects.Stat(ctx, key)
		return h, err
	}
	h.file, h.info, err = s.files.Open(ctx, key)
	return h, err
}

// keep puts it on the shelf, unless another did so first, or there is no room.
func (s *shelf) keep(h *openObject) *openObject {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.held[h.info.Key]; other != nil {
		if other.info.ETag == h.info.ETag {
			other.users++
			h.close()
			return other
		}
		s.remove(other)
	}
	if len(s.held) >= s.size {
		s.makeRoom(s.size - 1)
	}
	if h.off = len(s.held) >= s.size; !h.off {
		s.held[h.info.Key] = h
	}
	return h
}

// makeRoom takes off what nobody uses until n are left. It needs the lock.
func (s *shelf) makeRoom(n int) {
	for _, h := range s.held {
		if len(s.held) <= n {
			return
		}
		if h.users == 0 {
			s.remove(h)
		}
	}
}

func (s *shelf) drop(h *openObject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[h.info.Key] == h {
		s.remove(h)
	}
}

// remove needs the lock.
func (s *shelf) remove(h *openObject) {
	delete(s.held, h.info.Key)
	if h.off = true; h.users == 0 {
		h.close()
	}
}

func (s *shelf) give(h *openObject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.users--; h.off && h.users == 0 {
		h.close()
	}
}

func (h *openObject) close() {
	if h.file != nil {
		_ = h.file.Close() // it was only read
	}
	if h.head.Load() != nil {
		h.shelf.heads.Add(headKept)
	}
}

func (h *openObject) ready(ctx context.Context, part span) (hit bool, done func(left bool), err error) {
	if h.file != nil {
		return true, nothing, nil
	}
	if hit, done, err = h.shelf.blocks.ready(ctx, h.info, part); err != nil {
		h.shelf.drop(h) // perhaps it is another by now
	}
	return hit, done, err
}

func nothing(bool) {}

func (h *openObject) copy(ctx context.Context, w *answer, part span) error {
	if h.file == nil {
		err := h.shelf.blocks.copy(ctx, w, h.info, part)
		if errors.Is(err, blob.ErrChanged) || errors.Is(err, blob.ErrNotFound) {
			h.shelf.drop(h)
		}
		return err
	}
	if part.last < headKept && (w.direct == nil || part.length() <= headKept/4) {
		if head := h.headInMemory(); head != nil {
			_, err := w.Write(head[part.first : part.last+1])
			return err
		}
	}
	if err := w.sendFile(h.file, part); err != nil {
		return fmt.Errorf("send %s: %w", h.info.Key, err)
	}
	return nil
}

// headInMemory gives the head once it is hot; nil: it is not, or there is no room.
func (h *openObject) headInMemory() []byte {
	if head := h.head.Load(); head != nil {
		return *head
	}
	if h.asked.Add(1) != headAsked {
		return nil
	}
	head := make([]byte, min(headKept, h.info.Size))
	if h.shelf.heads.Add(-headKept) >= 0 {
		if n, _ := h.file.ReadAt(head, 0); n == len(head) { // else it is shorter than it was: whoever sends it finds that out
			h.head.Store(&head)
			return head
		}
	}
	h.shelf.heads.Add(headKept)
	return nil
}
