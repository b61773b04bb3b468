package bus

import (
	"context"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"liveclip/internal/event"
)

// Headers of a dead letter, beside those of the original record. Its key and value are the original's.
const (
	DeadReason    = "dead-reason" // "undecodable", "permanent" or "tries"
	DeadError     = "dead-error"
	DeadTopic     = "dead-topic"
	DeadPartition = "dead-partition"
	DeadOffset    = "dead-offset"
	DeadGroup     = "dead-group"
	DeadTime      = "dead-time" // RFC 3339
)

const maxDeadError = 8 << 10 // bytes of an error kept

// bury sends a record to the dead letters and returns when the brokers acknowledged it; false: ctx ended first.
func (b *Bus) bury(ctx context.Context, group string, r record, reason string, cause error) bool {
	text := cause.Error()
	if len(text) > maxDeadError {
		text = text[:maxDeadError] + "…"
	}
	headers := append([]kafka.Header{}, r.headers...)
	for _, h := range [][2]string{
		{DeadReason, reason}, {DeadError, text}, {DeadTopic, string(r.topic)}, {DeadPartition, strconv.Itoa(r.partition)},
		{DeadOffset, strconv.FormatInt(r.offset, 10)}, {DeadGroup, group}, {DeadTime, time.Now().UTC().Format(time.RFC3339Nano)},
	} {
		headers = append(headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
	}
	message := kafka.Message{Topic: b.topicName(event.Dead(r.topic)), Key: r.key, Value: r.value, Headers: headers}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := b.dead.WriteMessages(ctx, message)
		if err == nil {
			break
		}
		b.log.Error("dead letter not taken, trying again", "group", group, "topic", r.topic, "error", err)
		if !sleep(ctx, jitter(pause)) {
			return false
		}
	}
	b.metrics.dead.WithLabelValues(group, string(r.topic), reason).Inc()
	b.log.Error("event went to the dead letters", "group", group, "topic", r.topic, "partition", r.partition,
		"offset", r.offset, "key", string(r.key), "reason", reason, "error", cause)
	return true
}

func (c *consumption) bury(e *entry, reason string, cause error) bool {
	return c.bus.bury(c.working, c.assignment.group, e.record, reason, cause)
}
