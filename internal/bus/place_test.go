package bus

import (
	"reflect"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"liveclip/internal/event"
)

func TestEveryEventOfAStreamHasTheSamePartitionNumber(t *testing.T) {
	numbers := []int{0, 1, 2, 3, 4, 5, 6, 7}
	want := byStream{}.Balance(kafka.Message{Key: []byte("default/room-1")}, numbers...)
	for _, key := range []string{"default/room-1/clip/1/found", "default/room-1/clip/1/sent/folder", "default/room-1/"} {
		if got := (byStream{}).Balance(kafka.Message{Key: []byte(key)}, numbers...); got != want {
			t.Errorf("%s goes to %d, the stream to %d", key, got, want)
		}
	}
}

// The numbers are those org.apache.kafka.common.utils.Utils.murmur2 gives for these keys (its own tests hold them).
func TestStreamsArePlacedAsTheJavaClientPlacesKeys(t *testing.T) {
	const partitions = 1 << 20
	numbers := make([]int, partitions)
	for i := range numbers {
		numbers[i] = i
	}
	for key, murmur2 := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	} {
		if got, want := (byStream{}).Balance(kafka.Message{Key: []byte(key)}, numbers...), int(murmur2&0x7fffffff)%partitions; got != want {
			t.Errorf("%s goes to %d, not %d", key, got, want)
		}
	}
}

func TestAMemberGetsAPartitionNumberOfAllTopics(t *testing.T) {
	members := []kafka.GroupMember{{ID: "b"}, {ID: "a"}, {ID: "c"}}
	partitions := []kafka.Partition{ // as brokers send them: in any order
		{Topic: "lines", ID: 3}, {Topic: "lines", ID: 0}, {Topic: "marks", ID: 2}, {Topic: "lines", ID: 1},
		{Topic: "marks", ID: 0}, {Topic: "marks", ID: 3}, {Topic: "lines", ID: 2}, {Topic: "marks", ID: 1},
	}
	want := kafka.GroupMemberAssignments{
		"a": {"lines": {0, 1}, "marks": {0, 1}}, "b": {"lines": {2}, "marks": {2}}, "c": {"lines": {3}, "marks": {3}},
	}
	got := wholeNumbers{}.AssignGroups(members, partitions)
	for _, topics := range got {
		for _, ids := range topics {
			if len(ids) == 2 && ids[0] > ids[1] {
				ids[0], ids[1] = ids[1], ids[0]
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("assigned %v", got)
	}
}

func TestReadingGoesOnOverWhatCompactionLeftEmpty(t *testing.T) {
	batch := func(base int64, records ...protocol.Record) protocol.RecordReader {
		return &protocol.RecordBatch{BaseOffset: base, Records: protocol.NewRecordReader(records...)}
	}
	at := func(offset int64) protocol.Record {
		return protocol.Record{Offset: offset, Key: protocol.NewBytes([]byte("k")), Value: protocol.NewBytes([]byte("v"))}
	}
	for _, test := range []struct {
		name    string
		batches []protocol.RecordReader
		offsets []int64
		next    int64
	}{
		{"nothing there", nil, nil, 10},
		{"a batch sent whole though it begins before", []protocol.RecordReader{batch(8, at(8), at(9), at(10), at(11))}, []int64{10, 11}, 12},
		{"gaps", []protocol.RecordReader{batch(10, at(12)), batch(20, at(25))}, []int64{12, 25}, 26},
		{"a batch without records", []protocol.RecordReader{batch(9)}, nil, 11},
		{"several of them", []protocol.RecordReader{batch(9), batch(30), batch(40)}, nil, 41},
		{"a batch whose last records are gone", []protocol.RecordReader{batch(5, at(6), at(7))}, nil, 11},
		{"a marker of a transaction", []protocol.RecordReader{&protocol.ControlBatch{BaseOffset: 10, Records: protocol.NewRecordReader(at(10))}}, nil, 11},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := &fetch.ResponsePartition{HighWatermark: 100}
			if test.batches != nil {
				answer.RecordSet.Records = &protocol.RecordStream{Records: test.batches}
			}
			got, err := (&reading{topic: event.TranscriptLine, next: 10}).decode(answer)
			if err != nil {
				t.Fatal(err)
			}
			var offsets []int64
			for _, r := range got.records {
				offsets = append(offsets, r.offset)
			}
			if !reflect.DeepEqual(offsets, test.offsets) || got.next != test.next {
				t.Errorf("read %v, goes on at %d", offsets, got.next)
			}
		})
	}
}

func TestConfigurationFaultsAreNamedAllAtOnce(t *testing.T) {
	if faults := Defaults().Faults(); faults != nil {
		t.Errorf("the defaults have faults: %v", faults)
	}
	want := []string{
		"kafka.partitions: must be at least 1, is -1", "kafka.replication_factor: must be at least 1, is 0",
		"kafka.tries: must be at least 1, is 0", "kafka.concurrency: must be at least 1, is 0",
		"kafka.retention: must be at least 1m, is 0s", "kafka.backoff: must be more than 0, is 0s",
	}
	if got := (Config{Partitions: -1}).Faults(); !reflect.DeepEqual(got, want) {
		t.Errorf("faults: %v", got)
	}
}
