package asr

// The pool of recognisers of one engine: what transcribers hand it, and how it starts and ends.

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	maxFailures  = 4 // of an utterance
	maxStarts    = 3 // of a recogniser in a row that may fail before the pool is deaf
	restartLeast = 200 * time.Millisecond
	restartMost  = 10 * time.Second
	retryModel   = time.Minute // a model that cannot be loaded may be installed meanwhile
)

// pool shares the recognisers of one engine among all streams. Utterances that have ended come first, live before batch, the
// oldest of each first. One that is still being spoken is recognised only while no other waits: its recogniser is mostly idle.
type pool struct {
	start        func(ctx context.Context) (loadedRecogniser, error)
	workers      int
	log          *slog.Logger
	heardSeconds prometheus.Counter
	crashes      prometheus.Counter
	refused      prometheus.Counter
	preloaded    chan struct{} // closed when the first stream needs the engine: until then no model takes memory
	preloadOnce  sync.Once

	mu      sync.Mutex
	load    load
	waiting []*utterance
	idle    int
	alive   int           // recognisers with their models loaded
	deaf    string        // why nothing can be heard; empty: it can
	closed  bool          // run has ended: utterances are answered at once, unrecognised
	changed chan struct{} // closed and replaced at every change
}

func newPool(workers int, start func(ctx context.Context) (loadedRecogniser, error), log *slog.Logger, reg prometheus.Registerer) *pool {
	p := &pool{start: start, workers: workers, log: log, preloaded: make(chan struct{}), changed: make(chan struct{}),
		heardSeconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_heard_seconds_total", Help: "Speech recognised, in seconds of sound."}),
		crashes:      prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_recogniser_crashes_total", Help: "Recognisers that died or hung and were replaced."}),
		refused:      prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_refused_total", Help: "Times that a live room found the recognisers full when somebody spoke."}),
		load:         load{maxRecognisers: workers},
	}
	reg.MustRegister(p.heardSeconds, p.crashes, p.refused,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "liveclip_asr_rooms", Help: "Live rooms that are heard."},
			p.gauge(func(l load) float64 { return float64(l.rooms) })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "liveclip_asr_real_time_factor", Help: "Processor seconds that hearing a second of sound takes; 0: unknown."},
			p.gauge(func(l load) float64 { return l.factor })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "liveclip_asr_utterances_waiting", Help: "Utterances that wait for a recogniser."}, p.queued))
	return p
}

func (p *pool) queued() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(len(p.waiting))
}

// preload loads the models now rather than at the first utterance.
func (p *pool) preload() { p.preloadOnce.Do(func() { close(p.preloaded) }) }

// deafness is why the pool can recognise nothing; empty: it can.
func (p *pool) deafness() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deaf
}

// enqueue has an utterance recognised, now or when a worker is free. It may call onHeard before it returns.
func (p *pool) enqueue(u *utterance) {
	p.preload()
	p.mu.Lock()
	if p.deaf != "" || p.closed {
		p.mu.Unlock()
		u.onHeard(nil)
		return
	}
	p.waiting = append(p.waiting, u)
	if !u.live {
		p.load.lastArchive = time.Now()
	}
	p.notify()
	p.mu.Unlock()
}

// endUtterance adds the last sound of an utterance that was enqueued.
func (p *pool) endUtterance(u *utterance, sound []byte) {
	u.add(sound, true)
	p.mu.Lock()
	p.notify()
	p.mu.Unlock()
}

// withdraw takes back an utterance whose recognition has not begun; false: it has.
func (p *pool) withdraw(u *utterance) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, u)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	return i >= 0
}

// abandon takes back an utterance even if it is being recognised: its result is no longer waited for.
func (p *pool) abandon(u *utterance) {
	u.mu.Lock()
	u.abandoned = true
	u.mu.Unlock()
	u.add(nil, true)
	p.withdraw(u)
}

func (p *pool) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// run recognises until ctx ends; utterances that still wait are then answered with nil.
func (p *pool) run(ctx context.Context) error {
	var workers sync.WaitGroup
	for i := range p.workers {
		workers.Go(func() { p.runWorker(ctx, i) })
	}
	workers.Wait()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.failWaiting()
	return nil
}

func (p *pool) failWaiting() {
	p.mu.Lock()
	unheard := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	for _, u := range unheard {
		u.onHeard(nil)
	}
}
