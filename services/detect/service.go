package detect

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
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
	rules   *shelf
	refused bool // the last change of the rules
	metrics *metrics
}

// New reads the rules; nothing is taken before Run.
func New(cfg Config, deps Deps) (*Service, error) {
	s := &Service{cfg: cfg, deps: deps, metrics: newMetrics(deps.Metrics)}
	rules, err := openShelf(cfg, s.tellRules)
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	s.rules = rules
	return s, nil
}

// tellRules says what came of rules that changed. Whoever was told of a refusal is told that it is over, as loudly.
func (s *Service) tellRules(err error) {
	after := s.refused
	s.refused = err != nil
	if s.refused {
		s.metrics.refused.Set(1)
		s.deps.Log.Error("changed rules refused, the old ones stay", "file", s.cfg.Rules, "error", err)
		return
	}
	s.metrics.refused.Set(0)
	level := slog.LevelInfo
	if after {
		level = slog.LevelWarn
	}
	s.deps.Log.Log(context.Background(), level, "changed rules taken up", "file", s.cfg.Rules)
}

// Run detects until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	var watched sync.WaitGroup
	watched.Go(func() { s.rules.watch(watching) })
	defer watched.Wait()
	defer stop()
	return s.deps.Bus.Merge(ctx, s.cfg.Group, Takes, func(partition int) bus.Merger {
		return newPartition(partition, s.cfg.Group, s.rules.of, s.deps.Bus, s.deps, s.metrics)
	})
}

// Ready reports why highlights cannot be found now, or nil.
func (s *Service) Ready(ctx context.Context) error { return s.deps.Bus.Ready(ctx) }

type metrics struct {
	decisions *prometheus.CounterVec
	ignored   *prometheus.CounterVec
	stored    prometheus.Histogram
	refused   prometheus.Gauge
	unlogged  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_detect_moments_total",
			Help: "Moments considered, by what became of them: fired, weak (below the threshold), swallowed (of a moment that has its highlight), barred (beyond the hour's budget), vetoed (by a rule).",
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
	m.refused = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "liveclip_detect_rules_refused", Help: "1 while the rules file has changed to what cannot be read, and the old rules stay.",
	})
	m.unlogged = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "liveclip_detect_unlogged_total", Help: "Entries that a room's log has no place for: too long, or the store was away.",
	})
	if reg != nil {
		reg.MustRegister(m.decisions, m.ignored, m.stored, m.refused, m.unlogged)
	}
	return m
}
