package asr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// voiceDetector tells speech from other sound, for all streams, with one child that holds the detector.
//
// It stands before the recognisers, so that what is no speech never becomes an utterance, whichever engine hears the room;
// and in a child of its own, because a recorder that opened a runtime would weigh 30 MB more for each room, and a recogniser
// may be another machine's. What is silent is not sent to it. While it is away the endpointer goes by loudness.
type voiceDetector struct {
	start       func(ctx context.Context) (loadedRecogniser, error)
	log         *slog.Logger
	preloaded   chan struct{}
	preloadOnce sync.Once
	settled     chan struct{} // closed: it is there, or was found not to work
	settledOnce sync.Once
	seconds     prometheus.Counter

	requestMu sync.Mutex // one request after another
	mu        sync.Mutex
	child     recogniser // nil: away
	epoch     int        // counts the children: a new one has forgotten every stream
}

func newVoiceDetector(start func(ctx context.Context) (loadedRecogniser, error), log *slog.Logger, reg prometheus.Registerer) *voiceDetector {
	v := &voiceDetector{start: start, log: log, preloaded: make(chan struct{}), settled: make(chan struct{}),
		seconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_voice_seconds_total", Help: "Sound that the voice detector looked at, in seconds."})}
	reg.MustRegister(v.seconds)
	return v
}

// preload loads the model now rather than at the first sound.
func (v *voiceDetector) preload() {
	if v != nil {
		v.preloadOnce.Do(func() { close(v.preloaded) })
	}
}

func (v *voiceDetector) settle() { v.settledOnce.Do(func() { close(v.settled) }) }

// await waits for the model to be loaded, or to be found not to work: what is heard of a recording that is read as fast as
// possible must not depend on which of the two was faster.
func (v *voiceDetector) await(ctx context.Context) {
	v.preload()
	select {
	case <-v.settled:
	case <-ctx.Done():
	}
}

// run keeps the detector alive until ctx ends.
func (v *voiceDetector) run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-v.preloaded:
	}
	wait, failed := restartLeast, 0
	for ctx.Err() == nil {
		r, err := v.start(ctx)
		if err == nil {
			wait, failed = restartLeast, 0
			gone := make(chan struct{})
			v.set(&watchedRecogniser{recogniser: r, gone: gone})
			v.settle()
			select {
			case <-ctx.Done():
			case <-gone:
			}
			v.set(nil)
			_ = r.Close()
			if ctx.Err() == nil {
				v.log.Warn("voice detector replaced")
			}
		} else if failed++; ctx.Err() == nil && (domain.IsPermanent(err) || failed >= maxStarts) {
			v.log.Error("voice is told by its loudness alone", "error", err, "retry", retryModel)
			v.settle()
			wait = retryModel
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, restartMost)
	}
	return nil
}

func (v *voiceDetector) set(child recogniser) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.child = child
	v.epoch++
}

// watchedRecogniser closes gone when the child fails.
type watchedRecogniser struct {
	recogniser
	gone chan struct{}
	once sync.Once
}

func (e *watchedRecogniser) fail() { e.once.Do(func() { close(e.gone) }) }

const detectorTimeout = 2 * time.Second // a detector that says nothing for so long hangs

// probabilities gives how likely speech is in each step of sound that is complete; an error: the detector is away. voice names the
// stream; epoch tells children apart, for a stream begins anew with another.
func (v *voiceDetector) probabilities(voice string, sound []byte, anew bool, epoch *int) (*mediav1.Voiced, error) {
	v.mu.Lock()
	child, now := v.child, v.epoch
	v.mu.Unlock()
	if child == nil {
		return nil, errors.New("no voice detector")
	}
	anew = anew || *epoch != now
	*epoch = now
	v.requestMu.Lock()
	defer v.requestMu.Unlock()
	end := child.(*watchedRecogniser)
	hanging := time.AfterFunc(detectorTimeout, func() { _ = child.Close() })
	defer hanging.Stop()
	m, err := func() (*mediav1.FromChild, error) {
		if err := child.Send(&mediav1.ToChild{Message: &mediav1.ToChild_Listen{Listen: &mediav1.Listen{Voice: voice, Samples: sound, Anew: anew}}}); err != nil {
			return nil, err
		}
		return child.Receive()
	}()
	if err == nil && (m.GetVoiced() == nil || m.GetVoiced().Voice != voice || m.GetVoiced().Step <= 0) {
		err = fmt.Errorf("voice detector answered something else: %.40s", strings.ToValidUTF8(m.String(), "?"))
	}
	if err != nil {
		end.fail()
		return nil, err
	}
	v.seconds.Add(soundLength(len(sound)).Seconds())
	return m.GetVoiced(), nil
}
