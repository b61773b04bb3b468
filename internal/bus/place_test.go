package bus

import (
	"reflect"
	"testing"

	"github.com/segmentio/kafka-go"
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
