// Package wire puts messages on a pipe between a service and its liveclip-media child: each message is preceded by its
// length as an unsigned varint (proto/media/v1).
package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/protobuf/proto"
)

// Limit is the greatest message, in bytes. A part of half a second at 100 Mbit/s is 6 MiB.
const Limit = 64 << 20

// keep is the greatest buffer that is kept from one message to the next.
const keep = 1 << 20

// ErrTooLong is a message over Limit; nothing after it can be read.
var ErrTooLong = errors.New("message is longer than the limit")

// Reader reads messages; for one goroutine.
type Reader struct {
	in  *bufio.Reader
	buf []byte
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, 64<<10)} }

// Read reads the next message into m. io.EOF between two messages, io.ErrUnexpectedEOF within one.
func (r *Reader) Read(m proto.Message) error {
	size, err := binary.ReadUvarint(r.in)
	if err != nil {
		return err
	}
	if size > Limit {
		return fmt.Errorf("%w: %d bytes", ErrTooLong, size)
	}
	body, err := r.body(int(size))
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(body, m); err != nil {
		return fmt.Errorf("decode message of %d bytes: %w", size, err)
	}
	return nil
}

// body grows its buffer only as bytes arrive: a length that lies costs nothing.
func (r *Reader) body(size int) ([]byte, error) {
	if cap(r.buf) > keep {
		r.buf = nil
	}
	r.buf = r.buf[:0]
	for len(r.buf) < size {
		from := len(r.buf)
		step := min(size-from, max(keep, from))
		r.buf = append(r.buf, make([]byte, step)...)
		if _, err := io.ReadFull(r.in, r.buf[from:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return r.buf, nil
}

// Writer writes messages, each with one Write. Safe for concurrent use.
type Writer struct {
	mu  sync.Mutex
	out io.Writer
	buf []byte
}

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{out: w} }

// Write writes m.
func (w *Writer) Write(m proto.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	size := proto.Size(m)
	if size > Limit {
		return fmt.Errorf("%w: %d bytes", ErrTooLong, size)
	}
	if cap(w.buf) > keep {
		w.buf = nil
	}
	buf := binary.AppendUvarint(w.buf[:0], uint64(size))
	buf, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(buf, m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	w.buf = buf
	_, err = w.out.Write(buf)
	return err
}
