package bus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"liveclip/internal/event"
)

// written is a batch from base to last with records at offsets; if it is compressed, they must be those from base on.
func written(t testing.TB, base, last int64, attributes protocol.Attributes, offsets ...int64) []byte {
	t.Helper()
	records := make([]protocol.Record, max(1, len(offsets)))
	for i := range records {
		records[i] = protocol.Record{Key: protocol.NewBytes([]byte("k")), Value: protocol.NewBytes([]byte("v"))}
	}
	var all bytes.Buffer
	set := protocol.RecordSet{Version: 2, Attributes: attributes, Records: protocol.NewRecordReader(records...)}
	if _, err := set.WriteTo(&all); err != nil {
		t.Fatal(err)
	}
	raw := all.Bytes()[4:]
	binary.BigEndian.PutUint64(raw, uint64(base))
	binary.BigEndian.PutUint32(raw[lastDeltaAt:], uint32(last-base))
	if len(offsets) == 0 {
		raw = raw[:recordsAt]
		binary.BigEndian.PutUint32(raw[lengthAt:], recordsAt-afterLength)
		binary.BigEndian.PutUint32(raw[countAt:], 0)
	}
	if attributes.Compression() != 0 {
		return checked(raw)
	}
	for i, offset := range offsets { // a record: length, attributes, time delta, offset delta (as a varint), …
		raw[recordsAt+i*(len(raw)-recordsAt)/len(records)+3] = byte(2 * (offset - base))
	}
	return checked(raw)
}

