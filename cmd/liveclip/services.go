package main

import (
	"fmt"
	"net/http"
	"slices"

	"liveclip/internal/app"
	"liveclip/internal/outlet"
	"liveclip/services/asr"
	"liveclip/services/detect"
	"liveclip/services/ops"
	"liveclip/services/prompt"
	"liveclip/services/publish"
	"liveclip/services/review"
	"liveclip/services/t2v"
)

// allServices in the order a highlight passes them.
var allServices = []string{"asr", "detect", "prompt", "t2v", "review", "publish", "ops"}

const vodPath = "/vod/"

// running is a set of services built on one platform.
type running struct {
	parts []app.Part
	http  http.Handler // nil: none of them has an HTTP face
	vod   http.Handler // of http, what sends files; nil: nothing does
}

// build builds the services named.
func build(names []string, s settings, p *app.Platform) (running, error) {
	var r running
	add := func(name string, service app.Service, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.parts = append(r.parts, app.Part{Name: name, Service: service})
		return nil
	}
	mux := http.NewServeMux()
	for _, name := range names {
		log := p.Log.With("service", name)
		var err error
		switch name {
		case "asr":
			phrases, e := s.Detect.Phrases()
			if e != nil {
				log.Warn("recognisers are told no phrases", "error", e)
			}
			service, e := asr.New(s.ASR, asr.Deps{Phrases: phrases, Bus: p.Bus, Store: p.Store, Media: p.Media, Leases: p.Leases, Keys: p.Keys, Log: log, Metrics: p.Metrics, Now: p.Now})
			err = add(name, service, e)
		case "detect":
			service, e := detect.New(s.Detect, detect.Deps{Bus: p.Bus, Store: p.Store, Log: log, Metrics: p.Metrics, Now: p.Now})
			err = add(name, service, e)
		case "prompt":
			service, e := prompt.New(s.Prompt, prompt.Deps{Bus: p.Bus, Store: p.Store, Log: log, Metrics: p.Metrics, Now: p.Now})
			err = add(name, service, e)
		case "t2v":
			service, e := t2v.New(s.T2V, t2v.Deps{Bus: p.Bus, Store: p.Store, Redis: p.Redis, Media: p.Media, Log: log, Metrics: p.Metrics, Now: p.Now})
			err = add(name, service, e)
		case "review":
			service, e := review.New(s.Review, review.Deps{Bus: p.Bus, Store: p.Store, Redis: p.Redis, Media: p.Media, Recording: p.Recording, Log: log, Metrics: p.Metrics, Now: p.Now})
			err = add(name, service, e)
		case "publish":
			service, e := publish.New(s.Publish, publish.Deps{Bus: p.Bus, Store: p.Store, Redis: p.Redis, Keys: p.Keys, Log: log, Metrics: p.Metrics, Now: p.Now})
			if err = add(name, service, e); err == nil {
				mux.Handle(vodPath, service.Handler())
				r.http, r.vod = mux, service.Handler()
			}
		case "ops":
			service, e := ops.New(s.Ops, ops.Deps{Engines: enginesOf(names, s), Destinations: s.Publish.ByHand(), CDNs: s.Publish.CDN, Bus: p.Bus, Store: p.Store, Redis: p.Redis, Recording: p.Recording, Leases: p.Leases, Keys: p.Keys, Log: log, Metrics: p.Metrics, Now: p.Now})
			if err = add(name, service, e); err == nil {
				mux.Handle("/", service.Handler())
				r.http = mux
			}
		default:
			err = failure{2, fmt.Errorf("no service %q; there are %v", name, allServices)}
		}
		if err != nil {
			return running{}, err
		}
	}
	return r, nil
}

// enginesOf are the speech engines that a room may name, where asr is among the services, so that they are known.
func enginesOf(services []string, s settings) []string {
	if !slices.Contains(services, "asr") {
		return nil
	}
	return append(s.ASR.EngineNames(), "none")
}

// servers gives what a process listens on for its services.
func (r running) servers(s settings, admin http.Handler) []app.Server {
	servers := []app.Server{{Name: "admin", Address: s.Listen.Admin, Config: outlet.Config{Handler: admin}}}
	if r.http != nil {
		face := outlet.Config{Handler: r.http, TLS: s.Listen.tls()}
		if r.vod != nil {
			face.Below, face.Files, face.Patience = vodPath, r.vod, s.Publish.VOD.Patience
		}
		servers = append(servers, app.Server{Name: "http", Address: s.Listen.HTTP, Config: face})
	}
	return servers
}

func names(chosen []string) ([]string, error) {
	for _, name := range chosen {
		if !slices.Contains(allServices, name) {
			return nil, failure{2, fmt.Errorf("no service %q; there are %v", name, allServices)}
		}
	}
	return chosen, nil
}
