package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Ensure creates every topic of event.Table, and its dead-letter topic, that is not there yet. A topic that is there with
// another number of partitions is an error: streams would not keep one number on all topics. Brokers that are just
// starting are waited for, half a minute at most.
func (b *Bus) Ensure(ctx context.Context) error {
	if err := b.configured(); err != nil {
		return err
	}
	var topics []kafka.TopicConfig
	for _, spec := range event.Table {
		topics = append(topics, b.topicConfig(spec), b.deadConfig(spec))
	}
	if err := b.create(ctx, topics); err != nil {
		return err
	}
	var readings []*reading
	for _, topic := range topics {
		partitions, err := b.partitions(ctx, topic.Topic)
		if err != nil {
			return err
		}
		if partitions != b.config.Partitions {
			return domain.Permanent(fmt.Errorf("topic %s has %d partitions, kafka.partitions is %d: all topics must have equally many",
				topic.Topic, partitions, b.config.Partitions))
		}
		for p := range partitions {
			name := strings.TrimPrefix(topic.Topic, b.config.Prefix)
			readings = append(readings, &reading{topic: event.Topic(name), partition: p})
		}
	}
	return b.led(ctx, readings)
}

const ensurePatience = 30 * time.Second // for brokers that are just starting

func (b *Bus) create(ctx context.Context, topics []kafka.TopicConfig) error {
	for given := time.Now().Add(ensurePatience); ; {
		err := b.createOnce(ctx, topics)
		if err == nil || time.Now().After(given) {
			return err
		}
		b.log.Warn("topics not created yet", "brokers", b.config.Brokers, "error", err)
		if !sleep(ctx, 500*time.Millisecond) {
			return err
		}
		b.transport.CloseIdleConnections() // it remembers failures, too
	}
}

func (b *Bus) createOnce(ctx context.Context, topics []kafka.TopicConfig) error {
	answer, err := b.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: topics})
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for name, err := range answer.Errors {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	return nil
}

// led waits until every partition answers: a topic just made has no leaders yet.
func (b *Bus) led(ctx context.Context, readings []*reading) error {
	for {
		_, err := b.ends(ctx, readings)
		if err == nil {
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("wait for the topics' leaders: %w", errors.Join(ctx.Err(), err))
		}
	}
}

func (b *Bus) topicConfig(spec event.Spec) kafka.TopicConfig {
	entries := []kafka.ConfigEntry{
		{ConfigName: "cleanup.policy", ConfigValue: "delete"},
		{ConfigName: "retention.ms", ConfigValue: milliseconds(b.config.Retention)},
	}
	if spec.Compacted {
		entries = []kafka.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}}
	}
	return kafka.TopicConfig{
		Topic: b.topicName(spec.Topic), NumPartitions: b.config.Partitions, ReplicationFactor: b.config.ReplicationFactor,
		ConfigEntries: entries,
	}
}

func (b *Bus) deadConfig(spec event.Spec) kafka.TopicConfig {
	return kafka.TopicConfig{
		Topic: b.topicName(event.Dead(spec.Topic)), NumPartitions: b.config.Partitions, ReplicationFactor: b.config.ReplicationFactor,
		ConfigEntries: []kafka.ConfigEntry{
			{ConfigName: "cleanup.policy", ConfigValue: "delete"},
			{ConfigName: "retention.ms", ConfigValue: milliseconds(4 * b.config.Retention)},
			{ConfigName: "max.message.bytes", ConfigValue: strconv.Itoa(2*maxRecord + 1<<10)},
		},
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// partitions waits until the topic is known and gives its number of partitions. It fails only when ctx ends.
func (b *Bus) partitions(ctx context.Context, topic string) (int, error) {
	for {
		answer, err := b.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		if err == nil && len(answer.Topics) == 1 {
			if err = answer.Topics[0].Error; err == nil && len(answer.Topics[0].Partitions) > 0 {
				return len(answer.Topics[0].Partitions), nil
			}
			// The transport answers from its memory: make it ask again.
			b.transport.CloseIdleConnections()
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("look up topic %s: %w", topic, errors.Join(ctx.Err(), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
