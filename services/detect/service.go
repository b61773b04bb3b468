package detect

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/event"
)

// Takes and Gives are this service's rows of the topic table.
var (
	Takes = []event.Topic{
		event.StreamState, event.BroadcastChanged, event.TranscriptLine, event.SoundMeasured, event.AudienceSignal,
		event.StreamProgress,
	}
	Gives = []event.Topic{event.HighlightFound, event.StreamProgress}
)

// Deps is what detect stands on.
type Deps struct {
	Bus     *bus.Bus
	Store   blob.Store // keeps the rooms
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// Service finds highlights.
type Service struct {
	cfg     Config
	deps    Deps
	rules   *Rules
	metrics *metrics
}

// New reads the rules; nothing is taken before Run.
func New(cfg Config, deps Deps) (*Service, error) {
	rules, err := LoadRules(cfg.Rules)
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	return &Service{cfg, deps, rules, newMetrics(deps.Metrics)}, nil
}

// Run detects until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	return s.deps.Bus.Merge(ctx, s.cfg.Group, Takes, func(partition int) bus.Merger {
		return newPartition(partition, s.cfg.Group, s.rules, s.deps.Bus, s.deps, s.metrics)
	})
}

// Ready reports why highlights cannot be found now, or nil.
func (s *Service) Ready(ctx context.Context) error { return s.deps.Bus.Ready(ctx) }

type metrics struct {
	decisions *prometheus.CounterVec
	ignored   *prometheus.CounterVec
	stored    prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_detect_moments_total",
			Help: "Moments considered, by what became of them: fired, weak (below the threshold), swallowed (of a moment that has its highlight).",
		}, []string{"outcome"}),
		ignored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_detect_ignored_total",
			Help: "Events that changed nothing, by reason: stale (of an owner since replaced), ended (of a broadcast that ended), lost (too late, or too many).",
		}, []string{"reason"}),
		stored: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "liveclip_detect_state_bytes",
			Help:    "Size of a partition's kept state, each time it is kept.",
			Buckets: prometheus.ExponentialBuckets(1<<10, 4, 9),
		}),
	}
	if reg != nil {
		reg.MustRegister(m.decisions, m.ignored, m.stored)
	}
	return m
}
