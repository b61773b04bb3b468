package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"liveclip/internal/event"
)

// Bus publishes and consumes. Safe for concurrent use.
type Bus struct {
	config    Config
	log       *slog.Logger
	metrics   *metrics
	transport *kafka.Transport
	client    *kafka.Client
	writer    *kafka.Writer
	dead      *kafka.Writer // of records a little larger than any that writer takes
	types     map[event.Topic][]kafka.Header
	security  security
	fault     error // why nothing can be dialled
}

// Handler handles one event. A permanent error (domain.Permanent) sends it to the dead letters at once; any other is
// retried with backoff, and goes to the dead letters when the bound is reached. Other streams are not held up meanwhile.
type Handler func(ctx context.Context, e event.Event) error

const clientID = "liveclip" // by which brokers know every connection

const maxRecord = 1 << 20 // bytes, Kafka's own default for a record with its key and headers

// New connects lazily: nothing is dialled before the first call. Zero values of cfg become those of Defaults. A nil reg
// registers nothing.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) *Bus {
	secure, fault := cfg.security()
	transport := &kafka.Transport{
		Dial:        (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		ClientID:    clientID,
		TLS:         secure.tls,
		SASL:        secure.mechanism,
		MetadataTTL: 3 * time.Second, // how long a moved leader may go unnoticed
	}
	address := kafka.TCP(cfg.Brokers...)
	newWriter := func(limit int64) *kafka.Writer {
		return &kafka.Writer{
			Addr:            address,
			Transport:       transport,
			Balancer:        byStream{},
			RequiredAcks:    kafka.RequireAll,
			BatchTimeout:    2 * time.Millisecond, // a highlight crosses seven topics, and waits so long at each
			BatchSize:       1000,                 // in one request: of deliveries there may be tens of thousands a second
			BatchBytes:      limit,
			WriteBackoffMin: 50 * time.Millisecond,
		}
	}
	return &Bus{
		config:    cfg.filled(),
		log:       log,
		metrics:   newMetrics(reg),
		transport: transport,
		client:    &kafka.Client{Addr: address, Transport: transport},
		writer:    newWriter(maxRecord),
		dead:      newWriter(2 * maxRecord),
		types:     typeHeaders(),
		security:  secure,
		fault:     fault,
	}
}

// Ready reports why the brokers cannot be used, or nil.
func (b *Bus) Ready(ctx context.Context) error {
	if err := b.configured(); err != nil {
		return err
	}
	answer, err := b.client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err != nil {
		return fmt.Errorf("ask kafka %v: %w", b.config.Brokers, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("ask kafka %v: %w", b.config.Brokers, answer.Error)
	}
	return nil
}

// Close flushes what is being published. The bus takes nothing more.
func (b *Bus) Close(ctx context.Context) error {
	closed := make(chan error, 1)
	go func() {
		closed <- errors.Join(b.writer.Close(), b.dead.Close())
		b.transport.CloseIdleConnections()
	}()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("close bus: %w", ctx.Err())
	}
}

func (b *Bus) configured() error {
	if len(b.config.Brokers) == 0 {
		return errors.New("kafka.brokers: must name at least one broker")
	}
	return b.fault
}

// dialer is for the parts of the library that do not take the transport.
func (b *Bus) dialer() *kafka.Dialer {
	return &kafka.Dialer{ClientID: clientID, Timeout: 3 * time.Second, TLS: b.security.tls, SASLMechanism: b.security.mechanism}
}

// topicName is the name of the topic on the brokers.
func (b *Bus) topicName(t event.Topic) string { return b.config.Prefix + string(t) }

// byStream places a record as the Java client would place "tenant/stream".
type byStream struct{}

func (byStream) Balance(m kafka.Message, partitions ...int) int {
	m.Key = event.PartitionKey(m.Key)
	return kafka.Murmur2Balancer{Consistent: true}.Balance(m, partitions...)
}
