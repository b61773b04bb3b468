package bus

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"
)

// ConsumeForeign handles the messages of a topic that is none of liveclip's own, as a member of the group, until ctx ends;
// then it returns nil. Messages of a partition are handled one after the other, and a message whose handling failed is
// handled again until it succeeds: a handler that can never use one returns nil. A topic that does not exist is waited for.
func (b *Bus) ConsumeForeign(ctx context.Context, group, topic string, handle func(ctx context.Context, value []byte) error) error {
	if err := b.configured(); err != nil {
		return err
	}
	for first := true; first || sleep(ctx, jitter(2*time.Second)); first = false {
		err := b.consumeForeign(ctx, group, topic, handle)
		if ctx.Err() != nil {
			break
		}
		b.log.Warn("reading another's topic interrupted", "topic", topic, "error", err)
	}
	return nil //nolint:nilerr // it was told to end
}

func (b *Bus) consumeForeign(ctx context.Context, group, topic string, handle func(ctx context.Context, value []byte) error) error {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: b.config.Brokers, Dialer: b.dialer(), GroupID: b.config.Prefix + group + "-" + topic, Topic: topic,
		MaxWait: 100 * time.Millisecond, MaxBytes: partitionBytes, WatchPartitionChanges: true, StartOffset: kafka.LastOffset,
	})
	defer reader.Close()
	for {
		message, err := reader.FetchMessage(ctx)
		if err != nil {
			return err
		}
		for pause := b.config.Backoff; ; pause = min(3*pause, 30*time.Second) {
			err := handle(ctx, message.Value)
			if err == nil {
				break
			}
			b.log.Warn("message not handled, trying again", "topic", topic, "partition", message.Partition, "offset", message.Offset, "error", err)
			if !sleep(ctx, jitter(pause)) {
				return ctx.Err()
			}
		}
		if err := reader.CommitMessages(ctx, message); err != nil {
			return err
		}
	}
}