// checked gives a batch a checksum that is right.
func checked(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[magicAt+1:], crc32.Checksum(raw[magicAt+5:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

func TestReadingTakesWhatIsWholeAndStopsBeforeWhatIsDamaged(t *testing.T) {
	batch := func(base, last int64, offsets ...int64) []byte { return written(t, base, last, 0, offsets...) }
	changed := func(raw []byte, at int, to byte) []byte {
		raw[at] = to
		return raw
	}
	const bad = 0xff
	last := func(raw []byte) int { return len(raw) - 1 }
	spoiled := func(base, to int64, offsets ...int64) []byte {
		raw := batch(base, to, offsets...)
		return changed(raw, last(raw), bad)
	}
	for _, test := range []struct {
		name    string
		set     [][]byte
		offsets []int64
		next    int64 // 0: unreadable
		after   int64
	}{
		{name: "nothing there", next: 10},
		{name: "a batch sent whole though it begins before", set: [][]byte{batch(8, 11, 8, 9, 10, 11)}, offsets: []int64{10, 11}, next: 12},
		{name: "gaps", set: [][]byte{batch(10, 12, 12), batch(20, 25, 25)}, offsets: []int64{12, 25}, next: 26},
		{name: "a batch without records", set: [][]byte{batch(9, 11)}, next: 12},
		{name: "several of them", set: [][]byte{batch(9, 11), batch(30, 31), batch(40, 40)}, next: 41},
		{name: "a batch whose last records are gone", set: [][]byte{batch(5, 10, 6, 7)}, next: 11},
		{name: "a marker of a transaction", set: [][]byte{written(t, 10, 10, protocol.Control, 10)}, next: 11},
		{name: "compressed", set: [][]byte{written(t, 10, 11, protocol.Zstd, 10, 11)}, offsets: []int64{10, 11}, next: 12},
		{name: "the last batch cut off", set: [][]byte{batch(10, 10, 10), batch(11, 11, 11)[:65]}, offsets: []int64{10}, next: 11},
		{name: "a damaged one after others", set: [][]byte{batch(10, 10, 10), spoiled(11, 11, 11), batch(12, 12, 12)}, offsets: []int64{10}, next: 11},

		{name: "a damaged one first", set: [][]byte{spoiled(10, 12, 10, 11, 12), batch(13, 13, 13)}, after: 13},
		{name: "a damaged one that begins before", set: [][]byte{spoiled(8, 12, 8, 12)}, after: 13},
		{name: "one that claims what follows it", set: [][]byte{changed(batch(10, 12, 10, 12), lastDeltaAt+3, 60), batch(13, 13, 13)}, after: 13},
		{name: "one that claims more than there is", set: [][]byte{changed(batch(10, 12, 10, 12), lastDeltaAt, 1)}, after: 11},
		{name: "one that lies before itself", set: [][]byte{changed(batch(10, 12, 10, 12), lastDeltaAt, bad)}, after: 11},
		{name: "a length beyond the answer", set: [][]byte{changed(batch(10, 12, 10, 12), lengthAt, 1)}, after: 11},
		{name: "a negative length", set: [][]byte{changed(batch(10, 12, 10, 12), lengthAt, bad)}, after: 11},
		{name: "a format nobody knows", set: [][]byte{changed(batch(10, 12, 10, 12), magicAt, 9)}, after: 13},
		{name: "rightly signed, fewer records than it says", set: [][]byte{checked(changed(batch(10, 12, 10, 12), countAt+3, 3))}, after: 13},
		{name: "rightly signed, a negative count", set: [][]byte{checked(changed(batch(10, 12, 10, 12), countAt, bad))}, after: 13},
		{name: "rightly signed, more records than it says", set: [][]byte{checked(changed(batch(10, 12, 10, 12), countAt+3, 1))}, after: 13},
		{name: "rightly signed, a record beyond the batch", set: [][]byte{checked(changed(batch(10, 12, 10, 12), recordsAt+3, 20))}, after: 13},
		{name: "rightly signed, a key beyond the batch", set: [][]byte{checked(changed(batch(10, 12, 10, 12), recordsAt+4, 100))}, after: 13},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := &partitionAnswer{HighWatermark: 100, Records: bytes.Join(test.set, nil)}
			got, err := (&reading{topic: event.TranscriptLine, next: 10}).decode(answer, true)
			var damaged *unreadable
			if errors.As(err, &damaged) {
				if damaged.after != test.after {
					t.Errorf("goes on at %d: %v", damaged.after, err)
				}
				return
			}
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

func TestDamageThatTheBrokerFindsIsNoOtherThanOurs(t *testing.T) {
	r := &reading{topic: event.TranscriptLine, next: 10}
	_, err := r.decode(&partitionAnswer{ErrorCode: int16(kafka.InvalidMessage)}, false)
	if damaged := new(unreadable); !errors.As(err, &damaged) || damaged.after != 11 {
		t.Errorf("gave %v", err)
	}
	_, err = r.decode(&partitionAnswer{ErrorCode: int16(kafka.NotLeaderForPartition)}, false)
	if damaged := new(unreadable); errors.As(err, &damaged) || !errors.Is(err, kafka.NotLeaderForPartition) {
		t.Errorf("gave %v", err)
	}
}

func TestAnAnswerWithoutRoomForABatchIsNoDamage(t *testing.T) {
	answer := &partitionAnswer{HighWatermark: 100, Records: written(t, 10, 10, 0, 10)[:65]}
	got, err := (&reading{topic: event.TranscriptLine, next: 10}).decode(answer, false)
	if err != nil || got.next != 10 || got.records != nil {
		t.Errorf("gave %+v, %v", got, err)
	}
}

func FuzzReadingAPartition(f *testing.F) {
	f.Add(written(f, 10, 12, 0, 10, 12), true)
	f.Add(append(written(f, 8, 11, protocol.Gzip, 8), written(f, 12, 12, protocol.Control, 12)...), false)
	f.Fuzz(func(t *testing.T, set []byte, sign bool) {
		if sign && len(set) > recordsAt {
			checked(set)
		}
		got, err := (&reading{topic: event.TranscriptLine, next: 10}).decode(&partitionAnswer{HighWatermark: 100, Records: set}, true)
		var damaged *unreadable
		switch {
		case errors.As(err, &damaged):
			if damaged.after <= 10 {
				t.Errorf("goes on at %d", damaged.after)
			}
		case err != nil:
			t.Errorf("neither read nor damaged: %v", err)
		case got.next < 10 || got.next == 10 && len(set) > 0:
			t.Errorf("stays at %d", got.next)
		}
		for i, r := range got.records {
			if r.offset < 10 || i > 0 && r.offset <= got.records[i-1].offset || r.offset >= got.next {
				t.Errorf("record %d of %d has offset %d, goes on at %d", i, len(got.records), r.offset, got.next)
			}
		}
	})
}
