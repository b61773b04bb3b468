package bus

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"liveclip/internal/event"
)

// fetchCall is a fetch whose answer leaves the records as the broker sent them. The library's own answer is an error as a
// whole when one batch of one partition cannot be read, and does not say which.
type fetchCall struct {
	*fetch.Request
	version int16 // as agreed with the broker
}

// fetchAnswer is the answer in versions 0 to 11 (KIP-227, KIP-392).
type fetchAnswer struct {
	ThrottleTimeMs int32         `kafka:"min=v1,max=v11"`
	ErrorCode      int16         `kafka:"min=v7,max=v11"`
	SessionID      int32         `kafka:"min=v7,max=v11"`
	Topics         []topicAnswer `kafka:"min=v0,max=v11"`
}

type topicAnswer struct {
	Topic      string            `kafka:"min=v0,max=v11"`
	Partitions []partitionAnswer `kafka:"min=v0,max=v11"`
}

type partitionAnswer struct {
	Partition            int32                       `kafka:"min=v0,max=v11"`
	ErrorCode            int16                       `kafka:"min=v0,max=v11"`
	HighWatermark        int64                       `kafka:"min=v0,max=v11"`
	LastStableOffset     int64                       `kafka:"min=v4,max=v11"`
	LogStartOffset       int64                       `kafka:"min=v5,max=v11"`
	AbortedTransactions  []fetch.ResponseTransaction `kafka:"min=v4,max=v11"`
	PreferredReadReplica int32                       `kafka:"min=v11,max=v11"`
	Records              []byte                      `kafka:"min=v0,max=v11"`
}

func (*fetchAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Required is asked by the library before it calls RawExchange.
func (c *fetchCall) Required(versions map[protocol.ApiKey]int16) bool {
	c.version = versions[protocol.Fetch]
	return true
}

// maxAnswer bounds what is allocated for an answer: one batch may go beyond answerBytes.
const maxAnswer = 8 * answerBytes

// RawExchange asks the broker, on a connection that is this call's for as long as it takes.
func (c *fetchCall) RawExchange(broker io.ReadWriter) (protocol.Message, error) {
	const correlation = 1
	if err := protocol.WriteRequest(broker, c.version, correlation, clientID, c.Request); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(broker, head[:]); err != nil {
		return nil, err
	}
	size, id := int32(binary.BigEndian.Uint32(head[:])), binary.BigEndian.Uint32(head[4:])
	if size < 4 || size > maxAnswer || id != correlation {
		return nil, fmt.Errorf("answer %d of %d bytes to call %d", id, size, correlation)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(broker, body); err != nil {
		return nil, err
	}
	answer := new(fetchAnswer)
	if err := protocol.Unmarshal(body, c.version, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

func (b *Bus) fetchCall(wanted []*reading, wait time.Duration) *fetchCall {
	request := &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(wait.Milliseconds()), MinBytes: 1, MaxBytes: answerBytes,
		SessionID: 0, SessionEpoch: -1,
	}
	topics := map[event.Topic]int{}
	for _, r := range wanted {
		i, ok := topics[r.topic]
		if !ok {
			i = len(request.Topics)
			topics[r.topic] = i
			request.Topics = append(request.Topics, fetch.RequestTopic{Topic: b.topicName(r.topic)})
		}
		request.Topics[i].Partitions = append(request.Topics[i].Partitions, fetch.RequestPartition{
			Partition: int32(r.partition), CurrentLeaderEpoch: -1, FetchOffset: r.next, LogStartOffset: -1,
			PartitionMaxBytes: partitionBytes,
		})
	}
	return &fetchCall{Request: request}
}
