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

// voices tells speech from other sound, for all streams, with one child that holds the detector.
//
// It stands before the recognisers, so that what is no speech never becomes an utterance, whichever engine hears the room;
// and in a child of its own, because a recorder that opened a runtime would weigh 30 MB more for each room, and a recogniser
// may be another machine's. What is silent is not sent to it. While it is away the endpointer goes by loudness.
type voices struct {
	start   func(ctx context.Context) (ready, error)
	log     *slog.Logger
	wanted  chan struct{}
	want    sync.Once
	seconds prometheus.Counter

	asking sync.Mutex // one question after another
	mu     sync.Mutex
	talk   recogniser // nil: away
	epoch  int        // of the child: another one has forgotten everybody
}

func newVoices(start func(ctx context.Context) (ready, error), log *slog.Logger, reg prometheus.Registerer) *voices {
	v := &voices{start: start, log: log, wanted: make(chan struct{}),
		seconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "liveclip_asr_voice_seconds_total", Help: "Sound that the voice detector looked at, in seconds."})}
	reg.MustRegister(v.seconds)
	return v
}

// ready loads the model now rather than at the first sound.
func (v *voices) ready() {
	if v != nil {
		v.want.Do(func() { close(v.wanted) })
	}
}

// run keeps the detector alive until ctx ends.
func (v *voices) run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-v.wanted:
	}
	wait, failed := restartLeast, 0
	for ctx.Err() == nil {
		r, err := v.start(ctx)
		if err == nil {
			wait, failed = restartLeast, 0
			gone := make(chan struct{})
			v.set(&endNoticed{recogniser: r, gone: gone})
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

func (v *voices) set(talk recogniser) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.talk = talk
	v.epoch++
}

// endNoticed tells when the child fails.
type endNoticed struct {
	recogniser
	gone chan struct{}
	once sync.Once
}

func (e *endNoticed) fail() { e.once.Do(func() { close(e.gone) }) }

const lookWithin = 2 * time.Second // a detector that says nothing for so long hangs

// look gives how likely somebody speaks, for each step of sound that the voice's sound fills; an error: nobody can tell.
// epoch tells detectors apart: a voice begins anew with another.
func (v *voices) look(voice string, sound []byte, anew bool, epoch *int) (*mediav1.Voiced, error) {
	v.mu.Lock()
	talk, now := v.talk, v.epoch
	v.mu.Unlock()
	if talk == nil {
		return nil, errors.New("no voice detector")
	}
	anew = anew || *epoch != now
	*epoch = now
	v.asking.Lock()
	defer v.asking.Unlock()
	end := talk.(*endNoticed)
	hanging := time.AfterFunc(lookWithin, func() { _ = talk.Close() })
	defer hanging.Stop()
	m, err := func() (*mediav1.FromChild, error) {
		if err := talk.Send(&mediav1.ToChild{Message: &mediav1.ToChild_Listen{Listen: &mediav1.Listen{Voice: voice, Samples: sound, Anew: anew}}}); err != nil {
			return nil, err
		}
		return talk.Receive()
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
