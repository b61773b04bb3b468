package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	"liveclip/internal/child/wire"
	mediav1 "liveclip/proto/media/v1"
)

func input(size int) *mediav1.ToChild {
	return &mediav1.ToChild{Message: &mediav1.ToChild_Input{Input: &mediav1.Input{Source: 1, Data: bytes.Repeat([]byte{7}, size)}}}
}

func TestMessagesOfEverySizeArriveWholeAndInOrder(t *testing.T) {
	var pipe bytes.Buffer
	out := wire.NewWriter(&pipe)
	sent := []*mediav1.ToChild{input(0), input(1), input(127), input(128), input(3 << 20), {}, input(5)}
	for _, m := range sent {
		if err := out.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	in := wire.NewReader(&pipe)
	for i, want := range sent {
		var got mediav1.ToChild
		if err := in.Read(&got); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if !proto.Equal(&got, want) {
			t.Fatalf("message %d differs", i)
		}
	}
	if err := in.Read(&mediav1.ToChild{}); !errors.Is(err, io.EOF) {
		t.Fatalf("after the last message: %v, want EOF", err)
	}
}

func TestAMessageThatEndsEarlyIsAnUnexpectedEnd(t *testing.T) {
	var pipe bytes.Buffer
	if err := wire.NewWriter(&pipe).Write(input(1000)); err != nil {
		t.Fatal(err)
	}
	whole := pipe.Bytes()
	for _, cut := range []int{1, 2, 3, 500, len(whole) - 1} {
		err := wire.NewReader(bytes.NewReader(whole[:cut])).Read(&mediav1.ToChild{})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v, want unexpected EOF", cut, err)
		}
	}
}

func TestALengthOverTheLimitIsRefused(t *testing.T) {
	err := wire.NewReader(bytes.NewReader(binary.AppendUvarint(nil, wire.Limit+1))).Read(&mediav1.ToChild{})
	if !errors.Is(err, wire.ErrTooLong) {
		t.Errorf("reading: %v, want ErrTooLong", err)
	}
	if err := wire.NewWriter(io.Discard).Write(input(wire.Limit)); !errors.Is(err, wire.ErrTooLong) {
		t.Errorf("writing: %v, want ErrTooLong", err)
	}
}

func FuzzReader(f *testing.F) {
	var pipe bytes.Buffer
	out := wire.NewWriter(&pipe)
	_ = out.Write(input(10))
	_ = out.Write(&mediav1.ToChild{Message: &mediav1.ToChild_Record{Record: &mediav1.RecordOrder{Url: "rtmp://x/y"}}})
	f.Add(pipe.Bytes())
	f.Add(pipe.Bytes()[:7])
	f.Add(binary.AppendUvarint(nil, 1<<40))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		in := wire.NewReader(bytes.NewReader(data))
		for n := 0; ; n++ {
			if err := in.Read(&mediav1.ToChild{}); err != nil {
				return
			}
			if n > len(data) {
				t.Fatal("more messages than bytes")
			}
		}
	})
}
