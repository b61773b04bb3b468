package bustest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"liveclip/internal/bus"
	"liveclip/internal/event"
)

// deadLetter is what lies in a dead-letter topic.
type deadLetter struct {
	key     string
	value   []byte
	headers map[string]string
}

func (d deadLetter) says(t *testing.T, reason, cause, group string) {
	t.Helper()
	if d.headers[bus.DeadReason] != reason || !strings.Contains(d.headers[bus.DeadError], cause) ||
		d.headers[bus.DeadGroup] != group || d.headers[bus.DeadTopic] != string(event.TranscriptLine) ||
		d.headers[bus.DeadPartition] == "" || d.headers[bus.DeadOffset] == "" || d.headers[bus.DeadTime] == "" {
		t.Errorf("the dead letter says %v", d.headers)
	}
}

// deadLetters gives the dead letters of transcript lines as they come.
func (s suite) deadLetters(t *testing.T) <-chan deadLetter {
	t.Helper()
	letters := make(chan deadLetter, 16)
	for p := range s.config.Partitions {
		reader := kafka.NewReader(kafka.ReaderConfig{
			Brokers: s.config.Brokers, Topic: s.config.Prefix + string(event.Dead(event.TranscriptLine)), Partition: p, MaxWait: 100 * time.Millisecond,
		})
		t.Cleanup(func() { reader.Close() })
		go func() {
			for s.ctx.Err() == nil {
				m, err := reader.ReadMessage(s.ctx)
				if err != nil {
					continue // the topic is too young for some brokers
				}
				letter := deadLetter{key: string(m.Key), value: m.Value, headers: map[string]string{}}
				for _, h := range m.Headers {
					letter.headers[h.Key] = string(h.Value)
				}
				letters <- letter
			}
		}()
	}
	return letters
}

// write puts a value on a topic that no Publish would.
func (s suite) write(t *testing.T, topic event.Topic, key string, value []byte) {
	t.Helper()
	transport := &kafka.Transport{} // the library's own remembers for seconds which topics there were
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(s.config.Brokers...), Transport: transport, Topic: s.config.Prefix + string(topic),
		Balancer: kafka.Murmur2Balancer{Consistent: true}, RequiredAcks: kafka.RequireAll,
	}
	defer w.Close()
	if err := w.WriteMessages(s.ctx, kafka.Message{Key: []byte(key), Value: value}); err != nil {
		t.Fatal(err)
	}
}

// onePartition gives the names of n streams that share a partition.
func (s suite) onePartition(t *testing.T, n int) []string {
	t.Helper()
	partitions := make([]int, s.config.Partitions)
	for i := range partitions {
		partitions[i] = i
	}
	place := func(stream string) int {
		return kafka.Murmur2Balancer{Consistent: true}.Balance(kafka.Message{Key: []byte("default/" + stream)}, partitions...)
	}
	names := []string{"room0"}
	for i := 1; len(names) < n; i++ {
		if name := fmt.Sprint("room", i); place(name) == place("room0") {
			names = append(names, name)
		}
	}
	return names
}
