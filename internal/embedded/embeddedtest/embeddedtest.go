// Package embeddedtest gives tests a broker and a Redis of their own, which end with the test.
package embeddedtest

import (
	"log/slog"
	"testing"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/embedded"
)

// Broker starts a broker in a temporary folder and gives its address.
func Broker(t testing.TB) string {
	t.Helper()
	broker, err := embedded.StartBroker(t.TempDir(), Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	return broker.Address()
}

// RedisAddress starts a redis-server in a temporary folder and gives its address.
func RedisAddress(t testing.TB) string {
	t.Helper()
	server, err := embedded.StartRedis(t.Context(), t.TempDir(), Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.Address()
}

// Redis starts a redis-server in a temporary folder and gives a client of it.
func Redis(t testing.TB) redis.UniversalClient {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: RedisAddress(t)})
	t.Cleanup(func() { client.Close() })
	return client
}

// Log is a logger that keeps quiet about everything: what a test promises it asserts.
func Log(testing.TB) *slog.Logger { return slog.New(slog.DiscardHandler) }
