// Package embedded is what `liveclip up` runs on: a Kafka-protocol broker with a data directory in this process, and a
// child redis-server with its append-only file on. Only this package imports the broker.
package embedded

import (
	"context"
	"log/slog"
)

// Broker speaks the Kafka protocol on a loopback port of its own choice. One node, no replication: it is no substitute for
// Kafka beyond one machine.
type Broker struct{}

// StartBroker keeps its data in folder; topics are created by bus.Ensure.
func StartBroker(folder string, log *slog.Logger) (*Broker, error) { panic("unwritten") }

func (b *Broker) Address() string { panic("unwritten") }

func (b *Broker) Close() error { panic("unwritten") }

// Redis is a child redis-server on a loopback port of its own choice, with its append-only file in folder.
type Redis struct{}

// StartRedis returns when the server answers. Without redis-server on this machine the error says how to install it.
func StartRedis(ctx context.Context, folder string, log *slog.Logger) (*Redis, error) {
	panic("unwritten")
}

func (r *Redis) Address() string { panic("unwritten") }

// Close shuts the server down, its data on disk.
func (r *Redis) Close() error { panic("unwritten") }
