package asr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/await"
	"liveclip/internal/child"
	"liveclip/internal/domain"
)

// EngineFor names the engine that recordings of a language are measured with: the one that would hear a room, or for Mandarin,
// where none would, the small model.
func (c Config) EngineFor(language string) string {
	h := c.engineOf(domain.Context{Language: language})
	if h.Trouble == domain.HearingForeign && baseLanguage(language) == "zh" {
		return engineMandarin
	}
	return h.Engine
}

// Trial hears recordings with one engine, outside of any room, as a room would be heard: cut where somebody pauses, each
// utterance recognised. One recording at a time.
type Trial struct {
	engine *engine
	pool   *pool
	ended  chan struct{}

	mu    sync.Mutex
	child interface{ ProcessorTime() time.Duration } // nil: on another machine
}

// TrialResult is what was heard of a recording.
type TrialResult struct {
	Lines     []domain.TranscriptLine // final, as heard: nothing is written otherwise
	Processor time.Duration           // of the recogniser; 0: it runs on another machine
	Wall      time.Duration
	Partials  []time.Duration // of a paced recording, for each line: from its first word's end to the first partial line with it
	Came      []time.Duration // of a paced recording, for each line: when it came, counted from the recording's start
}

// NewTrial loads the engine's models. It ends with ctx.
func NewTrial(ctx context.Context, cfg Config, media *child.Starter, name string, log *slog.Logger) (*Trial, error) {
	of, ok := cfg.engines()[name]
	if !ok {
		return nil, fmt.Errorf("no speech engine %q; there are %v", name, cfg.EngineNames())
	}
	s := &Service{cfg: cfg, media: media, log: log}
	t := &Trial{ended: make(chan struct{})}
	started := make(chan error, 1)
	start := func(ctx context.Context) (loadedRecogniser, error) {
		r, err := s.starter(of)(ctx)
		if p, ok := r.recogniser.(interface{ ProcessorTime() time.Duration }); ok && err == nil {
			t.mu.Lock()
			t.child = p
			t.mu.Unlock()
		}
		select {
		case started <- err:
		default:
		}
		return r, err
	}
	t.pool = newPool(1, start, log, prometheus.NewRegistry())
	t.engine = &engine{name: name, language: of.Language, listener: t.pool}
	t.pool.preload()
	go func() {
		defer close(t.ended)
		_ = t.pool.run(ctx)
	}()
	select {
	case err := <-started:
		return t, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// EngineNames are all engines that a room can name, without "none".
func (c Config) EngineNames() []string { return slices.Sorted(maps.Keys(c.engines())) }

// Wait returns when a trial whose context ended has stopped its goroutines.
func (t *Trial) Wait() { <-t.ended }

const trialStep = 100 * time.Millisecond // of sound at once

// Hear hears a recording: 16 kHz, mono, 16 bits little-endian; paced: as fast as it plays, else as fast as it can be heard.
func (t *Trial) Hear(ctx context.Context, sound []byte, paced bool) (TrialResult, error) {
	l := &trialLines{begun: time.Now(), paced: paced, seen: map[string]bool{}}
	before := t.processor()
	e := newTranscriber(transcriberConfig{broadcast: domain.BroadcastID(fmt.Sprintf("trial-%d", l.begun.UnixNano())), live: paced, behind: time.Hour, nextSettings: func() hearingSettings { return hearingSettings{engine: t.engine} },
		onLine: l.take, onUnheard: func(domain.Window) {}, now: time.Now})
	defer e.releasePlace()
	step := int(trialStep * sampleRate * sampleBytes / time.Second)
	for at := 0; at < len(sound); at += step {
		piece := sound[at:min(len(sound), at+step)]
		if paced {
			if err := await.For(ctx, time.Until(l.begun.Add(soundLength(at+len(piece))))); err != nil {
				return TrialResult{}, err
			}
		}
		if err := e.accept(ctx, soundLength(at), piece, 0); err != nil {
			return TrialResult{}, err
		}
	}
	if err := e.flush(ctx); err != nil {
		return TrialResult{}, err
	}
	for !e.isDrained() {
		if err := await.For(ctx, 5*time.Millisecond); err != nil {
			return TrialResult{}, err
		}
	}
	if why := t.pool.deafness(); why != "" {
		return TrialResult{}, errors.New(why)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tried.Wall, l.tried.Processor = time.Since(l.begun), max(0, t.processor()-before)
	return l.tried, nil
}

func (t *Trial) processor() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.child == nil {
		return 0
	}
	return t.child.ProcessorTime()
}

// trialLines takes lines as they come.
type trialLines struct {
	begun time.Time
	paced bool

	mu    sync.Mutex
	seen  map[string]bool // lines with a partial one
	tried TrialResult
}

func (l *trialLines) take(line domain.TranscriptLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := time.Since(l.begun)
	if n := len(line.Words); l.paced && n > 0 {
		if !line.Final && !l.seen[line.ID] {
			l.seen[line.ID] = true
			l.tried.Partials = append(l.tried.Partials, at-line.Words[0].End)
		}
	}
	if line.Final && line.Text != "" {
		l.tried.Lines = append(l.tried.Lines, line)
		if l.paced {
			l.tried.Came = append(l.tried.Came, at)
		}
	}
}
