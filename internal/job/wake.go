package job

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// listen is how long one call waits for a task. A server that ends waits for its calls.
const listen = 100 * time.Millisecond

// wakes has an idle server begin at once what comes, also beside others that do. It has Redis move the last waiting
// task of a queue to where it is: a call that changes nothing, and waits for there to be one.
type wakes struct {
	rdb     redis.UniversalClient
	service string
	idle    time.Duration // between looks where Redis can't be listened to, or was in vain
	heard   chan domain.Lane
	arm     map[domain.Lane]chan struct{}
	deaf    atomic.Bool // the last call failed
	ended   chan struct{}

	// Of asynq's one goroutine that takes tasks.
	empties int  // queues found empty in a row
	vain    bool // woken, and nothing was there: it was another's, or its queue is paused
}

func newWakes(rdb redis.UniversalClient, idle time.Duration, service string) *wakes {
	w := &wakes{
		rdb: rdb, service: service, idle: idle, heard: make(chan domain.Lane, 1), arm: map[domain.Lane]chan struct{}{}, ended: make(chan struct{}),
	}
	for lane := range lanes {
		w.arm[lane] = make(chan struct{}, 1)
	}
	return w
}

// run listens when asked to, until ctx ends.
func (w *wakes) run(ctx context.Context) {
	var all sync.WaitGroup
	for lane, arm := range w.arm {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-arm:
					w.listen(ctx, lane)
				}
			}
		})
	}
	<-ctx.Done()
	close(w.ended)
	all.Wait()
}

func (w *wakes) listen(ctx context.Context, lane domain.Lane) {
	queue := "asynq:{" + queueName(w.service, lane) + "}:pending"
	err := w.rdb.Do(ctx, "blmove", queue, queue, "right", "right", listen.Seconds()).Err()
	w.deaf.Store(err != nil && !errors.Is(err, redis.Nil))
	if err == nil {
		select {
		case w.heard <- lane:
		default:
		}
	}
}

// found notes that a task was there.
func (w *wakes) found() { w.empties, w.vain = 0, false }

// empty notes that a queue is empty. When all are it waits, and may tell which has something.
func (w *wakes) empty() (lane domain.Lane, woken bool) {
	if w.empties++; w.empties < len(lanes) {
		return "", false
	}
	w.empties = 0
	if w.vain {
		w.vain = false
		return w.wait(w.idle, nil)
	}
	select {
	case <-w.heard: // of a while ago
	default:
	}
	for _, arm := range w.arm {
		select {
		case arm <- struct{}{}:
		default:
		}
	}
	patience := listen
	if w.deaf.Load() {
		patience = w.idle
	}
	lane, w.vain = w.wait(patience, w.heard)
	return lane, w.vain
}

func (w *wakes) wait(most time.Duration, heard <-chan domain.Lane) (domain.Lane, bool) {
	enough := time.NewTimer(most)
	defer enough.Stop()
	select {
	case lane := <-heard:
		return lane, true
	case <-enough.C:
	case <-w.ended:
	}
	return "", false
}
