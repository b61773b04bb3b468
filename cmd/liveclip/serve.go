package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/app"
	"liveclip/internal/telemetry"
)

type serveCommand struct {
	Services []string `arg:"" help:"Which services: asr, detect, prompt, t2v, review, publish, ops."`
	Config   string   `help:"Settings file (YAML)." type:"path" env:"LIVECLIP_CONFIG"`
}

func (serveCommand) Help() string {
	return "Example: liveclip serve asr --config /etc/liveclip.yaml\n         liveclip serve prompt t2v review --kafka.brokers=kafka-0:9092,kafka-1:9092 --redis.addresses=redis:6379 --store.url=s3://clips"
}

func (c serveCommand) Run(ctx context.Context, io stdio, flags settingFlags) error {
	chosen, err := names(c.Services)
	if err != nil {
		return err
	}
	s, err := loadSettings(defaultSettings(), c.Config, flags)
	if err != nil {
		return failure{2, err}
	}
	if err := s.check(chosen); err != nil {
		return err
	}
	log := telemetry.Logger(s.Log, io.err)
	ctx, stop := app.Signals(ctx, log)
	defer stop()
	return serve(ctx, s, chosen, log, nil)
}

// serve runs the services on an opened platform until ctx ends.
func serve(ctx context.Context, s settings, chosen []string, log logger, started func(map[string]string)) error {
	metrics := telemetry.Registry()
	platform, err := app.Open(ctx, s.platform(), log, metrics)
	if err != nil {
		return err
	}
	services, err := build(chosen, s, platform)
	if err == nil {
		servers := services.servers(s, app.Admin(ctx, services.parts, metrics))
		err = app.Run(ctx, log, services.parts, servers, started)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if e := platform.Close(closing); e != nil {
		err = errors.Join(err, fmt.Errorf("close: %w", e))
	}
	return err
}
