package publish

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/services/publish/vod"
)

const (
	deliveriesWaiting = 4096        // full: the newest is dropped and counted; a viewer can't wait for accounts
	deliveriesBatch   = 256         // events a publish
	deliveriesEvery   = time.Second // how late a delivery may be told
	deliveriesTimeout = 10 * time.Second
)

// publisher is the bus as this service needs it.
type publisher interface {
	Publish(ctx context.Context, events ...event.Event) error
}

// accounts tells of deliveries in batches, beside the answers.
type accounts struct {
	bus     publisher
	log     *slog.Logger
	waiting chan vod.Delivery
	dropped prometheus.Counter
}

func newAccounts(bus publisher, log *slog.Logger, dropped prometheus.Counter) *accounts {
	return &accounts{bus, log, make(chan vod.Delivery, deliveriesWaiting), dropped}
}

// add never blocks.
func (a *accounts) add(d vod.Delivery) {
	select {
	case a.waiting <- d:
	default:
		a.dropped.Inc()
	}
}

// run publishes until ctx ends, and then what is still waiting.
func (a *accounts) run(ctx context.Context) {
	tick := time.NewTicker(deliveriesEvery)
	defer tick.Stop()
	batch := make([]event.Event, 0, deliveriesBatch)
	flush := func() {
		if len(batch) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveriesTimeout)
		defer cancel()
		if err := a.bus.Publish(ctx, batch...); err != nil {
			a.dropped.Add(float64(len(batch)))
			a.log.Warn("deliveries dropped", "count", len(batch), "error", err)
		}
		batch = batch[:0]
	}
	take := func(d vod.Delivery) {
		d.ID = domain.H("delivery", d.RequestID, strconv.FormatInt(d.Started.UnixNano(), 10), rand.Text())
		if batch = append(batch, event.Event{Envelope: d.Envelope, Payload: d.Delivery}); len(batch) == deliveriesBatch {
			flush()
		}
	}
	for {
		select {
		case d := <-a.waiting:
			take(d)
		case <-tick.C:
			flush()
		case <-ctx.Done():
			for len(a.waiting) > 0 {
				take(<-a.waiting)
			}
			flush()
			return
		}
	}
}
