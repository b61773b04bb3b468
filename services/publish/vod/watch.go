package vod

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const watchEvery = 250 * time.Millisecond

var (
	errTaken = errors.New("the clip was taken down")
	errLeft  = errors.New("the viewer left")
)

// GoesOn reports whether the answer under way may: its clip is not taken down, as far as that can be known.
func (x *visit) GoesOn() bool {
	found, err := x.v.catalog.find(context.Background(), clipKey{x.in.Tenant, x.clip})
	return err != nil || !found.taken
}

// guard ends the writes of an answer that nobody else ends: of net/http.
type guard struct {
	mu    sync.Mutex
	ended bool
}

// watched gives a context that ends when the client leaves, as a direct answer notices only when it writes, or the clip is
// taken down; of an answer that is not direct, the write under way ends with it. stop must be called before the answer is over.
func (a *answer) watched(ctx context.Context) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-watched.Done():
				return
			case <-tick.C:
			}
			if a.direct != nil && a.direct.Gone() {
				cancel(errLeft)
			} else if !a.going.GoesOn() {
				cancel(errTaken)
				a.end()
			}
		}
	}()
	return watched, func() { cancel(nil); <-over }
}

// end has the write under way, and every further one, fail.
func (a *answer) end() {
	if a.direct != nil {
		return // it looks by itself
	}
	a.guard.mu.Lock()
	defer a.guard.mu.Unlock()
	a.guard.ended = true
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Unix(1, 0))
}

// extend moves the deadline of what is written next, where nobody else minds it. The server takes it from the connection at
// the answer's end, after the last bytes left its buffers. Connections know the system's clock only.
func (a *answer) extend() error {
	if a.direct != nil {
		return nil
	}
	a.guard.mu.Lock()
	defer a.guard.mu.Unlock()
	if a.guard.ended {
		return errTaken
	}
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(a.patience))
	return nil
}
