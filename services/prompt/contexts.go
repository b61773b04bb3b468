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
	shape map[domain.Ref]domain.MediaParameters // of the pictures, as they last came
}

// take is a bus.Handler. Rooms that were detached stay known: their recordings can still be clipped.
func (c *contexts) take(_ context.Context, e event.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch p := e.Payload.(type) {
	case domain.StreamState:
		c.known[e.Ref()] = p.Context
	case domain.BroadcastChanged:
		if p.Parameters.Width > 0 {
			c.shape[e.Ref()] = p.Parameters
		}
	}
	return nil
}

// aspect is how a room's pictures lie: portrait, landscape, square; empty where that is not known.
func (c *contexts) aspect(ref domain.Ref) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch p := c.shape[ref]; {
	case p.Width == 0:
		return ""
	case p.Width*10 > p.Height*11:
		return "landscape"
	case p.Height*10 > p.Width*11:
		return "portrait"
	}
	return "square"
}

func (c *contexts) of(ref domain.Ref) domain.Context {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.known[ref]
}
