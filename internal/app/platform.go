package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"liveclip/internal/blob"
	"liveclip/internal/bus"
	"liveclip/internal/child"
	"liveclip/internal/lease"
	"liveclip/internal/recording"
	"liveclip/internal/sign"
	"liveclip/internal/trust"
)

// RedisConfig is the part "redis" of the configuration.
type RedisConfig struct {
	Addresses []string `koanf:"addresses"` // one: a single server; several: a cluster
	Username  string   `koanf:"username"`
	Password  string   `koanf:"password"`
	Database  int      `koanf:"database"`

	TLS trust.TLS `koanf:"tls"`
}

// connections to a Redis, at most: an idle job server waits on three, and a process has up to five of them.
const connections = 64

// Open gives a client; it dials nothing yet.
func (c RedisConfig) Open() (redis.UniversalClient, error) {
	secure, err := c.TLS.Config()
	if err != nil {
		return nil, fmt.Errorf("redis.%w", err)
	}
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: c.Addresses, Username: c.Username, Password: c.Password, DB: c.Database, TLSConfig: secure,
		PoolSize: connections,
	}), nil
}

// PlatformConfig names what every service stands on.
type PlatformConfig struct {
	Kafka bus.Config   `koanf:"kafka"`
	Redis RedisConfig  `koanf:"redis"`
	Store blob.Config  `koanf:"store"`
	Media child.Config `koanf:"media"`
	Keys  sign.Keys    `koanf:"keys"`
}

// Faults tells what is missing before a service can run outside `up`.
func (c PlatformConfig) Faults() []string {
	var faults []string
	if len(c.Kafka.Brokers) == 0 {
		faults = append(faults, "kafka.brokers: must name at least one broker (only `liveclip up` brings its own)")
	}
	faults = append(faults, c.Kafka.Faults()...)
	if len(c.Redis.Addresses) == 0 {
		faults = append(faults, "redis.addresses: must name at least one server (only `liveclip up` brings its own)")
	}
	if fault := c.Redis.TLS.Fault(); fault != "" {
		faults = append(faults, "redis."+fault)
	}
	if c.Store.URL == "" {
		faults = append(faults, "store.url: must name the object store, file:///folder or s3://bucket")
	}
	if len(c.Keys.Current.Secret) < 16 || c.Keys.Current.ID == "" {
		faults = append(faults, "keys.current: must have an id and a secret of at least 16 characters; every process needs the same")
	}
	return faults
}

// Platform is what services stand on, opened.
type Platform struct {
	Bus       *bus.Bus
	Redis     redis.UniversalClient
	Store     blob.Store
	Media     *child.Starter
	Leases    *lease.Leases
	Recording *recording.Reader
	Keys      sign.Keys
	Log       *slog.Logger
	Metrics   *prometheus.Registry
	Now       func() time.Time
}

// leaseTTL is how long a stream is without an owner after its process died.
const leaseTTL = 5 * time.Second

// Open opens the platform and creates the topics.
func Open(ctx context.Context, cfg PlatformConfig, log *slog.Logger, metrics *prometheus.Registry) (*Platform, error) {
	store, err := blob.Open(ctx, cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	media, err := child.NewStarter(cfg.Media, log)
	if err != nil {
		return nil, err
	}
	rdb, err := cfg.Redis.Open()
	if err != nil {
		return nil, err
	}
	p := &Platform{
		Bus: bus.New(cfg.Kafka, log, metrics), Redis: rdb, Store: store, Media: media, Keys: cfg.Keys,
		Leases: lease.New(rdb, leaseTTL), Log: log, Metrics: metrics, Now: time.Now,
	}
	p.Recording = recording.NewReader(store, p.Leases, log)
	if err := p.Bus.Ensure(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("create topics: %w", err), p.Close(ctx))
	}
	return p, nil
}

// Close flushes the producers and closes the stores.
func (p *Platform) Close(ctx context.Context) error {
	return errors.Join(p.Bus.Close(ctx), p.Redis.Close())
}
