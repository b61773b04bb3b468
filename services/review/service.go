package review

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/font"
	"liveclip/internal/job"
	"liveclip/internal/recording"
	"liveclip/internal/story"
	"liveclip/internal/wordlist"
	"liveclip/internal/workfolder"
)

// Takes and Gives are this service's part of the topic table.
var (
	Takes = []event.Topic{event.CutReady, event.ClipDecided, event.ClipState}
	Gives = []event.Topic{event.ClipRendered, event.ClipDecided, event.ClipState}
)

// Deps are what the service works with.
type Deps struct {
	Bus       *bus.Bus
	Store     blob.Store
	Redis     redis.UniversalClient
	Media     *child.Starter
	Recording *recording.Reader
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	Now       func() time.Time
}

// publisher is what the steps need of the bus.
type publisher interface {
	Publish(ctx context.Context, events ...event.Event) error
}

// queue is what the steps need of a job client.
type queue interface {
	Enqueue(ctx context.Context, j job.Job) error
}

// recordings is what the steps need of the recording.
type recordings interface {
	Read(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window, emit func(recording.Chunk) error) (recording.End, error)
	Heard(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window) (recording.Heard, error)
	Loudness(ctx context.Context, ref domain.Ref, b domain.BroadcastID, w domain.Window) ([]domain.SoundMeasured, error)
}

// Service finishes and moderates clips, and publishes them on the VOD path.
type Service struct {
	cfg        Config
	bus        publisher
	store      blob.Store
	finishing  queue
	archive    queue // what is finished of the batch lane
	moderating queue
	slots      *slots
	making     sync.RWMutex // held for reading while a work folder is in use
	recording  recordings
	media      *child.Starter
	lists      *wordlist.Lists
	log        *slog.Logger
	now        func() time.Time
	metrics    metrics

	consume func(ctx context.Context) error
	ready   func(ctx context.Context) error
	servers [3]*job.Server
	stories *story.Table
}

// New builds the service; nothing is dialled or opened before Run.
func New(cfg Config, deps Deps) (*Service, error) {
	lists, err := wordlist.Load(cfg.Lists, cfg.Spoken)
	if err != nil {
		return nil, fmt.Errorf("review.lists: %w", err)
	}
	if cfg.Font == "" {
		if cfg.Font, err = font.Find(); err != nil {
			deps.Log.Warn("clips cannot carry text", "error", err)
		}
	}
	// Moderation mostly waits for words, and the archive for its turn, so both have queues and workers of their own: they can
	// never keep a live clip from being taken up.
	s := &Service{
		cfg:        cfg,
		bus:        deps.Bus,
		store:      deps.Store,
		finishing:  job.NewClient(deps.Redis, "review"),
		archive:    job.NewClient(deps.Redis, "review-batch"),
		moderating: job.NewClient(deps.Redis, "review-hear"),
		slots:      newSlots(cfg.Workers),
		recording:  deps.Recording,
		media:      deps.Media,
		lists:      lists,
		log:        deps.Log,
		now:        deps.Now,
		metrics:    newMetrics(deps.Metrics),
		stories:    story.New(deps.Bus, time.Hour, deps.Now, deps.Log),
	}
	serve := func(name string, workers int, kind string, handler job.Handler, failed func(context.Context, job.Job, error)) *job.Server {
		return job.NewServer(deps.Redis, job.Config{Service: name, Workers: workers, MaxRetry: cfg.MaxRetry, Timeout: cfg.Timeout},
			map[string]job.Handler{kind: handler}, failed, deps.Log, deps.Metrics)
	}
	s.servers = [...]*job.Server{
		serve("review", cfg.Workers+cfg.Waiting, jobFinish, s.finish, s.finishFailed),
		serve("review-batch", cfg.Workers, jobFinish, s.finish, s.finishFailed),
		serve("review-hear", cfg.Moderators, jobModerate, s.moderate, s.moderateFailed),
	}
	s.consume = func(ctx context.Context) error {
		return deps.Bus.Consume(ctx, "review", []event.Topic{event.CutReady, event.ClipDecided}, s.handle)
	}
	s.ready = func(ctx context.Context) error {
		if err := deps.Bus.Ready(ctx); err != nil {
			return fmt.Errorf("review: bus: %w", err)
		}
		if err := deps.Redis.Ping(ctx).Err(); err != nil {
			return fmt.Errorf("review: redis: %w", err)
		}
		return nil
	}
	return s, nil
}

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := workfolder.Sweep(s.cfg.Work, workPrefix); err != nil {
		s.log.Warn("work folders of killed processes not removed", "error", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.consume(ctx) })
	for _, server := range s.servers {
		group.Go(func() error { return server.Run(ctx, s.cfg.Drain) })
	}
	group.Go(func() error { return s.stories.Run(ctx) })
	s.keepWarm(ctx, group, child.Finish, s.cfg.Warm)
	s.keepWarm(ctx, group, child.Copy, s.cfg.WarmCopies)
	for _, sweep := range []struct {
		done, missing domain.Step
		again         func(context.Context, story.Clip) error
	}{
		{domain.StepCut, domain.StepRendered, s.finishAgain},
		{domain.StepCut, domain.StepDecided, s.moderateAgain},
		{domain.StepRendered, domain.StepPublished, s.releaseAgain},
	} {
		group.Go(func() error {
			return s.stories.Sweep(ctx, sweep.done, sweep.missing, s.cfg.Sweep, s.cfg.Sweep, sweep.again)
		})
	}
	err := group.Wait()
	s.endMaking()
	return err
}

// endMaking waits for what the servers gave up, which ends now, and lets nothing of it begin any more: no folder is left
// behind.
func (s *Service) endMaking() { s.making.Lock() }

func (s *Service) keepWarm(ctx context.Context, group *errgroup.Group, mode child.Mode, n int) {
	for range n {
		group.Go(func() error {
			s.media.KeepWarm(ctx, mode)
			return nil
		})
	}
}

// Ready reports why the service cannot work, or nil.
func (s *Service) Ready(ctx context.Context) error { return s.ready(ctx) }

func (s *Service) handle(ctx context.Context, e event.Event) error {
	switch payload := e.Payload.(type) {
	case domain.Cut:
		return s.cutReady(ctx, e.Envelope, payload)
	case domain.Decided:
		return s.decided(ctx, e.Envelope, payload)
	}
	return domain.Permanent(fmt.Errorf("event %s: payload is %T", e.ID, e.Payload))
}
