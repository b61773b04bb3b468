package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
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
	"liveclip/internal/story"
	"liveclip/services/publish/vod"
)

var (
	Takes = []event.Topic{event.ClipDecided, event.ClipState}
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
	sweepAge    = 15 * time.Second // a published clip that was not sent by then may have been forgotten
	sweepPeriod = 5 * time.Second
	storyKept   = time.Hour
	drain       = 15 * time.Second
)

// Service publishes clips.
type Service struct {
	cfg      Config
	deps     Deps
	vod      *vod.Handler
	accounts *accounts
	ledger   *ledger
	pusher   *pusher

	sweepAge, sweepPeriod time.Duration

	mu      sync.Mutex
	pending map[place]string // the job's kind of what the clip's story can't tell: asked for and not seen to end
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
		accounts:    newAccounts(cfg.Log, deps.Bus, deps.Log, m.dropped),
		ledger:      &ledger{deps.Store, deps.Bus, deps.Now},
		sweepAge:    sweepAge,
		sweepPeriod: sweepPeriod,
		pending:     map[place]string{},
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

func connectors(cfg Config, deps Deps) map[string]connector {
	all := make(map[string]connector, len(cfg.Destinations))
	for _, d := range cfg.Destinations {
		switch d.Kind {
		case kindFolder:
			all[d.Name] = folder{deps.Store, d}
		case kindWebhook:
			all[d.Name] = newWebhook(d, links{cfg.URL, deps.Keys, cfg.LinkTTL, deps.Now}, cfg.AllowPrivate, deps.Now)
		}
	}
	return all
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
	clips := story.New(s.deps.Bus, storyKept, s.deps.Now, s.deps.Log)
	jobs := job.NewServer(s.deps.Redis, job.Config{
		Service:  "publish",
		Workers:  s.cfg.Workers,
		MaxRetry: 10, // faults of our own: the store, Redis, the bus. Calls are counted by the ledger.
		Timeout:  s.cfg.Timeout + 30*time.Second,
	}, map[string]job.Handler{kindPush: s.pusher.push, kindWithdraw: s.pusher.withdraw}, nil, s.deps.Log, s.deps.Metrics)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return s.deps.Bus.Consume(ctx, "publish", []event.Topic{event.ClipDecided}, s.decided) })
	all.Go(func() error { return clips.Run(ctx) })
	all.Go(func() error { return jobs.Run(ctx, drain) })
	all.Go(func() error { s.sweep(ctx, clips); return nil })
	all.Go(func() error { s.accounts.run(ctx); return nil })
	return all.Wait()
}

// decided handles clip.decided.v1.
func (s *Service) decided(ctx context.Context, e event.Event) error {
	d, ok := e.Payload.(domain.Decided)
	if !ok {
		return domain.Permanent(fmt.Errorf("event %s: %T is no verdict", e.ID, e.Payload))
	}
	s.vod.Drop(e.Tenant, d.Clip)
	switch {
	case d.TakeDown:
		return s.takeDown(ctx, e.Tenant, d.Clip)
	case d.Verdict == domain.VerdictApproved && d.Hash != "" && d.Destination != "":
		return s.asked(ctx, e.Envelope, d)
	case d.Verdict == domain.VerdictApproved && d.Hash != "":
		return s.intend(ctx, e.Envelope, d)
	}
	return nil
}

// intend writes down where the clip shall go, says so, and has it brought there.
func (s *Service) intend(ctx context.Context, cause event.Envelope, d domain.Decided) error {
	for _, dest := range s.cfg.Destinations {
		e, err := s.ledger.intend(ctx, cause, d, dest.Name)
		if err != nil {
			return fmt.Errorf("publish clip %s to %s: %w", d.Clip, dest.Name, err)
		}
		if e.final() {
			continue
		}
		if err := s.ledger.tell(ctx, e); err != nil {
			return err
		}
		if err := s.pusher.enqueue(ctx, kindPush, e); err != nil {
			return fmt.Errorf("publish clip %s to %s: %w", d.Clip, dest.Name, err)
		}
	}
	return nil
}

func (s *Service) takeDown(ctx context.Context, t domain.Tenant, c domain.ClipID) error {
	entries, err := s.ledger.of(ctx, t, c)
	if err != nil {
		return fmt.Errorf("withdraw clip %s: %w", c, err)
	}
	for _, e := range entries {
		if withdrawn(e.Value.State) {
			continue
		}
		if err := s.enqueue(ctx, kindWithdraw, e); err != nil {
			return fmt.Errorf("withdraw clip %s: %w", c, err)
		}
	}
	return nil
}

// enqueue has the job done, and put back on its queue until it is.
func (s *Service) enqueue(ctx context.Context, kind string, e entry) error {
	if err := s.pusher.enqueue(ctx, kind, e); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[e.place()] = kind
	return nil
}

// sweep puts back what has no outcome, as after a loss of the queue, until ctx ends.
func (s *Service) sweep(ctx context.Context, clips *story.Table) {
	tick := time.NewTicker(s.sweepPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range clips.Waiting(domain.StepPublished, domain.StepTakenDown, s.sweepAge) {
			if err := s.again(ctx, c); err != nil && ctx.Err() == nil {
				s.deps.Log.Warn("publications not swept", "clip_id", c.Steps[domain.StepPublished].Clip, "error", err)
			}
		}
		if err := s.pendingAgain(ctx); err != nil && ctx.Err() == nil {
			s.deps.Log.Warn("pending publications not swept", "error", err)
		}
	}
}

// again looks after the clip's publications that its story says nothing of.
func (s *Service) again(ctx context.Context, c story.Clip) error {
	published := c.Steps[domain.StepPublished]
	for _, dest := range s.cfg.Destinations {
		if sent, ok := c.Sent[dest.Name]; ok && sent.Revision == published.Revision {
			continue
		}
		e, _, err := s.ledger.read(ctx, place{c.Envelope.Tenant, published.Clip, published.Revision, dest.Name})
		switch {
		case errors.Is(err, blob.ErrNotFound):
			continue // it was never meant to go there: the destination is younger than the clip
		case err != nil:
			return err
		case e.final():
			err = s.ledger.tell(ctx, e)
		default:
			err = s.pusher.enqueue(ctx, kindPush, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) pendingAgain(ctx context.Context) error {
	s.mu.Lock()
	waiting := maps.Clone(s.pending)
	s.mu.Unlock()
	var faults error
	for at, kind := range waiting {
		e, _, err := s.ledger.read(ctx, at)
		if err != nil {
			faults = errors.Join(faults, err) // the others are looked after all the same
			continue
		}
		if ended := withdrawn(e.Value.State) || kind == kindPush && e.final(); !ended {
			faults = errors.Join(faults, s.pusher.enqueue(ctx, kind, e))
			continue
		}
		s.mu.Lock()
		if s.pending[at] == kind { // not asked for anew meanwhile, in the other direction
			delete(s.pending, at)
		}
		s.mu.Unlock()
	}
	return faults
}

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
