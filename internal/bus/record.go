package bus

import (
	"time"

	"github.com/segmentio/kafka-go"

	"liveclip/internal/event"
)

// Headers of every record, for those who look at topics with other tools; the value says the same.
const (
	headerType  = "type"        // the topic's name without a prefix
	headerTrace = "traceparent" // W3C
)

// record is a record as it was read.
type record struct {
	topic     event.Topic
	partition int
	offset    int64
	time      time.Time
	received  time.Time // local clock
	key       []byte
	value     []byte
	headers   []kafka.Header
}

func (r record) stream() string { return string(event.PartitionKey(r.key)) }

// typeHeaders are the headers of records that carry no trace.
func typeHeaders() map[event.Topic][]kafka.Header {
	all := make(map[event.Topic][]kafka.Header, len(event.Table))
	for _, row := range event.Table {
		all[row.Topic] = []kafka.Header{{Key: headerType, Value: []byte(row.Topic)}}
	}
	return all
}

// message makes e's record; its key and value lie at the end of room.
func (b *Bus) message(e event.Event, room *[]byte) (kafka.Message, event.Topic, error) {
	topic, err := event.TopicOf(e.Payload)
	if err != nil {
		return kafka.Message{}, "", err
	}
	before := len(*room)
	key := append(*room, e.Key()...)
	all, err := event.Append(key, e)
	if err != nil {
		return kafka.Message{}, "", err
	}
	*room = all
	value := all[len(key):len(all):len(all)]
	headers := b.types[topic]
	if e.Trace != "" {
		headers = append(headers[:len(headers):len(headers)], kafka.Header{Key: headerTrace, Value: []byte(e.Trace)})
	}
	return kafka.Message{Topic: b.topicName(topic), Key: all[before:len(key):len(key)], Value: value, Headers: headers}, topic, nil
}
