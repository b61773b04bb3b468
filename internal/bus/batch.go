package bus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// unreadable says that a partition cannot be read at the offset asked for: what lies there is damaged.
type unreadable struct {
	cause error
	after int64 // where reading can go on, past what is damaged
}

func (u *unreadable) Error() string { return u.cause.Error() }
func (u *unreadable) Unwrap() error { return u.cause }

// decode gives the records from r.next on, up to the first batch that cannot be read; one at r.next itself is an error
// (*unreadable). The broker ends an answer where its room ends, within a batch, too; only the foremost partition of an
// answer has a whole one for certain (KIP-74).
func (r *reading) decode(p *partitionAnswer, foremost bool) (fetched, error) {
	switch fault := kafka.Error(p.ErrorCode); fault {
	case 0:
	case kafka.InvalidMessage: // the broker found the damage itself
		return fetched{}, &unreadable{fault, r.next + 1}
	default:
		return fetched{}, fault
	}
	got := fetched{next: r.next, high: p.HighWatermark}
	received := time.Now()
	for b, rest, whole := cutBatch(p.Records); whole; b, rest, whole = cutBatch(rest) {
		if b.last < got.next {
			continue
		}
		records, err := b.read()
		if err != nil {
			if got.next == r.next {
				return fetched{}, &unreadable{err, b.beyond(r.next, p.HighWatermark, rest)}
			}
			break // the next answer begins with it
		}
		for _, rec := range records {
			if rec.offset < got.next {
				continue // a batch is sent whole, also what lies before the offset asked for
			}
			got.next = rec.offset + 1
			rec.topic, rec.partition, rec.received = r.topic, r.partition, received
			got.records = append(got.records, rec)
		}
		got.next = max(got.next, b.last+1) // compaction may have left no record up to the batch's end
	}
	if got.next == r.next && len(p.Records) > 0 && foremost {
		return fetched{}, &unreadable{errors.New("no whole batch with that offset"), r.next + 1}
	}
	return got, nil
}

// Places in the header of a batch (KIP-98; brokers keep nothing older since Kafka 4 and turned it into this before).
const (
	lengthAt     = 8 // of what comes after it
	afterLength  = 12
	magicAt      = 16
	checksumAt   = 17
	attributesAt = 21 // from here on the checksum covers everything
	lastDeltaAt  = 23
	firstTimeAt  = 27
	countAt      = 57
	recordsAt    = 61
)

// maxBatch bounds what a batch may unfold to: publishers write no more than two records' worth.
const maxBatch = 8 * maxRecord

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is one batch of a partition as it lies there.
type batch struct {
	raw        []byte
	base, last int64 // offsets; what its header says
}

// cutBatch takes the first batch off a record set; whole is false if there is none in its full length.
func cutBatch(set []byte) (b batch, rest []byte, whole bool) {
	if len(set) < recordsAt {
		return batch{}, nil, false
	}
	end := afterLength + int64(int32(binary.BigEndian.Uint32(set[lengthAt:])))
	if end < recordsAt || end > int64(len(set)) {
		return batch{}, nil, false
	}
	base := int64(binary.BigEndian.Uint64(set))
	return batch{set[:end], base, base + int64(int32(binary.BigEndian.Uint32(set[lastDeltaAt:])))}, set[end:], true
}

// beyond is the offset to read after a batch that is damaged, from next on. Its header may lie: it is believed within the
// partition's end and up to what follows it in the answer.
func (b batch) beyond(next, high int64, rest []byte) int64 {
	after := b.last + 1
	if following, _, whole := cutBatch(rest); whole && following.base > next {
		after = min(after, following.base)
	}
	if after <= next || after > high {
		return next + 1
	}
	return after
}

// read gives the batch's records; a control batch (a transaction's marker) has none for anybody here.
func (b batch) read() ([]record, error) {
	if magic := b.raw[magicAt]; magic != 2 {
		return nil, fmt.Errorf("read batch: its format is %d, not 2", magic)
	}
	says, is := binary.BigEndian.Uint32(b.raw[checksumAt:]), crc32.Checksum(b.raw[attributesAt:], castagnoli)
	if says != is {
		return nil, fmt.Errorf("read batch: its checksum is %08x and should be %08x", is, says)
	}
	attributes := protocol.Attributes(binary.BigEndian.Uint16(b.raw[attributesAt:]))
	if attributes.Control() {
		return nil, nil
	}
	data := b.raw[recordsAt:]
	if compression := attributes.Compression(); compression != 0 {
		codec := compression.Codec()
		if codec == nil {
			return nil, fmt.Errorf("read batch: its compression, %d, is not known", compression)
		}
		unfolding := codec.NewReader(bytes.NewReader(data))
		defer unfolding.Close()
		var err error
		if data, err = io.ReadAll(io.LimitReader(unfolding, maxBatch)); err != nil {
			return nil, fmt.Errorf("read batch: %w", err)
		}
	}
	count, first := int32(binary.BigEndian.Uint32(b.raw[countAt:])), int64(binary.BigEndian.Uint64(b.raw[firstTimeAt:]))
	var records []record
	c := cursor{left: data}
	for range count {
		r := c.record(b.base, first)
		if c.short || r.offset < b.base || r.offset > b.last {
			return nil, fmt.Errorf("read batch: its record %d of %d is not whole", len(records)+1, count)
		}
		records = append(records, r)
	}
	if count < 0 || len(c.left) > 0 {
		return nil, fmt.Errorf("read batch: %d bytes lie beyond its %d records", len(c.left), count)
	}
	return records, nil
}

// cursor reads what lies in a batch; short: there was less than it was said to be.
type cursor struct {
	left  []byte
	short bool
}

func (c *cursor) record(base, firstTime int64) record {
	c.varint() // its length
	c.bytes(1) // its attributes
	at := c.varint()
	offset := c.varint()
	r := record{offset: base + offset, time: time.UnixMilli(firstTime + at), key: c.field(), value: c.field()}
	for n := c.varint(); n > 0 && !c.short; n-- {
		r.headers = append(r.headers, kafka.Header{Key: string(c.field()), Value: c.field()})
	}
	return r
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.left)
	if n <= 0 {
		c.left, c.short = nil, true
		return 0
	}
	c.left = c.left[n:]
	return v
}

// field is a copy of a key or value, nil for none: the answer it came in is much larger.
func (c *cursor) field() []byte {
	n := c.varint()
	if n < 0 {
		return nil
	}
	return bytes.Clone(c.bytes(n))
}

func (c *cursor) bytes(n int64) []byte {
	if n > int64(len(c.left)) {
		c.left, c.short = nil, true
		return nil
	}
	taken := c.left[:n]
	c.left = c.left[n:]
	return taken
}
