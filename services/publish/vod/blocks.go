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
// and kept while there is room. A block is handed on while it still comes. Safe for concurrent use.
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

	mu    sync.Mutex
	data  []byte        // made when it is fetched, not while it waits for that
	there int           // bytes of data that came
	err   error         // no more will come
	more  chan struct{} // closed when there or err changes
}

func newBlocks(store blob.Store, most int64) *blocks {
	return &blocks{store: store, max: most, fetches: make(chan struct{}, fetchesAtMax), known: map[blockKey]*block{}, order: list.New()}
}

// ready waits for the first byte of the part.
func (b *blocks) ready(ctx context.Context, o blob.Info, part span) (hit bool, err error) {
	k, hit := b.get(o, part.first/blockSize)
	_, err = k.wait(ctx, int(part.first%blockSize))
	return hit, err
}

// copy sends the part. The store's word for the object's tag is held against each block's, so that no byte of another is sent.
func (b *blocks) copy(ctx context.Context, w *answer, o blob.Info, part span) error {
	fetched := part.first/blockSize - 1 // the last block that was seen to
	for at := part.first; at <= part.last; {
		number := at / blockSize
		k, _ := b.get(o, number)
		for fetched = max(fetched, number); fetched < number+blocksAhead && (fetched+1)*blockSize <= part.last; {
			fetched++
			_, hit := b.get(o, fetched)
			w.served.CacheHit = w.served.CacheHit && hit
		}
		for end := min(part.last+1, number*blockSize+int64(k.size)); at < end; {
			data, err := k.wait(ctx, int(at-number*blockSize))
			if err != nil {
				return fmt.Errorf("read %s at %d: %w", o.Key, at, err)
			}
			data = data[:min(int64(len(data)), end-at)]
			n, err := w.Write(data)
			if at += int64(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// get gives the block, and has it fetched if need be. hit: it was here, or on its way.
func (b *blocks) get(o blob.Info, number int64) (k *block, hit bool) {
	key := blockKey{o.Key, o.ETag, number}
	b.mu.Lock()
	defer b.mu.Unlock()
	if k = b.known[key]; k != nil {
		b.order.MoveToFront(k.at)
		return k, true
	}
	k = &block{key: key, size: int(min(blockSize, o.Size-number*blockSize)), more: make(chan struct{})}
	k.at = b.order.PushFront(k)
	b.known[key] = k
	b.bytes += int64(k.size)
	for b.bytes > b.max && b.order.Len() > 1 {
		b.forget(b.order.Back().Value.(*block)) // who reads it goes on reading
	}
	go b.fetch(k, o.Size)
	return k, false
}

// forget needs the lock.
func (b *blocks) forget(k *block) {
	if b.known[k.key] == k {
		delete(b.known, k.key)
		b.order.Remove(k.at)
		b.bytes -= int64(k.size)
	}
}

// fetch fills the block, for whoever waits: it does not end with one of them.
func (b *blocks) fetch(k *block, size int64) {
	b.fetches <- struct{}{}
	defer func() { <-b.fetches }()
	ctx, cancel := context.WithTimeout(context.Background(), fetchWithin)
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
