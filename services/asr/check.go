package asr

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"liveclip/internal/child"
)

// EngineCheck is what an engine can do on this machine.
type EngineCheck struct {
	Engine   string
	Language string  // empty: what its model says, or several
	Factor   float64 // processor seconds for a second of sound; 0: unknown
	Rooms    int     // live ones heard at once, with the recognisers configured; 0: unknown
	Err      error
}

// loadTimeout is how long an engine may take to load.
const loadTimeout = 30 * time.Second

// CheckEngines starts a recogniser of each engine that rooms are heard with and of those built in, and ends it again.
func CheckEngines(ctx context.Context, cfg Config, media *child.Starter) []EngineCheck {
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
	var out []EngineCheck
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, s.checkEngine(ctx, name, cfg.engines()[name]))
	}
	return out
}

func (s *Service) checkEngine(ctx context.Context, name string, cfg EngineConfig) EngineCheck {
	ctx, stop := context.WithTimeout(ctx, loadTimeout)
	defer stop()
	h := EngineCheck{Engine: name, Language: cfg.Language}
	r, err := s.starter(cfg)(ctx)
	if err != nil {
		h.Err = err
		return h
	}
	defer r.Close()
	h.Factor = r.factor
	if r.factor > 0 {
		l := load{maxRecognisers: s.cfg.workers(cfg), maxRooms: cfg.Rooms, streams: r.streams, factor: r.factor}
		h.Rooms = l.capacity()
	}
	return h
}

// CheckVoiceDetector starts the voice detector, and gives the folder of its model; empty: there is none.
func CheckVoiceDetector(ctx context.Context, cfg Config, media *child.Starter) (folder string, err error) {
	folder = cfg.voiceModel()
	if folder == "" {
		return "", nil
	}
	ctx, stop := context.WithTimeout(ctx, loadTimeout)
	defer stop()
	s := &Service{cfg: cfg, media: media, log: slog.New(slog.DiscardHandler)}
	r, err := s.starter(EngineConfig{Kind: kindSilero, Models: folder})(ctx)
	if err != nil {
		return "", err
	}
	return folder, r.Close()
}
