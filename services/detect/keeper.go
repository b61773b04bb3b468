package detect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
)

// stateVersion changes when kept state can no longer be read; then everything is read again.
const stateVersion = 3

// savedState is the state of a partition with the offsets it stands at, as stored.
type savedState struct {
	Version int
	Owner   string // whose keeper wrote it; no two are called the same
	Offsets bus.Offsets
	Newest  time.Time
	Streams map[string]*stream
}

// keeper stores a partition's state so that of two owners only one can go on: each write replaces the version it read.
type keeper struct {
	store blob.Store
	key   string
	owner string
	etag  string // empty: there is none yet
}

func (k *keeper) read(ctx context.Context) (savedState, error) {
	text, info, err := k.store.Get(ctx, k.key, 0, -1)
	if errors.Is(err, blob.ErrNotFound) {
		k.etag = ""
		return savedState{}, nil
	}
	if err != nil {
		return savedState{}, err
	}
	defer text.Close()
	var state savedState
	if err := json.NewDecoder(text).Decode(&state); err != nil {
		return savedState{}, fmt.Errorf("read %s: %w", k.key, err)
	}
	k.etag = info.ETag
	if state.Version != stateVersion {
		return savedState{}, nil
	}
	return state, nil
}

func (k *keeper) write(ctx context.Context, state savedState) (size int, err error) {
	state.Version, state.Owner = stateVersion, k.owner
	text, err := json.Marshal(state)
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", k.key, err)
	}
	info, err := k.put(ctx, text)
	if (errors.Is(err, blob.ErrChanged) || errors.Is(err, blob.ErrExists)) && k.own(ctx) {
		info, err = k.put(ctx, text)
	}
	if err != nil {
		return 0, err
	}
	k.etag = info.ETag
	return len(text), nil
}

func (k *keeper) put(ctx context.Context, text []byte) (blob.Info, error) {
	if k.etag == "" {
		return k.store.PutNew(ctx, k.key, bytes.NewReader(text))
	}
	return k.store.PutIf(ctx, k.key, bytes.NewReader(text), k.etag)
}

// own finds what stands to be this keeper's after all: a write came through and its answer did not.
func (k *keeper) own(ctx context.Context) bool {
	text, info, err := k.store.Get(ctx, k.key, 0, -1)
	if err != nil {
		return false
	}
	defer text.Close()
	var state savedState
	if json.NewDecoder(text).Decode(&state) != nil || state.Owner != k.owner {
		return false
	}
	k.etag = info.ETag
	return true
}
