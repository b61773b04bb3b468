package vod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/singleflight"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/sidecar"
)

const (
	indexesKept = 1024 // of renditions, a few kilobytes each
	indexWithin = 10 * time.Second
)

// indexes knows where what lies in the renditions asked for lately.
type indexes struct {
	store  blob.Store
	known  *recent[string, sidecar.Index] // by the rendition's key, which holds the content's hash
	flight singleflight.Group
}

func newIndexes(store blob.Store) *indexes {
	return &indexes{store: store, known: newRecent[string, sidecar.Index](indexesKept)}
}

// of reads a rendition's index once: the one that was written beside it, or for want of it the rendition's own boxes.
func (x *indexes) of(ctx context.Context, r domain.Rendition) (sidecar.Index, error) {
	if known, ok := x.known.get(r.Key); ok {
		return known, nil
	}
	found, err, _ := x.flight.Do(r.Key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), indexWithin) // others wait for it too
		defer cancel()
		index, err := x.read(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("index of %s: %w", r.Key, err)
		}
		x.known.put(r.Key, index)
		return index, nil
	})
	if err != nil {
		return sidecar.Index{}, err
	}
	return found.(sidecar.Index), nil
}

func (x *indexes) read(ctx context.Context, r domain.Rendition) (sidecar.Index, error) {
	if r.Index != "" {
		body, _, err := x.store.Get(ctx, r.Index, 0, -1)
		if err == nil {
			defer func() { _ = body.Close() }()
			index, err := sidecar.Read(body)
			if err == nil && r.Bytes > 0 && index.Bytes != r.Bytes {
				err = domain.Permanent(fmt.Errorf("is of a file of %d bytes, the manifest says %d", index.Bytes, r.Bytes))
			}
			if !domain.IsPermanent(err) {
				return index, err
			}
		} else if !errors.Is(err, blob.ErrNotFound) {
			return sidecar.Index{}, err
		}
	}
	info, err := x.store.Stat(ctx, r.Key)
	if err != nil {
		return sidecar.Index{}, err
	}
	return sidecar.Of(readerAt{ctx, x.store, r.Key}, info.Size)
}

// readerAt reads an object by ranges.
type readerAt struct {
	ctx   context.Context
	store blob.Store
	key   string
}

func (r readerAt) ReadAt(b []byte, offset int64) (int, error) {
	body, _, err := r.store.Get(r.ctx, r.key, offset, int64(len(b)))
	if err != nil {
		return 0, err
	}
	defer func() { _ = body.Close() }()
	n, err := io.ReadFull(body, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
