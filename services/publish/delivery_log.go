package publish

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/delivery"
	"liveclip/internal/event"
	"liveclip/services/publish/vod"
)

const (
	deliveriesWaiting = 8192        // full: the newest is dropped and counted; a viewer can't wait for accounts
	deliveriesBatch   = 1000        // told at once: one request to a broker
	deliveriesEvery   = time.Second // how late a delivery may be told
	deliveriesTimeout = 10 * time.Second
)

// publisher is the bus as this service needs it.
type publisher interface {
	Publish(ctx context.Context, events ...event.Event) error
}

// deliveryLog publishes deliveries on the bus, and in a log file where one is configured, beside the responses. Neither waits for
// the other.
type deliveryLog struct{ books []*logBuffer }

func newDeliveryLog(cfg LogConfig, bus publisher, log *slog.Logger, dropped *prometheus.CounterVec) *deliveryLog {
	a := &deliveryLog{books: []*logBuffer{newLogBuffer("bus", toBus(bus), log, dropped)}}
	if cfg.Path != "" {
		a.books = append(a.books, newLogBuffer("file", toFile(&delivery.File{Path: cfg.Path, Max: cfg.Bytes, Keep: cfg.Files}), log, dropped))
	}
	return a
}

// add copies d, and never blocks.
func (a *deliveryLog) add(d *vod.Delivery) {
	for _, b := range a.books {
		b.add(d)
	}
}

// run tells until ctx ends, and the batch in hand, within deliveriesTimeout. What waits then, and what is added later, is for
// rest.
func (a *deliveryLog) run(ctx context.Context) { a.each(func(b *logBuffer) { b.run(ctx) }) }

// rest tells what is still waiting, all of it within deliveriesTimeout: a process that ends can't wait for each batch.
func (a *deliveryLog) rest() {
	ctx, cancel := context.WithTimeout(context.Background(), deliveriesTimeout)
	defer cancel()
	a.each(func(b *logBuffer) { b.flush(ctx, nil, nil) })
}

func (a *deliveryLog) each(do func(*logBuffer)) {
	var all errgroup.Group
	for _, b := range a.books {
		all.Go(func() error { do(b); return nil })
	}
	_ = all.Wait()
}

// logBuffer collects deliveries for one of the two.
type logBuffer struct {
	name    string
	write   func(ctx context.Context, batch []vod.Delivery) error
	log     *slog.Logger
	dropped prometheus.Counter
	enough  chan struct{} // a batch is there

	mu      sync.Mutex
	waiting []vod.Delivery
}

func newLogBuffer(name string, write func(context.Context, []vod.Delivery) error, log *slog.Logger, dropped *prometheus.CounterVec) *logBuffer {
	return &logBuffer{name: name, write: write, log: log, dropped: dropped.WithLabelValues(name), enough: make(chan struct{}, 1)}
}

// add wakes the buffer's goroutine for a whole batch only: to wake it for each delivery costs as much as a small response.
func (b *logBuffer) add(d *vod.Delivery) {
	b.mu.Lock()
	n := len(b.waiting)
	if n < deliveriesWaiting {
		b.waiting = append(b.waiting, *d)
	}
	b.mu.Unlock()
	switch {
	case n == deliveriesWaiting:
		b.dropped.Inc()
	case n+1 == deliveriesBatch:
		select {
		case b.enough <- struct{}{}:
		default:
		}
	}
}

func (b *logBuffer) run(ctx context.Context) {
	tick := time.NewTicker(deliveriesEvery)
	defer tick.Stop()
	var spare []vod.Delivery
	for {
		select {
		case <-b.enough:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		spare = b.flush(context.WithoutCancel(ctx), spare, ctx.Done())
	}
}

// flush writes what waits, by batches; what comes meanwhile waits in spare. Once ended is closed no further batch is begun.
func (b *logBuffer) flush(ctx context.Context, spare []vod.Delivery, ended <-chan struct{}) []vod.Delivery {
	b.mu.Lock()
	all := b.waiting
	b.waiting = spare[:0]
	b.mu.Unlock()
	for from := 0; from < len(all); from += deliveriesBatch {
		select {
		case <-ended:
			b.putBack(all[from:])
			return nil
		default:
		}
		batch := all[from:min(from+deliveriesBatch, len(all))]
		if err := b.writeWithin(ctx, batch); err != nil {
			b.dropped.Add(float64(len(batch)))
			b.log.Warn("deliveries dropped", "to", b.name, "count", len(batch), "error", err)
		}
	}
	clear(all)
	return all
}

// putBack lets deliveries wait once more, before those that came after them.
func (b *logBuffer) putBack(first []vod.Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(first, b.waiting...)
}

func (b *logBuffer) writeWithin(ctx context.Context, batch []vod.Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, deliveriesTimeout)
	defer cancel()
	return b.write(ctx, batch)
}

func toBus(bus publisher) func(context.Context, []vod.Delivery) error {
	process := "delivery-" + rand.Text() + "-"
	told := uint64(0)
	var events []event.Event // used again: they would be the most of what a batch leaves to the collector
	return func(ctx context.Context, batch []vod.Delivery) error {
		events = events[:0]
		for i := range batch {
			told++
			e := event.Event{Envelope: batch[i].Envelope, Payload: batch[i].Delivery}
			e.ID = process + strconv.FormatUint(told, 36)
			events = append(events, e)
		}
		defer func() { clear(events) }()
		return bus.Publish(ctx, events...)
	}
}

func toFile(file *delivery.File) func(context.Context, []vod.Delivery) error {
	var lines bytes.Buffer
	return func(_ context.Context, batch []vod.Delivery) error {
		lines.Reset()
		to := json.NewEncoder(&lines)
		for _, d := range batch {
			if err := to.Encode(delivery.LineOf(d.Envelope, d.Delivery)); err != nil {
				return err
			}
		}
		return file.Append(lines.Bytes())
	}
}
