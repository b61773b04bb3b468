package asr

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/lease"
	"liveclip/internal/recording"
	"liveclip/internal/sign"
	"liveclip/internal/wording"
	recordingv1 "liveclip/proto/recording/v1"
)

// Takes and Gives are this service's part of the topic table.
var (
	Takes = []event.Topic{event.StreamState, event.ClipState}
	Gives = []event.Topic{event.StreamState, event.BroadcastChanged, event.StreamProgress, event.SegmentRecorded, event.TranscriptLine, event.SoundMeasured}
)

// Deps are what the service works with.
type Deps struct {
	Bus     *bus.Bus
	Store   blob.Store
	Media   *child.Starter
	Leases  *lease.Leases
	Keys    sign.Keys
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
	Phrases []string // that make a highlight: recognisers that can expect them
}

// Service records and hears the streams that this process owns.
type Service struct {
	cfg           Config
	bus           *bus.Bus
	store         blob.Store
	media         *child.Starter
	leases        *lease.Leases
	keys          sign.Keys
	log           *slog.Logger
	now           func() time.Time
	process       string
	sourcePolicy  sourcePolicy
	writer        *wording.Writer
	engines       map[string]*engine // by name
	pools         []*pool
	hotwords      [][]string     // of every room
	voiceDetector *voiceDetector // nil: voice is told by its loudness
	pushes        *pushServer
	hot           *recording.Hot
	lineServer    *lineServer
	retention     *retention
	archives      *semaphore.Weighted
	unheard       prometheus.Counter

	address, rtmp string         // as others reach them; set when they listen
	broadcasts    sync.WaitGroup // goroutines of broadcasts

	mu        sync.Mutex
	rooms     map[domain.Ref]*openRoom
	attached  map[domain.Ref]bool // here or elsewhere
	owned     int
	leftovers leftovers
	caughtUp  bool // every stream's state was read once
}

// openRoom is a room and how to stop it.
type openRoom struct {
	*room
	stop   context.CancelCauseFunc
	newest domain.StreamState // of the stream; it differs from the room's order in no more than its context
}

// New builds the service; nothing is opened before Run.
func New(cfg Config, deps Deps) (*Service, error) {
	s := &Service{cfg: cfg, bus: deps.Bus, store: deps.Store, media: deps.Media, leases: deps.Leases, keys: deps.Keys, log: deps.Log, now: deps.Now,
		process: cfg.Process, sourcePolicy: sourcePolicy{net.DefaultResolver, cfg.AllowPrivate, cfg.AllowFiles}, hot: recording.NewHot(), lineServer: newLineServer(), archives: semaphore.NewWeighted(int64(cfg.Archives)), rooms: map[domain.Ref]*openRoom{}, attached: map[domain.Ref]bool{},
		unheard: prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_unheard_seconds_total", Help: "Speech that nobody heard: late, without a place, given up, or with no recogniser at work."}),
	}
	if s.process == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("name this process: %w", err)
		}
		s.process = host + "-" + rand.Text()[:8]
	}
	var err error
	if s.writer, err = wording.New(); err != nil {
		return nil, err
	}
	s.retention = newRetention(cfg, deps)
	configured, err := readHotwordsFile(cfg.Hotwords)
	if errors.Is(err, ErrHotwords) {
		s.log.Warn("not every hot word is expected", "error", err)
	} else if err != nil {
		return nil, err
	}
	s.hotwords = [][]string{configured, deps.Phrases}
	s.makeEngines(deps.Metrics)
	if folder := cfg.voiceModel(); folder != "" {
		s.voiceDetector = newVoiceDetector(s.starter(EngineConfig{Kind: kindSilero, Models: folder}), deps.Log, deps.Metrics)
	}
	s.pushes = newPushServer(cfg.Publishers, cfg.Idle, s.admit, deps.Now, deps.Log, deps.Metrics)
	deps.Metrics.MustRegister(s.unheard, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "liveclip_asr_streams", Help: "Streams that this process owns."}, func() float64 { return float64(s.state().Streams) }))
	return s, nil
}

// Ready reports why publishers cannot be admitted yet, or nil: the streams' states were read.
func (s *Service) Ready(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.caughtUp {
		return errors.New("stream states are still being read")
	}
	return s.bus.Ready(ctx)
}

// state is what this process announces.
func (s *Service) state() lease.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return lease.Process{ID: s.process, Address: s.address, RTMP: s.rtmp, Streams: s.owned, Max: s.cfg.Streams}
}

// reserveStream counts a stream as owned, unless there are too many.
func (s *Service) reserveStream() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Streams > 0 && s.owned >= s.cfg.Streams {
		return false
	}
	s.owned++
	return true
}

func (s *Service) freeStream() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owned--
}

