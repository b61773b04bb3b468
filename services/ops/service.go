package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/event"
	"liveclip/internal/lease"
	"liveclip/internal/recording"
	"liveclip/internal/sign"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// Takes are the topics the views and the live feed are made of; Gives are what people and outside systems cause.
var (
	Takes = []event.Topic{
		event.StreamState, event.BroadcastChanged, event.StreamProgress, event.SegmentRecorded, event.TranscriptLine,
		event.HighlightFound, event.ClipRendered, event.PublicationChanged, event.ClipState,
	}
	Gives = []event.Topic{
		event.StreamState, event.AudienceSignal, event.ClipRequested, event.ClipDecided, event.ClipState, event.PlaybackReported,
	}
)

// viewTopics are the topics folded into the views; the rest of Takes is only for the live feed.
var viewTopics = []event.Topic{
	event.StreamState, event.BroadcastChanged, event.StreamProgress, event.SegmentRecorded,
	event.HighlightFound, event.ClipRendered, event.PublicationChanged, event.ClipState,
}

// Deps are what the service stands on.
type Deps struct {
	Bus       *bus.Bus
	Store     blob.Store
	Redis     redis.UniversalClient
	Leases    *lease.Leases
	Recording *recording.Reader
	Keys      sign.Keys
	CDNs      []sign.CDN // before the VOD path
	Engines   []string   // of speech, that a room may name; nil: they are not known here
	// Destinations are those that clips go to only by hand.
	Destinations []string
	Log          *slog.Logger
	Metrics      prometheus.Registerer
	Now          func() time.Time
}

// Service is the ops API. Several may run side by side.
type Service struct {
	opsv1.UnimplementedOpsServer
	Deps
	cfg     Config
	auth    authenticator
	views   *view.Views
	feed    *feed
	preview *previews
	users   userHash
	metrics metrics
	handler http.Handler
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// New builds the service; nothing is dialled before Run.
func New(cfg Config, deps Deps) (*Service, error) {
	if faults := cfg.Faults(); len(faults) > 0 {
		return nil, fmt.Errorf("configure ops: %s", faults[0])
	}
	s := &Service{
		Deps: deps, cfg: cfg, auth: newAuthenticator(cfg.Tokens), views: view.New(deps.Redis, cfg.KeepClips, deps.Now),
		users: newUserHash(cfg.UserSecret, deps.Keys), metrics: newMetrics(deps.Metrics), resolve: resolve,
	}
	s.feed = newFeed(cfg.EventClients, s.metrics)
	s.preview = newPreviews(deps.Recording)
	handler, err := s.newHandler()
	if err != nil {
		return nil, fmt.Errorf("build ops API: %w", err)
	}
	s.handler = handler
	return s, nil
}

// Handler serves everything but the VOD path: HTTP, and gRPC over HTTP/2.
func (s *Service) Handler() http.Handler { return s.handler }

// Register adds the API to a gRPC server.
func (s *Service) Register(g grpc.ServiceRegistrar) { opsv1.RegisterOpsServer(g, s) }

// Ready reports why calls can't be answered, or nil.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.Bus.Ready(ctx); err != nil {
		return err
	}
	return s.views.Built(ctx)
}

// Run keeps the views, the live feed and the placement of pulls going until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	defer s.feed.close()
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return s.Bus.Consume(ctx, "ops", viewTopics, s.applyEvent) })
	work.Go(func() error { s.runEvery(ctx, time.Second, "rebuild views", s.rebuild); return nil })
	work.Go(func() error { s.runEvery(ctx, 2*time.Second, "place streams", s.placePulls); return nil })
	work.Go(func() error { s.runEvery(ctx, time.Second, "detach streams", s.detachDue); return nil })
	work.Go(func() error { s.runEvery(ctx, time.Hour, "forget old clips", s.forgetOldClips); return nil })
	if topic := s.cfg.AudienceTopic; topic != "" {
		work.Go(func() error { return s.Bus.ConsumeForeign(ctx, "ops", topic, s.consumeAudience) })
	}
	work.Go(func() error { s.feedEvents(ctx); return nil })
	work.Go(func() error { s.preview.run(ctx); return nil })
	return work.Wait()
}

// applyEvent folds an event into the views. It retries while Redis is away: that must not send an event to the dead letters.
func (s *Service) applyEvent(ctx context.Context, e event.Event) error {
	wait := 50 * time.Millisecond
	for {
		err := s.views.Apply(ctx, e)
		if err == nil {
			return s.detachEndedBatch(ctx, e)
		}
		s.Log.Warn("keep event in views", "event_id", e.ID, "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait = min(2*wait, 5*time.Second)
		}
	}
}

func (s *Service) rebuild(ctx context.Context) error {
	began := s.Now()
	rebuilt, err := s.views.Rebuild(ctx, s.Bus)
	if rebuilt {
		s.Log.Info("views rebuilt", "took", s.Now().Sub(began))
	}
	return err
}

func (s *Service) forgetOldClips(ctx context.Context) error {
	tenants, err := s.views.Tenants(ctx)
	for _, t := range tenants {
		err = errors.Join(err, s.views.Forget(ctx, t))
	}
	return err
}

// runEvery calls do at once and then each period, and logs its errors.
func (s *Service) runEvery(ctx context.Context, period time.Duration, what string, do func(ctx context.Context) error) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("regular work", "work", what, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

type metrics struct {
	audience *prometheus.CounterVec
	lines    *prometheus.CounterVec
	slow     prometheus.Counter
	readers  prometheus.Gauge
	calls    *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		audience: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_ops_audience_signals_total", Help: "Audience signals taken at the door, by what became of them.",
		}, []string{"outcome"}),
		lines: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "liveclip_ops_lines_total", Help: "Transcript lines that others sent, by what became of them.",
		}, []string{"outcome"}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "liveclip_ops_slow_readers_total", Help: "Readers of the live feed let go because they read too slowly.",
		}),
		readers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "liveclip_ops_feed_readers", Help: "Readers of the live feed now.",
		}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "liveclip_ops_call_seconds", Help: "How long calls of the API took.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 7),
		}, []string{"method", "status"}),
	}
	reg.MustRegister(m.audience, m.lines, m.slow, m.readers, m.calls)
	return m
}
