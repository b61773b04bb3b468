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

func (r record) stream() string { return event.PartitionKey(string(r.key)) }

// message makes e's record; its value lies at the end of values.
func (b *Bus) message(e event.Event, values *[]byte) (kafka.Message, event.Topic, error) {
	topic, err := event.TopicOf(e.Payload)
	if err != nil {
		return kafka.Message{}, "", err
	}
	before := len(*values)
	if *values, err = event.Append(*values, e); err != nil {
		return kafka.Message{}, "", err
	}
	value := (*values)[before:len(*values):len(*values)]
	headers := []kafka.Header{{Key: headerType, Value: []byte(topic)}}
	if e.Trace != "" {
		headers = append(headers, kafka.Header{Key: headerTrace, Value: []byte(e.Trace)})
	}
	return kafka.Message{Topic: b.topicName(topic), Key: []byte(e.Key()), Value: value, Headers: headers}, topic, nil
}
