package prompt

import (
	"context"
	"sync"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// contexts keeps what the operators know of each room, as stream.state says it. Safe for concurrent use.
type contexts struct {
	mu    sync.RWMutex
	known map[domain.Ref]domain.Context
}

// take is a bus.Handler. Rooms that were detached stay known: their recordings can still be clipped.
func (c *contexts) take(_ context.Context, e event.Event) error {
	if state, ok := e.Payload.(domain.StreamState); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.known[e.Ref()] = state.Context
	}
	return nil
}

func (c *contexts) of(ref domain.Ref) domain.Context {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.known[ref]
}
