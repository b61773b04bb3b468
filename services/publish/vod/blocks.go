package vod

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"liveclip/internal/blob"
)

const (
	blockSize    = 256 << 10
	blocksAhead  = 3                // that a reader of many has fetched before it comes to them
	fetchesAtMax = 64               // at once: what they fill lies in memory whatever the cache may hold
	fetchWithin  = 30 * time.Second // for a block
	fetchTries   = 3                // of a block: a read that breaks off goes on from where it was
)

// blocks reads objects of a store that has no files by blocks of their ranges, each fetched once for all who wait for it,
// and kept while there is room. A block is handed on while it still comes; when all who asked for it have left, it comes no
// further. Safe for concurrent use.
type blocks struct {
	store   blob.Store
	max     int64 // bytes kept
	fetches chan struct{}

	mu    sync.Mutex
	known map[blockKey]*block
	order *list.List // of *block, the one used last in front
	bytes int64
}

type blockKey struct {
	key, etag string
	number    int64
}

// block is a part of an object, as far as it came.
type block struct {
	key  blockKey
	size int
	at   *list.Element

	wanted context.Context // ends when nobody wants the block any more
	leave  context.CancelFunc
	users  int // by the lock of blocks

	mu    sync.Mutex
	data  []byte        // made when it is fetched, not while it waits for that
	there int           // bytes of data that came
	err   error         // no more will come
	more  chan struct{} // closed when there or err changes
}

func newBlocks(store blob.Store, most int64) *blocks {
	return &blocks{store: store, max: most, fetches: make(chan struct{}, fetchesAtMax), known: map[blockKey]*block{}, order: list.New()}
}

// ready waits for the first byte of the part. Its block is held until done.
func (b *blocks) ready(ctx context.Context, o blob.Info, part span) (hit bool, done func(left bool), err error) {
	k, hit := b.get(o, part.first/blockSize)
	_, err = k.wait(ctx, int(part.first%blockSize))
	return hit, func(left bool) { b.give(k, left) }, err
}

// copy sends the part. The store's word for the object's tag is held against each block's, so that no byte of another is sent.
func (b *blocks) copy(ctx context.Context, w *answer, o blob.Info, part span) error {
	var held []*block // from the one that is sent on
	defer func() {
		for _, k := range held {
			b.give(k, true)
		}
	}()
	first, last := part.first/blockSize, part.last/blockSize
	for number, asked := first, first; number <= last; number++ {
		for ; asked <= min(number+blocksAhead, last); asked++ {
			k, hit := b.get(o, asked)
			held = append(held, k)
			w.served.CacheHit = w.served.CacheHit && (hit || asked == first) // ready told of the first
		}
		from, to := max(part.first-number*blockSize, 0), min(part.last+1-number*blockSize, int64(held[0].size))
		if err := held[0].send(ctx, w, int(from), int(to)); err != nil {
			return fmt.Errorf("read %s from %d on: %w", o.Key, number*blockSize+from, err)
		}
		b.give(held[0], false)
		held = held[1:]
	}
	return nil
}

// send sends bytes of the block as they come.
func (k *block) send(ctx context.Context, w *answer, from, to int) error {
	for from < to {
		data, err := k.wait(ctx, from)
		if err != nil {
			return err
		}
		n, err := w.Write(data[:min(len(data), to-from)])
		if from += n; err != nil {
			return err
		}
	}
	return nil
}

// get gives the block, to be given back, and has it fetched if need be. hit: it was here, or on its way.
func (b *blocks) get(o blob.Info, number int64) (k *block, hit bool) {
	key := blockKey{o.Key, o.ETag, number}
	b.mu.Lock()
	defer b.mu.Unlock()
	if k = b.known[key]; k != nil {
		k.users++
		b.order.MoveToFront(k.at)
		return k, true
	}
	k = &block{key: key, size: int(min(blockSize, o.Size-number*blockSize)), more: make(chan struct{}), users: 1}
	k.wanted, k.leave = context.WithCancel(context.Background())
	k.at = b.order.PushFront(k)
	b.known[key] = k
	b.bytes += int64(k.size)
	for b.bytes > b.max && b.order.Len() > 1 {
		b.forget(b.order.Back().Value.(*block)) // who reads it goes on reading
	}
	go b.fetch(k, o.Size)
	return k, false
}

// give takes a block back. left: it was not used to the end; then, if it is still to come and nobody else has it, it is
// forgotten.
func (b *blocks) give(k *block, left bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.users--; k.users == 0 && left && !k.over() {
		b.forget(k)
		k.leave()
	}
}

// forget needs the lock.
func (b *blocks) forget(k *block) {
	if b.known[k.key] == k {
		delete(b.known, k.key)
		b.order.Remove(k.at)
		b.bytes -= int64(k.size)
	}
}

// fetch fills the block, for whoever waits: it ends with the last of them.
func (b *blocks) fetch(k *block, size int64) {
	defer k.leave()
	select {
	case b.fetches <- struct{}{}:
		defer func() { <-b.fetches }()
	case <-k.wanted.Done():
		return
	}
	ctx, cancel := context.WithTimeout(k.wanted, fetchWithin)
	defer cancel()
	k.mu.Lock()
	k.data = make([]byte, k.size)
	k.mu.Unlock()
	var err error
	for range fetchTries {
		if err = b.read(ctx, k, size); err == nil || errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrChanged) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		b.mu.Lock()
		b.forget(k)
		b.mu.Unlock()
		k.grow(0, err)
	}
}

// read reads on from where the block ends.
func (b *blocks) read(ctx context.Context, k *block, size int64) error {
	at := k.there // only fetch writes it
	body, info, err := b.store.Get(ctx, k.key.key, k.key.number*blockSize+int64(at), int64(len(k.data)-at))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if info.ETag != k.key.etag || info.Size != size {
		return fmt.Errorf("object %s: %w", k.key.key, blob.ErrChanged)
	}
	for at < len(k.data) {
		n, err := body.Read(k.data[at:])
		at += n
		k.grow(n, nil)
		if at == len(k.data) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *block) grow(n int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.there += n
	k.err = err
	if n > 0 || err != nil {
		close(k.more)
		k.more = make(chan struct{})
	}
}

// over reports that no more of the block will come.
func (k *block) over() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.there == k.size || k.err != nil
}

// wait gives what is there from the byte on, at least one. It is never written again.
func (k *block) wait(ctx context.Context, from int) ([]byte, error) {
	for {
		k.mu.Lock()
		data, there, err, more := k.data, k.there, k.err, k.more
		k.mu.Unlock()
		switch {
		case there > from:
			return data[from:there], nil
		case err != nil:
			return nil, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
