package asr

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// utterance is what is said between two pauses. Its sound is kept until it was heard, for a second try.
type utterance struct {
	id, voice string
	live      bool
	start     time.Duration
	hotwords  []string // to be expected
	names     []string // of the room, as they are written
	partial   func(*mediav1.Heard)
	// answered is called once: heard is nil when nobody could hear it.
	answered func(heard *mediav1.Heard)

	mu        sync.Mutex
	sound     []byte
	ended     bool
	abandoned bool          // nobody waits for it
	more      chan struct{} // capacity 1: there is more sound, or the end
	tries     int           // that failed
	attempts  int           // of hearing it: each is told apart by the recogniser
}

// add is called by the one who hears the stream.
func (u *utterance) add(sound []byte, ended bool) {
	u.mu.Lock()
	u.sound = append(u.sound, sound...)
	u.ended = u.ended || ended
	u.mu.Unlock()
	select {
	case u.more <- struct{}{}:
	default:
	}
}

func (u *utterance) after(sent int) (sound []byte, ended bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sound[sent:], u.ended
}

func (u *utterance) givenUp() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.abandoned
}

func (u *utterance) whole() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ended
}

const (
	maxTries     = 4 // of an utterance
	maxStarts    = 3 // of a recogniser in a row, before nothing is expected of it
	restartLeast = 200 * time.Millisecond
	restartMost  = 10 * time.Second
	retryModel   = time.Minute // a model that cannot be loaded may be installed meanwhile
)

// pool shares recognisers among all streams. Utterances that ended come first, live before batch, each oldest first; one
// that is still being spoken is followed only while nobody else waits, because a recogniser that follows is mostly idle.
type pool struct {
	start        func(ctx context.Context) (ready, error)
	workers      int
	log          *slog.Logger
	heardSeconds prometheus.Counter
	crashes      prometheus.Counter
	refused      prometheus.Counter
	wanted       chan struct{} // closed when the first stream needs ears: until then no model takes memory
	want         sync.Once

	mu      sync.Mutex
	load    load
	waiting []*utterance
	idle    int
	alive   int           // recognisers that have their models
	deaf    string        // why nothing can be heard; empty: it can
	closed  bool          // nothing more is heard
	changed chan struct{} // closed and replaced
}

func newPool(workers int, start func(ctx context.Context) (ready, error), log *slog.Logger, reg prometheus.Registerer) *pool {
	p := &pool{start: start, workers: workers, log: log, wanted: make(chan struct{}), changed: make(chan struct{}),
		heardSeconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_heard_seconds_total", Help: "Speech recognised, in seconds of sound."}),
		crashes:      prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_recogniser_crashes_total", Help: "Recognisers that died or hung and were replaced."}),
		refused:      prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_refused_total", Help: "Times that a live room found the recognisers full when somebody spoke."}),
		load:         load{most: workers},
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

// ready loads the models now rather than at the first word.
func (p *pool) ready() { p.want.Do(func() { close(p.wanted) }) }

// deafness is why nothing can be heard; empty: it can.
func (p *pool) deafness() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deaf
}

// put has an utterance heard, now or when a recogniser is free. It may answer before it returns.
func (p *pool) put(u *utterance) {
	p.ready()
	p.mu.Lock()
	if p.deaf != "" || p.closed {
		p.mu.Unlock()
		u.answered(nil)
		return
	}
	p.waiting = append(p.waiting, u)
	if !u.live {
		p.load.archived = time.Now()
	}
	p.wake()
	p.mu.Unlock()
}

// end says that an utterance that was put has ended.
func (p *pool) end(u *utterance, sound []byte) {
	u.add(sound, true)
	p.mu.Lock()
	p.wake()
	p.mu.Unlock()
}

// withdraw takes an utterance back that nobody began to hear.
func (p *pool) withdraw(u *utterance) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, u)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	return i >= 0
}

// abandon takes an utterance back though it is being heard: nobody waits for it any more.
func (p *pool) abandon(u *utterance) {
	u.mu.Lock()
	u.abandoned = true
	u.mu.Unlock()
	u.add(nil, true)
	p.withdraw(u)
}

func (p *pool) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// run hears until ctx ends; what then waits is answered as unheard.
func (p *pool) run(ctx context.Context) error {
	var workers sync.WaitGroup
	for i := range p.workers {
		workers.Go(func() { p.work(ctx, i) })
	}
	workers.Wait()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.giveUp()
	return nil
}

func (p *pool) giveUp() {
	p.mu.Lock()
	unheard := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	for _, u := range unheard {
		u.answered(nil)
	}
}

// work keeps a recogniser alive while it is needed.
func (p *pool) work(ctx context.Context, i int) {
	wait, failed := restartLeast, 0
	for p.needed(ctx, i) {
		r, err := p.start(ctx)
		if failed++; err == nil {
			wait, failed = restartLeast, 0
			p.hears(r)
			err = p.serve(ctx, r, i)
			_ = r.Close()
			p.hearsNoMore()
		}
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errSpare) {
			p.log.Info("recogniser stopped: the others hear everybody")
			continue
		}
		// Native code that dies over its model does so again.
		if domain.IsPermanent(err) || failed >= maxStarts {
			if p.deafness() == "" {
				p.log.Error("speech is not recognised", "error", err, "retry", retryModel)
			}
			if p.deafened(err.Error()) {
				p.giveUp()
			}
			wait = retryModel
		} else {
			p.crashes.Inc()
			p.log.Warn("recogniser replaced", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, restartMost)
	}
}

