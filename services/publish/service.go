package publish

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/job"
	"liveclip/internal/sign"
	"liveclip/services/publish/vod"
)

var (
	Takes = []event.Topic{event.ClipDecided}
	Gives = []event.Topic{event.PublicationChanged, event.ClipState, event.DeliveryLogged}
)

// Deps is what publish works with.
type Deps struct {
	Bus     *bus.Bus
	Store   blob.Store
	Redis   redis.UniversalClient
	Keys    sign.Keys
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

const (
	sweepAge    = 15 * time.Second // what is open for so long may have been forgotten
	sweepPeriod = 10 * time.Second
	drain       = 15 * time.Second
)

// Service publishes clips.
type Service struct {
	cfg      Config
	deps     Deps
	vod      *vod.Handler
	accounts *deliveryLog
	ledger   *ledger
	pusher   *pusher

	sweepAge, sweepPeriod time.Duration
}

// New opens nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if faults := append(cfg.Faults(), deps.Keys.Faults()...); len(faults) > 0 {
		return nil, domain.Permanent(fmt.Errorf("publish: %s", faults))
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	s := &Service{
		cfg:         cfg,
		deps:        deps,
		accounts:    newDeliveryLog(cfg.Log, deps.Bus, deps.Log, m.dropped),
		ledger:      &ledger{deps.Store, deps.Bus, deps.Now},
		sweepAge:    sweepAge,
		sweepPeriod: sweepPeriod,
	}
	s.vod, err = vod.New(cfg.VOD, vod.Deps{
		Store: deps.Store, Keys: deps.Keys, CDNs: cfg.CDN, LinkTTL: cfg.LinkTTL, Log: deps.Log, Metrics: deps.Metrics, Now: deps.Now, Deliver: s.accounts.add,
	})
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	s.pusher = &pusher{
		store: deps.Store, ledger: s.ledger, queue: job.NewClient(deps.Redis, "publish"), connectors: connectors(cfg, deps),
		timeout: cfg.Timeout, attempts: cfg.Attempts, now: deps.Now, log: deps.Log, settled: m.settled,
	}
	return s, nil
}

// Handler serves the VOD path, also before Run. It must get the server's own ResponseWriter: a wrapped one can't send files.
func (s *Service) Handler() http.Handler { return s.vod }

// Ready gives the reason why clips cannot be pushed now.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.deps.Bus.Ready(ctx); err != nil {
		return err
	}
	return s.deps.Redis.Ping(ctx).Err()
}

// Run publishes until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	jobs := job.NewServer(s.deps.Redis, job.Config{
		Service:  "publish",
		Workers:  s.cfg.Workers,
		MaxRetry: 10, // faults of our own: the store, Redis, the bus. Calls are counted by the ledger.
		Timeout:  s.cfg.Timeout + 30*time.Second,
	}, map[string]job.Handler{kindPush: s.pusher.push, kindWithdraw: s.pusher.withdraw}, nil, s.deps.Log, s.deps.Metrics)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return s.deps.Bus.Consume(ctx, "publish", []event.Topic{event.ClipDecided}, s.decided) })
	all.Go(func() error { return jobs.Run(ctx, drain) })
	all.Go(func() error { s.sweep(ctx); return nil })
	all.Go(func() error { s.accounts.run(ctx); return nil })
	return all.Wait()
}

// Close tells of the answers that ended while the process did.
func (s *Service) Close() { s.accounts.rest() }

type metrics struct {
	dropped *prometheus.CounterVec // by where they should have been told
	settled *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liveclip_deliveries_dropped_total", Help: "Deliveries that could not be told."}, []string{"to"}),
		settled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liveclip_publications_total", Help: "Publications by the state they came to."}, []string{"state"}),
	}
	for _, c := range []prometheus.Collector{m.dropped, m.settled} {
		if err := reg.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}
