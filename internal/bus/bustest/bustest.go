// Package bustest gives tests a bus, and holds the conformance suite that every broker must pass.
package bustest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"liveclip/internal/bus"
	"liveclip/internal/embedded/embeddedtest"
	"liveclip/internal/event"
)

// Brokers are those LIVECLIP_TEST_KAFKA names (host:port, comma between), or else an embedded one that ends with the test.
func Brokers(t testing.TB) []string {
	t.Helper()
	if named := os.Getenv(brokersVariable); named != "" {
		return strings.Split(named, ",")
	}
	return []string{embeddedtest.Broker(t)}
}

// Config is a bus of the test's own: no other test uses its topics.
func Config(t testing.TB) bus.Config {
	t.Helper()
	config := bus.Defaults()
	config.Brokers = Brokers(t)
	config.Prefix = "test-" + strings.ToLower(rand.Text()[:10]) + "."
	config.Tries = 3
	config.Backoff = 20 * time.Millisecond
	if os.Getenv(brokersVariable) != "" {
		t.Cleanup(func() { deleteTopics(t, config) })
	}
	return config
}

// deleteTopics leaves brokers that outlive the test as they were.
func deleteTopics(t testing.TB, config bus.Config) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var names []string
	for _, spec := range event.Table {
		names = append(names, config.Prefix+string(spec.Topic), config.Prefix+string(event.Dead(spec.Topic)))
	}
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(config.Brokers...), Transport: transport}
	if _, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: names}); err != nil {
		t.Logf("topics of %s are left behind: %v", config.Prefix, err)
	}
}

const brokersVariable = "LIVECLIP_TEST_KAFKA"

// New is a bus with topics of its own, ready to use, closed with the test.
func New(t testing.TB) *bus.Bus {
	t.Helper()
	b := Open(t, Config(t))
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// Open is a bus over config, closed with the test; it makes no topics.
func Open(t testing.TB, config bus.Config) *bus.Bus {
	t.Helper()
	b := bus.New(config, log(), nil)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

// log says everything when LIVECLIP_TEST_LOG is set.
func log() *slog.Logger {
	if os.Getenv("LIVECLIP_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
