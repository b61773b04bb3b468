// Package telemetry makes the logger and the metrics registry a process hands to its parts.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Config is the part "log" of the configuration.
type Config struct {
	Level  string `koanf:"level"`  // debug, info, warn, error
	Format string `koanf:"format"` // text, json
}

// Faults tells what is wrong with the configuration.
func (c Config) Faults() []string {
	var faults []string
	var level slog.Level
	if level.UnmarshalText([]byte(c.Level)) != nil {
		faults = append(faults, fmt.Sprintf("log.level: must be debug, info, warn or error, is %q", c.Level))
	}
	if c.Format != "text" && c.Format != "json" {
		faults = append(faults, fmt.Sprintf("log.format: must be text or json, is %q", c.Format))
	}
	return faults
}

// Logger writes to w.
func Logger(c Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // Faults refused what this cannot read
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// Registry counts the process's own cost from the start.
func Registry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}
