package publish

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/delivery"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/services/publish/vod"
)

const (
	deliveriesWaiting = 8192        // full: the newest is dropped and counted; a viewer can't wait for accounts
	deliveriesBatch   = 512         // told at once
	deliveriesEvery   = time.Second // how late a delivery may be told
	deliveriesTimeout = 10 * time.Second
)

// publisher is the bus as this service needs it.
type publisher interface {
	Publish(ctx context.Context, events ...event.Event) error
}

// accounts tells of deliveries beside the answers: on the bus, and in a log file where one is configured. Neither waits for
// the other.
type accounts struct{ books []*book }

func newAccounts(cfg LogConfig, bus publisher, log *slog.Logger, dropped *prometheus.CounterVec) *accounts {
	a := &accounts{books: []*book{newBook("bus", byBus(bus), log, dropped)}}
	if cfg.Path != "" {
		a.books = append(a.books, newBook("file", byFile(&delivery.File{Path: cfg.Path, Max: cfg.Bytes, Keep: cfg.Files}), log, dropped))
	}
	return a
}

// add never blocks.
func (a *accounts) add(d vod.Delivery) {
	for _, b := range a.books {
		b.add(d)
	}
}

// run tells until ctx ends, and then what is still waiting.
func (a *accounts) run(ctx context.Context) {
	var all errgroup.Group
	for _, b := range a.books {
		all.Go(func() error { b.run(ctx); return nil })
	}
	_ = all.Wait()
}

// book is one place where deliveries are told.
type book struct {
	name    string
	write   func(ctx context.Context, batch []vod.Delivery) error
	log     *slog.Logger
	waiting chan vod.Delivery
	dropped prometheus.Counter
}

func newBook(name string, write func(context.Context, []vod.Delivery) error, log *slog.Logger, dropped *prometheus.CounterVec) *book {
	return &book{name, write, log, make(chan vod.Delivery, deliveriesWaiting), dropped.WithLabelValues(name)}
}

func (b *book) add(d vod.Delivery) {
	select {
	case b.waiting <- d:
	default:
		b.dropped.Inc()
	}
}

func (b *book) run(ctx context.Context) {
	tick := time.NewTicker(deliveriesEvery)
	defer tick.Stop()
	batch := make([]vod.Delivery, 0, deliveriesBatch)
	flush := func() {
		if len(batch) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveriesTimeout)
		defer cancel()
		if err := b.write(ctx, batch); err != nil {
			b.dropped.Add(float64(len(batch)))
			b.log.Warn("deliveries dropped", "to", b.name, "count", len(batch), "error", err)
		}
		batch = batch[:0]
	}
	take := func(d vod.Delivery) {
		if batch = append(batch, d); len(batch) == deliveriesBatch {
			flush()
		}
	}
	for {
		select {
		case d := <-b.waiting:
			take(d)
		case <-tick.C:
			flush()
		case <-ctx.Done():
			for len(b.waiting) > 0 {
				take(<-b.waiting)
			}
			flush()
			return
		}
	}
}

func byBus(bus publisher) func(context.Context, []vod.Delivery) error {
	process := rand.Text()
	told := 0
	return func(ctx context.Context, batch []vod.Delivery) error {
		events := make([]event.Event, len(batch))
		for i, d := range batch {
			told++
			d.ID = domain.H("delivery", process, strconv.Itoa(told))
			events[i] = event.Event{Envelope: d.Envelope, Payload: d.Delivery}
		}
		return bus.Publish(ctx, events...)
	}
}

func byFile(file *delivery.File) func(context.Context, []vod.Delivery) error {
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
