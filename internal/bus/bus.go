// Package bus carries events over Kafka. Delivery is at least once, in order per stream; a repeat is harmless to every
// consumer. Only this package imports kafka-go.
package bus

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"liveclip/internal/event"
)

// Config is the part "kafka" of the configuration.
type Config struct {
	Brokers           []string `koanf:"brokers"`
	Prefix            string   `koanf:"prefix"`     // before every topic and group name; empty: none
	Partitions        int      `koanf:"partitions"` // of every topic, equal, so that a stream has one number on all
	ReplicationFactor int      `koanf:"replication_factor"`
}

// Bus publishes and consumes. Safe for concurrent use.
type Bus struct{}

// New connects lazily: nothing is dialled before the first call.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) *Bus { panic("unwritten") }

// Ensure creates every topic of event.Table, and its dead-letter topic, that is not there yet.
func (b *Bus) Ensure(ctx context.Context) error { panic("unwritten") }

// Ready reports why the brokers cannot be used, or nil.
func (b *Bus) Ready(ctx context.Context) error { panic("unwritten") }

// Publish returns after the brokers acknowledged every event (acks=all). Events of one stream keep the order given.
func (b *Bus) Publish(ctx context.Context, events ...event.Event) error { panic("unwritten") }

// Handler handles one event. A permanent error (domain.Permanent) sends it to the dead letters at once; any other is
// retried with backoff, and goes to the dead letters when the bound is reached. Other streams are not held up meanwhile.
type Handler func(ctx context.Context, e event.Event) error

// Consume handles the topics' events as a member of the group until ctx ends, then finishes what is in hand, commits and
// returns nil. Events of one stream and topic are handled in order, one at a time; those of different streams in parallel.
// Only the contiguous mark of what is done is committed.
func (b *Bus) Consume(ctx context.Context, group string, topics []event.Topic, h Handler) error {
	panic("unwritten")
}

// From says where a Tail begins.
type From int

const (
	FromStart From = iota // the oldest event kept
	FromNow
)

// Tail gives every event of the topics, of all partitions, to h, without a group, until ctx ends (nil) or h fails (its
// error). Calls of h do not overlap. caughtUp, if not nil, is called once, when everything that was there at the start
// has been handled.
func (b *Bus) Tail(ctx context.Context, topics []event.Topic, from From, h Handler, caughtUp func()) error {
	panic("unwritten")
}

// Offsets are positions per topic within one partition number: the next offset to read.
type Offsets map[event.Topic]int64

// Merger handles one partition number of several topics as one ordered feed. Its state and offsets belong together: it
// keeps both, atomically, where it likes.
type Merger interface {
	// Restore gives the offsets kept with the state; nil: begin at the oldest.
	Restore(ctx context.Context) (Offsets, error)
	// Handle takes the next event. An error stops the partition, which is then restored and read again.
	Handle(ctx context.Context, e event.Event) error
	// Keep stores the state with the offsets; called every second or so when something was handled, and at the end.
	Keep(ctx context.Context, next Offsets) error
}

// Merge joins the group and runs a Merger per partition number assigned, until ctx ends (nil). All topics of a partition
// number go to one member. Events of the topics are interleaved by their record timestamps, a topic without records at
// hand holding the others up only until it is known to have none older: a replay gives the order that live gave.
func (b *Bus) Merge(ctx context.Context, group string, topics []event.Topic, open func(partition int) Merger) error {
	panic("unwritten")
}

// Close flushes what is being published.
func (b *Bus) Close(ctx context.Context) error { panic("unwritten") }
