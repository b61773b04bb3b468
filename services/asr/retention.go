package asr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/await"
	"liveclip/internal/domain"
	"liveclip/internal/lease"
	"liveclip/internal/recording"
	"liveclip/internal/story"
)

const (
	sweepEvery = 5 * time.Minute
	storyTTL   = time.Hour // of clips that ended: nothing is needed for them
)

// retention bounds what is kept of recordings. It follows every clip's steps, so that what an open clip needs stays.
type retention struct {
	sweeper recording.Sweeper
	stories *story.Table
	leases  *lease.Leases
	log     *slog.Logger
	now     func() time.Time

	removed, lost prometheus.Counter
	kept, held    prometheus.Gauge
}

func newRetention(cfg Config, deps Deps) *retention {
	k := &retention{stories: story.New(deps.Bus, storyTTL, deps.Now, deps.Log), leases: deps.Leases, log: deps.Log, now: deps.Now,
		removed: prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_retention_removed_bytes_total", Help: "Recording removed from the store because of asr.retention."}),
		lost:    prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_spool_lost_bytes_total", Help: "Recording lost because the store was away and asr.spool_bytes reached."}),
		kept:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "liveclip_asr_retention_kept_bytes", Help: "Recording in the store, as of this process's last sweep."}),
		held:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "liveclip_asr_retention_held_bytes", Help: "Of it, what is beyond asr.retention and stays for open clips."}),
	}
	deps.Metrics.MustRegister(k.removed, k.lost, k.kept, k.held)
	k.sweeper = recording.Sweeper{Store: deps.Store, Now: deps.Now, Needed: k.needed,
		Beside: []string{"detect"}, // detect's log of the room
		Limits: recording.Limits{Age: cfg.Retention.Age, Bytes: cfg.Retention.Bytes}}
	return k
}

// needed are the windows of a broadcast that clips need which are planned and neither published nor given up.
func (k *retention) needed(b domain.BroadcastID) []domain.Window {
	var windows []domain.Window
	for _, c := range k.stories.Waiting(domain.StepPlanned, domain.StepPublished, 0) {
		if plan := c.Steps[domain.StepPlanned].Plan; c.Envelope.Broadcast == b && plan != nil {
			windows = append(windows, footageWindows(*plan)...)
		}
	}
	return windows
}

// footageWindows are the windows that a plan is cut from: of its shots where they are footage, else its own. A recap's own is the
// whole evening.
func footageWindows(plan domain.Plan) []domain.Window {
	var windows []domain.Window
	whole := true
	for _, shot := range plan.Shots {
		if shot.Window.Length() > 0 {
			windows = append(windows, shot.Window)
			whole = whole && shot.Kind != domain.ShotFootage
		}
	}
	if whole {
		windows = append(windows, plan.Window)
	}
	return windows
}

// onSpoolDrop counts and logs what a spool could not keep.
func (k *retention) onSpoolDrop(log *slog.Logger) func(domain.Window, int64) {
	return func(w domain.Window, bytes int64) {
		k.lost.Add(float64(bytes))
		log.Error("recording lost: the store is away and the spool is full (asr.spool_bytes)", "from", w.Start, "to", w.End, "bytes", bytes)
	}
}

// run sweeps until ctx ends.
func (k *retention) run(ctx context.Context, process string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := k.stories.Run(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("follow clips: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		for await.For(ctx, sweepEvery) == nil {
			if err := k.sweepLeased(ctx, process); err != nil && ctx.Err() == nil {
				k.log.Warn("recordings not swept, trying again later", "error", err)
			}
		}
		return nil
	})
	return group.Wait()
}

// sweepLease names the lease of the process that sweeps; no stream has an empty tenant.
var sweepLease = domain.Ref{Stream: "retention"}

// sweepRest is how many times as long as a sweep took the next one waits: to list a store of millions of objects takes minutes.
const sweepRest = 20

// sweepLeased sweeps again and again until ctx ends or something fails, unless another process holds the lease.
func (k *retention) sweepLeased(ctx context.Context, process string) error {
	if k.sweeper.Limits == (recording.Limits{}) || !k.stories.CaughtUp() {
		return nil
	}
	held, err := k.leases.Take(ctx, sweepLease, process, "")
	if errors.As(err, new(lease.ErrTaken)) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(held.Hold(ctx)) }()
	for err == nil {
		began := time.Now()
		if err = k.sweep(ctx); err == nil {
			err = await.For(ctx, max(sweepEvery, sweepRest*time.Since(began)))
		}
	}
	return errors.Join(err, held.Release(context.WithoutCancel(ctx)))
}

// sweep sweeps once.
func (k *retention) sweep(ctx context.Context) error {
	swept, err := k.sweeper.Sweep(ctx)
	k.removed.Add(float64(swept.RemovedBytes))
	if err != nil {
		return err
	}
	k.kept.Set(float64(swept.Kept))
	k.held.Set(float64(swept.Held))
	if swept.Removed > 0 {
		k.log.Info("recordings removed (asr.retention)", "objects", swept.Removed, "bytes", swept.RemovedBytes, "kept_bytes", swept.Kept)
	}
	return nil
}
