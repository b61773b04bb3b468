package t2v

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/await"
	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/font"
	"liveclip/internal/job"
	"liveclip/internal/story"
	"liveclip/internal/workfolder"
)

// Takes and Gives are this service's part of the topic table.
var (
	Takes = []event.Topic{event.PlanMade, event.ClipDecided, event.ClipState}
	Gives = []event.Topic{event.CutReady, event.ClipState}
)

// Deps are what the service works with.
type Deps struct {
	Bus     *bus.Bus
	Store   blob.Store
	Redis   redis.UniversalClient
	Media   *child.Starter
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// publisher is what the steps need of the bus.
type publisher interface {
	Publish(ctx context.Context, events ...event.Event) error
}

// queue is what the steps need of the job client.
type queue interface {
	Enqueue(ctx context.Context, j job.Job) error
	Cancel(ctx context.Context, id string) error
	Allow(ctx context.Context, id string) error
}

// Service makes cuts.
type Service struct {
	cfg        Config
	bus        publisher
	store      blob.Store
	jobs       queue
	costStore  costStore
	shotMaker  *shotMaker
	media      *child.Starter
	dispatcher *dispatcher
	log        *slog.Logger
	now        func() time.Time
	metrics    metrics

	consume func(ctx context.Context) error
	ready   func(ctx context.Context) error
	server  *job.Server
	stories *story.Table

	activePlans atomic.Int64 // plans whose shots are being made
	load        func() float64
	pause       func(ctx context.Context, d time.Duration) error
}

// New builds the service; nothing is dialled or opened before Run.
func New(cfg Config, deps Deps) (*Service, error) {
	var err error
	if cfg.Cache == "" {
		cfg.Cache = defaultCache()
	}
	if cfg.Font == "" {
		if cfg.Font, err = font.Find(); err != nil {
			deps.Log.Warn("template shots will be left out", "error", err)
		}
	}
	s := &Service{
		cfg:       cfg,
		bus:       deps.Bus,
		store:     deps.Store,
		jobs:      job.NewClient(deps.Redis, "t2v"),
		costStore: costStore{deps.Redis},
		media:     deps.Media,
		log:       deps.Log,
		now:       deps.Now,
		load:      systemLoad,
		pause:     await.For,
		metrics:   newMetrics(deps.Metrics),
		stories:   story.New(deps.Bus, time.Hour, deps.Now, deps.Log),
	}
	if s.dispatcher, err = newDispatcher(cfg, deps.Log, deps.Now, s.metrics); err != nil {
		return nil, err
	}
	camera := newLimitedMedia(childMedia{deps.Media}, cfg.Workers)
	drawer, err := newDrawer(cfg, camera, deps.Store, deps.Now)
	if err != nil {
		return nil, err
	}
	s.shotMaker = &shotMaker{cfg: cfg, drawer: drawer, generator: s.dispatcher, media: camera, now: deps.Now}
	s.dispatcher.inspect = s.shotMaker.inspect
	s.server = job.NewServer(deps.Redis, job.Config{
		Service:  "t2v",
		Workers:  cfg.Workers + cfg.Waiting,
		Idle:     18 * time.Millisecond, // an operator who asks for a shot waits for it
		MaxRetry: cfg.MaxRetry,
		Timeout:  cfg.Timeout,
	}, map[string]job.Handler{jobShots: s.makeShots}, s.shotsFailed, deps.Log, deps.Metrics)
	s.consume = func(ctx context.Context) error {
		return deps.Bus.Consume(ctx, "t2v", []event.Topic{event.PlanMade, event.ClipDecided}, s.handle)
	}
	s.ready = func(ctx context.Context) error {
		if err := deps.Bus.Ready(ctx); err != nil {
			return fmt.Errorf("t2v: bus: %w", err)
		}
		if err := deps.Redis.Ping(ctx).Err(); err != nil {
			return fmt.Errorf("t2v: redis: %w", err)
		}
		return nil
	}
	return s, nil
}

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := os.MkdirAll(s.cfg.Cache, 0o755); err != nil {
		return fmt.Errorf("make the template cache: %w", err)
	}
	defer s.dispatcher.close()
	if err := errors.Join(workfolder.Sweep(s.cfg.Work, workPrefix), workfolder.Sweep(s.cfg.Cache, ".base-"), prune(s.cfg.Cache, keptBases)); err != nil {
		s.log.Warn("what is left of killed processes, and old bases, not removed", "error", err)
	}
	s.dispatcher.loadCosts(ctx, s.costStore)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.consume(ctx) })
	group.Go(func() error { return s.server.Run(ctx, s.cfg.Drain) })
	group.Go(func() error { return s.stories.Run(ctx) })
	group.Go(func() error { s.dispatcher.watch(ctx); return nil })
	group.Go(func() error { s.renderBasesAhead(ctx); return nil })
	if s.cfg.Font != "" {
		for range s.cfg.Warm {
			group.Go(func() error { s.media.KeepWarm(ctx, child.Render); return nil })
		}
	}
	group.Go(func() error { s.dispatcher.syncCosts(ctx, s.costStore); return nil })
	group.Go(func() error { s.dispatcher.show(ctx, s.costStore.rdb); return nil })
	group.Go(func() error {
		return s.stories.Sweep(ctx, domain.StepPlanned, domain.StepCut, s.cfg.Sweep, s.cfg.Sweep, s.retryPlan)
	})
	return group.Wait()
}

// Ready reports why the service cannot work, or nil. An engine that is away is no reason: its shots fall back.
func (s *Service) Ready(ctx context.Context) error { return s.ready(ctx) }
