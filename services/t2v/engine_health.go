package t2v

import (
	"cmp"
	"context"
	"sync"
	"time"

	"liveclip/internal/note"
	"liveclip/services/t2v/engines"
	"liveclip/services/t2v/schedule"
)

const (
	checkEvery        = 5 * time.Second        // at an engine that is ready
	checkUnreadyEvery = time.Second            // at one that is not
	checkTimeout      = 3 * time.Second        // it must answer
	advanceBy         = 100 * time.Millisecond // how often the schedule is looked at though nothing happened
	readyIn           = 30 * time.Second       // an engine that answers, but is not ready, is thought to need
	backIn            = 5 * time.Minute        // one that does not answer
)

// watch looks after the engines until ctx ends: their health, their models loaded before the first order, and the schedule's
// clock.
func (d *dispatcher) watch(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, s := range d.engines {
		all.Go(func() { d.watchEngine(ctx, s) })
	}
	ticks := time.NewTicker(advanceBy)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			d.mu.Lock()
			if len(d.pending) > 0 {
				d.advance()
			}
			d.mu.Unlock()
		}
	}
}

func (d *dispatcher) watchEngine(ctx context.Context, s *dispatchedEngine) {
	warmed := !s.cfg.Warm
	for {
		ready := d.checkHealth(ctx, s)
		if ready && !warmed {
			warmed = true
			if err := s.engine.Warm(ctx, s.cfg.Model); err != nil && ctx.Err() == nil {
				d.log.Warn("engine not warmed", "engine", s.cfg.Name, "error", err)
			}
		}
		wait := checkUnreadyEvery
		if ready {
			wait = checkEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// checkAll asks every engine once.
func (d *dispatcher) checkAll(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range d.engines {
		all.Go(func() { d.checkHealth(ctx, s) })
	}
	all.Wait()
}

// checkHealth asks an engine for its health, and reports it to the schedule. One that was well and does not answer in time is asked once more before it
// is given up: it may have been at work.
func (d *dispatcher) checkHealth(ctx context.Context, s *dispatchedEngine) bool {
	within, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	h, err := s.engine.Health(within)
	health := schedule.Health{Ready: h.Ready, Models: h.Models, Why: cmp.Or(h.Reason, note.SaysNotWhy.Say()), Back: readyIn}
	if err != nil {
		health = schedule.Health{Away: true, Why: err.Error(), Back: backIn}
		if engines.KindOf(err) == engines.Busy { // it is there
			health = schedule.Health{Ready: true}
		}
	}
	if ctx.Err() != nil {
		return false
	}
	d.mu.Lock()
	slow := s.well && err != nil && within.Err() != nil
	if s.well = health.Ready; slow {
		d.mu.Unlock()
		return false
	}
	d.scheduler.Report(s.cfg.Name, health)
	d.advance()
	d.mu.Unlock()
	up := 0.0
	if health.Ready {
		up = 1
	}
	d.metrics.ready.WithLabelValues(s.cfg.Name).Set(up)
	return health.Ready
}
