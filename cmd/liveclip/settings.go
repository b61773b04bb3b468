package main

import (
	"fmt"
	"os"
	"slices"

	"liveclip/internal/app"
	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/child"
	"liveclip/internal/config"
	"liveclip/internal/sign"
	"liveclip/internal/telemetry"
	"liveclip/services/asr"
	"liveclip/services/detect"
	"liveclip/services/ops"
	"liveclip/services/prompt"
	"liveclip/services/publish"
	"liveclip/services/review"
	"liveclip/services/t2v"
)

// listenConfig says where a process listens, beside what its services listen on themselves.
type listenConfig struct {
	HTTP  string `koanf:"http"`  // ops API, console and VOD path of the services this process runs
	Admin string `koanf:"admin"` // /healthz, /readyz, /metrics
	Cert  string `koanf:"cert"`  // file of the certificates that http shows, PEM; empty: no TLS. A file that changes is read again
	Key   string `koanf:"key"`   // file of their key
}

// settings are all settings; a process reads the parts its services need.
type settings struct {
	Listen  listenConfig     `koanf:"listen"`
	Log     telemetry.Config `koanf:"log"`
	Kafka   bus.Config       `koanf:"kafka"`
	Redis   app.RedisConfig  `koanf:"redis"`
	Store   blob.Config      `koanf:"store"`
	Media   child.Config     `koanf:"media"`
	Keys    sign.Keys        `koanf:"keys"`
	ASR     asr.Config       `koanf:"asr"`
	Detect  detect.Config    `koanf:"detect"`
	Prompt  prompt.Config    `koanf:"prompt"`
	T2V     t2v.Config       `koanf:"t2v"`
	Review  review.Config    `koanf:"review"`
	Publish publish.Config   `koanf:"publish"`
	Ops     ops.Config       `koanf:"ops"`
}

func defaultSettings() settings {
	kafka := bus.Defaults()
	kafka.Brokers, kafka.Partitions, kafka.ReplicationFactor = []string{}, 12, 3
	return settings{
		Listen: listenConfig{HTTP: "127.0.0.1:8080", Admin: "127.0.0.1:8081"},
		Log:    telemetry.Config{Level: "info", Format: "text"},
		Kafka:  kafka,
		Redis:  app.RedisConfig{Addresses: []string{}},
		Media:  child.Defaults(),
		ASR:    asr.Defaults(), Detect: detect.Defaults(), Prompt: prompt.Defaults(), T2V: t2v.Defaults(),
		Review: review.Defaults(), Publish: publish.Defaults(), Ops: ops.Defaults(),
	}
}

// loadSettings reads the settings over the defaults given; faults are checked later, once what `up` brings is filled in.
func loadSettings(defaults settings, file string, flags settingFlags) (settings, error) {
	return config.Load(defaults, config.Sources{File: file, Environ: os.Environ(), Flags: flags})
}

func (s settings) platform() app.PlatformConfig {
	return app.PlatformConfig{Kafka: s.Kafka, Redis: s.Redis, Store: s.Store, Media: s.Media, Keys: s.Keys}
}

// check tells every fault of the platform's settings and of those of the services named.
func (s settings) check(services []string) error {
	faults := append(s.Log.Faults(), s.platform().Faults()...)
	faults = append(faults, s.Listen.faults()...)
	for name, of := range map[string]func() []string{
		"asr": s.ASR.Faults, "detect": s.Detect.Faults, "prompt": s.Prompt.Faults, "t2v": s.T2V.Faults,
		"review": s.Review.Faults, "publish": s.Publish.Faults, "ops": func() []string { return append(s.Ops.Faults(), s.Publish.CDNFaults()...) },
	} {
		if slices.Contains(services, name) {
			faults = append(faults, of()...)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	faults = slices.Compact(faults)
	return failure{2, fmt.Errorf("%w", config.Faults(faults))}
}
