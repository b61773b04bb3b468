package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

const usualRecord = 384 // bytes: most are smaller

// Publish returns after the brokers acknowledged every event (acks=all). Events of one stream keep the order given. After
// an error some of the events may have been taken all the same: publishing them again is harmless.
func (b *Bus) Publish(ctx context.Context, events ...event.Event) error {
	if err := b.configured(); err != nil {
		return err
	}
	started := time.Now()
	messages := make([]kafka.Message, len(events))
	topics := make([]event.Topic, len(events))
	room := make([]byte, 0, usualRecord*len(events)) // for them all: apart for each it costs as much as encoding
	for i, e := range events {
		var err error
		if messages[i], topics[i], err = b.message(e, &room); err != nil {
			return fmt.Errorf("publish event %s of %s: %w", e.ID, e.Ref(), err)
		}
	}
	if err := b.writer.WriteMessages(ctx, messages...); err != nil {
		i, cause := firstFailure(err)
		return fmt.Errorf("publish event %s of %s on %s: %w", events[i].ID, events[i].Ref(), topics[i], sorted(cause))
	}
	for len(topics) > 0 {
		n := 1
		for n < len(topics) && topics[n] == topics[0] {
			n++
		}
		b.metrics.published.WithLabelValues(string(topics[0])).Add(float64(n))
		topics = topics[n:]
	}
	b.metrics.publishSeconds.Observe(time.Since(started).Seconds())
	return nil
}

// firstFailure finds the first message that failed, and why.
func firstFailure(err error) (int, error) {
	var each kafka.WriteErrors
	if errors.As(err, &each) {
		for i, err := range each {
			if err != nil {
				return i, err
			}
		}
	}
	return 0, err
}

// sorted marks what no retry can mend.
func sorted(err error) error {
	var tooLarge kafka.MessageTooLargeError
	if errors.As(err, &tooLarge) || errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.InvalidTopic) {
		return domain.Permanent(err)
	}
	return err
}
