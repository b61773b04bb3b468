package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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
	load := loads.Get().(*load)
	load.room = slices.Grow(load.room, usualRecord*len(events))
	for _, e := range events {
		message, topic, err := b.message(e, &load.room)
		if err != nil {
			return fmt.Errorf("publish event %s of %s: %w", e.ID, e.Ref(), err)
		}
		load.messages, load.topics = append(load.messages, message), append(load.topics, topic)
	}
	topics := load.topics
	if err := b.writer.WriteMessages(ctx, load.messages...); err != nil {
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
	took := time.Since(started)
	b.metrics.publishSeconds.Observe(took.Seconds())
	if took < attemptAtLeast {
		load.giveBack()
	}
	return nil
}

// load is what events are made into. A load that was published is used again: of the deliveries of a busy VOD path its bytes
// would be a third of all that the process leaves to the collector.
type load struct {
	messages []kafka.Message
	topics   []event.Topic
	room     []byte // of their keys and values: apart for each it costs as much as encoding
}

const (
	attemptAtLeast = 5 * time.Second // the writer gives an attempt twice as long: no earlier one can still be reading
	roomKept       = 1 << 20         // bytes: what was unusually large is not kept
)

var loads = sync.Pool{New: func() any { return new(load) }}

func (l *load) giveBack() {
	if cap(l.room) > roomKept {
		return
	}
	clear(l.messages)
	*l = load{l.messages[:0], l.topics[:0], l.room[:0]}
	loads.Put(l)
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
