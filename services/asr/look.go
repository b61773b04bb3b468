package asr

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"liveclip/internal/child"
)

// Hearing is what an engine can do on this machine.
type Hearing struct {
	Engine   string
	Language string  // empty: what its model says, or several
	Factor   float64 // processor seconds for a second of sound; 0: unknown
	Rooms    int     // live ones heard at once, with the recognisers configured; 0: unknown
	Err      error
}

// lookFor is how long an engine may take to load.
const lookFor = 30 * time.Second

// Look starts a recogniser of each engine that rooms are heard with and of those built in, and ends it again.
func Look(ctx context.Context, cfg Config, media *child.Starter) []Hearing {
	names := map[string]bool{cfg.Engine: true, kindPocketSphinx: true, engineMandarin: true}
	for name := range cfg.Engines {
		names[name] = true
	}
	for _, name := range cfg.Languages {
		names[name] = true
	}
	delete(names, engineNone)
	maps.DeleteFunc(names, func(name string, _ bool) bool { return cfg.engines()[name].Kind == kindCaptions })
	s := &Service{cfg: cfg, media: media, log: slog.New(slog.DiscardHandler)}
	var out []Hearing
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, s.lookAt(ctx, name, cfg.engines()[name]))
	}
	return out
}

func (s *Service) lookAt(ctx context.Context, name string, cfg EngineConfig) Hearing {
	ctx, stop := context.WithTimeout(ctx, lookFor)
	defer stop()
	h := Hearing{Engine: name, Language: cfg.Language}
	r, err := s.starter(cfg)(ctx)
	if err != nil {
		h.Err = err
		return h
	}
	defer r.Close()
	h.Factor = r.factor
	if r.factor > 0 {
		l := load{most: s.cfg.workers(cfg), bound: cfg.Rooms, streams: r.streams, factor: r.factor}
		h.Rooms = l.room()
	}
	return h
}

// LookForVoice says what tells voice from music and noise: the folder of a model, or nothing, and why.
func LookForVoice(ctx context.Context, cfg Config, media *child.Starter) (folder string, err error) {
	folder = cfg.voice()
	if folder == "" {
		return "", nil
	}
	ctx, stop := context.WithTimeout(ctx, lookFor)
	defer stop()
	s := &Service{cfg: cfg, media: media, log: slog.New(slog.DiscardHandler)}
	r, err := s.starter(EngineConfig{Kind: kindSilero, Models: folder})(ctx)
	if err != nil {
		return "", err
	}
	return folder, r.Close()
}
