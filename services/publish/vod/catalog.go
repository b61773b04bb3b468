package vod

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/record"
)

const (
	catalogAge  = time.Second // how late a take-down written elsewhere may show
	catalogSize = 4096        // clips; full: any of them goes
)

// playable is what may be fetched of a clip now.
type playable struct {
	manifest domain.Manifest
	taken    bool // down
	read     time.Time
}

type clipKey struct {
	tenant domain.Tenant
	clip   domain.ClipID
}

// catalog knows the manifests of the clips asked for lately, none older than catalogAge. That a clip has none is not kept:
// the moment it is published it plays.
type catalog struct {
	store blob.Store
	now   func() time.Time

	mu     sync.Mutex
	clips  map[clipKey]playable
	drops  uint64 // counts drop: what was being read meanwhile is not kept
	flight singleflight.Group
}

func newCatalog(store blob.Store, now func() time.Time) *catalog {
	return &catalog{store: store, now: now, clips: map[clipKey]playable{}}
}

// find gives what may be fetched of the clip; blob.ErrNotFound.
func (c *catalog) find(ctx context.Context, key clipKey) (playable, error) {
	c.mu.Lock()
	known, ok := c.clips[key]
	drops := c.drops
	c.mu.Unlock()
	if age := c.now().Sub(known.read); ok && age >= 0 && age < catalogAge {
		return known, nil
	}
	// One read serves all who wait for it, so it must not end with the one who asked first.
	found, err, _ := c.flight.Do(fmt.Sprint(key, drops), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return c.read(ctx, key, drops)
	})
	if err != nil {
		return playable{}, err
	}
	return found.(playable), nil
}

func (c *catalog) read(ctx context.Context, key clipKey, drops uint64) (playable, error) {
	p := playable{read: c.now()}
	if _, err := blob.ReadJSON(ctx, c.store, record.Manifest(key.tenant, key.clip), &p.manifest); err != nil {
		return p, err
	}
	switch _, err := c.store.Stat(ctx, record.TakeDown(key.tenant, key.clip)); {
	case err == nil:
		p.taken = true
	case !errors.Is(err, blob.ErrNotFound):
		return p, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != drops {
		return p, nil
	}
	if _, ok := c.clips[key]; !ok && len(c.clips) >= catalogSize {
		for other := range c.clips {
			delete(c.clips, other)
			break
		}
	}
	c.clips[key] = p
	return p, nil
}

// drop forgets the clip: something was decided about it.
func (c *catalog) drop(key clipKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.clips, key)
	c.drops++
}