// Run records until ctx ends, then brings home what was recorded and heard, within the drain time.
func (s *Service) Run(ctx context.Context) error {
	if err := os.MkdirAll(s.cfg.Spool, 0o755); err != nil {
		return fmt.Errorf("make spool: %w", err)
	}
	rpc, pushes, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if err := s.recover(); err != nil {
		return errors.Join(err, closeAll(rpc, pushes))
	}
	// hard outlives ctx: the pools and the recording server that draining needs end last.
	hard, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	serving := new(errgroup.Group)
	serving.Go(func() error { return s.serveHot(hard, rpc) })
	if s.voiceDetector != nil {
		serving.Go(func() error { return s.voiceDetector.run(hard) })
	}
	for _, p := range s.pools {
		serving.Go(func() error { return p.run(hard) })
	}

	taking, ctx := errgroup.WithContext(ctx)
	rooms := new(sync.WaitGroup)
	taking.Go(func() error { return s.leases.Announce(ctx, s.state) })
	taking.Go(func() error { return s.followStates(ctx, hard, rooms) })
	taking.Go(func() error { return s.retention.run(ctx, s.process) })
	rooms.Go(func() { s.closeLeftovers(ctx, hard) })
	if pushes != nil {
		taking.Go(func() error { return s.pushes.serve(ctx, pushes) })
	}
	takingErr := taking.Wait()
	late := time.AfterFunc(s.cfg.Drain+stopTimeout, end)
	defer late.Stop()
	rooms.Wait()
	s.broadcasts.Wait()
	end()
	return errors.Join(takingErr, serving.Wait())
}

func closeAll(listeners ...net.Listener) error {
	var errs []error
	for _, l := range listeners {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

func (s *Service) listen(ctx context.Context) (rpc, pushes net.Listener, err error) {
	if rpc, err = new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.RPC); err != nil {
		return nil, nil, fmt.Errorf("listen for recording questions: %w", err)
	}
	if s.cfg.RTMP != "" {
		if pushes, err = new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.RTMP); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("listen for RTMP pushes: %w", err), rpc.Close())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = s.cfg.Advertise
	if s.address == "" {
		s.address = rpc.Addr().String()
	}
	s.rtmp = s.cfg.RTMPAdvertise
	if s.rtmp == "" && pushes != nil {
		s.rtmp = "rtmp://" + pushes.Addr().String()
	}
	return rpc, pushes, nil
}

func (s *Service) serveHot(ctx context.Context, l net.Listener) error {
	server := grpc.NewServer(grpc.MaxConcurrentStreams(1024))
	recordingv1.RegisterRecordingServer(server, s.hot)
	recordingv1.RegisterHearingServer(server, s.lineServer)
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	if err := server.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve recordings on %s: %w", l.Addr(), err)
	}
	return nil
}

// followStates keeps a room for every stream that is attached here.
func (s *Service) followStates(ctx, hard context.Context, rooms *sync.WaitGroup) error {
	handle := func(_ context.Context, e event.Event) error {
		if state, ok := e.Payload.(domain.StreamState); ok {
			s.applyState(ctx, hard, rooms, state)
		}
		return nil
	}
	err := s.bus.Tail(ctx, []event.Topic{event.StreamState}, bus.FromStart, handle, func() {
		s.mu.Lock()
		s.caughtUp = true
		s.mu.Unlock()
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("follow stream states: %w", err)
	}
	return nil
}

// applyState opens or closes the stream's room.
func (s *Service) applyState(ctx, hard context.Context, rooms *sync.WaitGroup, state domain.StreamState) {
	mine := state.Attached && (state.Source == domain.SourcePush || state.Owner == s.process)
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.attached, state.Ref); state.Attached {
		s.attached[state.Ref] = true
	}
	open := s.rooms[state.Ref]
	if open != nil {
		if mine && open.order.Source == state.Source && open.order.Lane == state.Lane {
			open.newest = state
			return
		}
		open.stop(errDetached)
		delete(s.rooms, state.Ref)
	}
	if !mine {
		return
	}
	if name := s.cfg.engineOf(state.Context).Engine; name != engineNone {
		s.engines[name].preload()
		s.voiceDetector.preload()
	}
	r := s.newRoom(hard, state)
	roomCtx, stop := context.WithCancelCause(ctx)
	s.rooms[state.Ref] = &openRoom{r, stop, state}
	rooms.Go(func() {
		defer close(r.stopped)
		if open != nil {
			<-open.stopped // it has released the lease by then
		}
		r.run(roomCtx)
	})
}

// newestState is the newest state of the stream; false when the room is no longer the stream's.
func (s *Service) newestState(r *room) (domain.StreamState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := s.rooms[r.order.Ref]
	if open == nil || open.room != r {
		return domain.StreamState{}, false
	}
	return open.newest, true
}

func (s *Service) newRoom(hard context.Context, state domain.StreamState) *room {
	return &room{Service: s, order: state, hard: hard, log: s.log.With("stream_id", state.Ref.String()),
		arrived: make(chan arrival), stopped: make(chan struct{})}
}

// admit lets a publisher into its stream's room, or gives the reason why not.
func (s *Service) admit(ctx context.Context, p *publisher, key string) error {
	s.mu.Lock()
	open, caughtUp := s.rooms[p.ref], s.caughtUp
	s.mu.Unlock()
	switch {
	case open == nil && !caughtUp:
		return refusal{"starting", errors.New("the server is starting; try again")}
	case open == nil:
		return refusal{"unknown", fmt.Errorf("stream %s is not attached", p.ref)}
	case !open.isPush():
		return refusal{"pulled", fmt.Errorf("stream %s is pulled from its source, not pushed", p.ref)}
	case !s.keys.CheckPushKey(p.ref, key):
		return refusal{"key", fmt.Errorf("stream %s: the push key is wrong", p.ref)}
	}
	return open.admit(ctx, p)
}