// hears: a recogniser has its models.
func (p *pool) hears(r ready) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive++
	p.deaf = ""
	p.load.streams = r.streams
	p.load.learn(r.factor, 1)
	p.wake()
}

func (p *pool) hearsNoMore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive--
}

// deafened: no recogniser can be had, and none is left.
func (p *pool) deafened(why string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive > 0 {
		return false
	}
	p.deaf = why
	return true
}

// serve has one recogniser hear utterances, as many side by side as it can, until it fails or is spare.
func (p *pool) serve(ctx context.Context, r ready, i int) error {
	talk := newDialogue(r)
	alive, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	closing := context.AfterFunc(alive, func() { _ = r.Close() })
	defer closing()
	var group sync.WaitGroup
	group.Go(func() { stop(talk.receive()) })
	use := &use{}
	group.Go(func() {
		if p.spare(alive, i, use) {
			stop(errSpare)
		}
	})
	for slot := range r.streams {
		group.Go(func() {
			seat := seat{talk, r.partialEvery, slot > 0, use}
			for {
				u := p.take(alive, seat)
				if u == nil {
					return
				}
				err := p.serveOne(ctx, alive, seat, u)
				p.left(use)
				if err != nil {
					stop(err)
					return
				}
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return context.Cause(alive)
}

// seat is a place for an utterance at a recogniser. An utterance that was at a recogniser when it died may be what killed it.
// Only the first seat takes such a one: there is one at a time, so that one that kills takes no other with it for good.
type seat struct {
	*dialogue
	partialEvery time.Duration
	safeOnly     bool // takes no utterance that was at a recogniser's death, and while rooms are heard nothing but theirs
	of           *use
}

// serveOne has one utterance heard; its error is the recogniser's. alive ends with the recogniser, ctx with the pool.
func (p *pool) serveOne(ctx, alive context.Context, at seat, u *utterance) error {
	heard, err := p.hear(alive, at, u)
	switch {
	case errors.Is(err, errPreempted):
		p.putBack(u)
		return nil
	case err == nil:
		if heard != nil { // nil: nobody waited for it any more
			sound, _ := u.after(0)
			p.heardSeconds.Add(soundLength(len(sound)).Seconds())
			p.worked(soundLength(len(sound)), time.Duration(heard.Work))
		}
		u.answered(heard)
		return nil
	case errors.As(err, new(unheardError)):
		p.log.Warn("utterance skipped", "utterance", u.id, "error", err)
		u.answered(nil)
		return nil
	}
	if alive.Err() != nil {
		err = context.Cause(alive)
	}
	if u.tries++; u.tries < maxTries && ctx.Err() == nil {
		p.log.Warn("utterance is heard again", "utterance", u.id, "error", err)
		p.putBack(u)
	} else {
		p.log.Warn("utterance skipped", "utterance", u.id, "error", err)
		u.answered(nil)
	}
	return err
}

// take waits for the utterance that is due next; nil when ctx ended or the recogniser is spare.
func (p *pool) take(ctx context.Context, at seat) *utterance {
	p.mu.Lock()
	p.idle++
	defer func() { p.idle--; p.mu.Unlock() }()
	for {
		if ctx.Err() != nil || at.of.spare {
			return nil
		}
		if i := p.due(at); i >= 0 {
			at.of.hearing++
			u := p.waiting[i]
			p.waiting = slices.Delete(p.waiting, i, i+1)
			return u
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-changed:
		}
		p.mu.Lock()
	}
}

// due is the index of the utterance to hear next; -1: none yet.
func (p *pool) due(at seat) int {
	best, rank := -1, 0
	for i, u := range p.waiting {
		r := 0
		switch {
		case at.safeOnly && (u.tries > 0 || !u.live && p.load.rooms > 0): // a batch must not fill what rooms hear with
		case u.whole() && u.live:
			r = 3
		case u.whole():
			r = 2
		case u.live && len(p.waiting) <= p.idle:
			r = 1
		}
		if r > rank {
			best, rank = i, r
		}
	}
	return best
}

// pressed: somebody who has finished speaking waits and no recogniser is free.
func (p *pool) pressed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.idle == 0 && slices.ContainsFunc(p.waiting, (*utterance).whole)
}

func (p *pool) putBack(u *utterance) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		u.answered(nil)
		return
	}
	p.waiting = slices.Insert(p.waiting, 0, u)
	p.wake()
	p.mu.Unlock()
}

var errPreempted = errors.New("another utterance is more urgent")

// hear follows an utterance to its end.
func (p *pool) hear(ctx context.Context, at seat, u *utterance) (*mediav1.Heard, error) {
	sent, told := 0, 0
	u.attempts++
	name := u.id + "/" + strconv.Itoa(u.attempts)
	for {
		if u.givenUp() {
			return nil, at.drop(name)
		}
		sound, ended := u.after(sent)
		if len(sound) > 0 || ended {
			partial := !ended && soundLength(sent+len(sound)-told) >= at.partialEvery
			hear := &mediav1.Hear{Utterance: name, Voice: u.voice, At: int64(u.start), Samples: sound, Partial: partial, End: ended}
			if sent == 0 {
				hear.Hotwords = u.hotwords
			}
			heard, err := at.ask(ctx, hear)
			if err != nil || ended {
				return heard, err
			}
			sent += len(sound)
			if partial {
				told = sent
				u.partial(heard)
			}
		}
		if p.pressed() && !u.whole() {
			return nil, cmp.Or(at.drop(name), errPreempted)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-u.more:
		}
	}
}
