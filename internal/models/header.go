package models

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Header is what an ONNX file says of itself (onnx.proto3, ModelProto).
type Header struct {
	IR       int64 // version of the format
	Opset    int64 // of the standard operators
	Producer string
	Inputs   []string
	Outputs  []string
	Metadata map[string]string
	External []string // files beside it that hold its weights
	Nodes    int
}

var (
	// ErrNotONNX is a file of another format: a page of text, an archive, a stub.
	ErrNotONNX = errors.New("is no ONNX model")
	// ErrTruncated is a file whose end is missing.
	ErrTruncated = errors.New("is cut short")
)

// Numbers of the fields that are looked at.
const (
	modelIR, modelProducer, modelGraph, modelOpset, modelMetadata              = 1, 2, 7, 8, 14
	graphNode, graphInitialiser, graphInput, graphOutput                       = 1, 5, 11, 12
	tensorExternal, entryKey, entryValue, valueName, opsetDomain, opsetVersion = 13, 1, 2, 1, 1, 2
)

// longest text that is kept: a metadata value, the mean of a feature, is some kilobytes.
const longestText = 1 << 20

// ReadHeader reads the header of a file of the size, without its weights. Its errors are ErrNotONNX and ErrTruncated.
func ReadHeader(r io.ReaderAt, size int64) (Header, error) {
	h := Header{Metadata: map[string]string{}}
	if err := notONNX(r, size); err != nil {
		return h, err
	}
	graph := false
	s := &scanner{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10), left: size}
	err := s.fields(size, func(number int, value uint64, length int64) error {
		switch number {
		case modelIR:
			h.IR = int64(value)
			return s.skip(length)
		case modelProducer:
			return s.text(length, &h.Producer)
		case modelOpset:
			return s.opset(length, &h)
		case modelMetadata:
			var key, of string
			err := s.pair(length, &key, &of)
			h.Metadata[key] = of
			return err
		case modelGraph:
			graph = true
			return s.graph(length, &h)
		}
		return s.skip(length)
	})
	switch {
	case err != nil:
		return h, err
	case h.IR < 1 || h.IR > 1000 || !graph:
		return h, fmt.Errorf("%w: it has no graph", ErrNotONNX)
	}
	return h, nil
}

// notONNX tells well-known other things apart, by their first bytes.
func notONNX(r io.ReaderAt, size int64) error {
	head := make([]byte, min(size, 256))
	if n, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	} else if n == 0 {
		return fmt.Errorf("%w: it is empty", ErrTruncated)
	}
	switch {
	case strings.HasPrefix(string(head), "version https://git-lfs"):
		return fmt.Errorf("%w: it is a stub of Git LFS, the file itself was not fetched", ErrNotONNX)
	case isText(head):
		first, _, _ := strings.Cut(strings.TrimSpace(string(head)), "\n")
		return fmt.Errorf("%w: it is text: %.60q", ErrNotONNX, first)
	case head[0] != modelIR<<3:
		return fmt.Errorf("%w: it begins with % x", ErrNotONNX, head[:min(4, len(head))])
	}
	return nil
}

func isText(b []byte) bool {
	for len(b) > 3 || len(b) > 0 && utf8.FullRune(b) {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		b = b[n:]
	}
	return true
}

// scanner walks through a message of protocol buffers.
type scanner struct {
	r    *bufio.Reader
	left int64 // of the file
}

func (s *scanner) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.left--
	}
	return b, err
}

func (s *scanner) varint() (uint64, error) {
	v, err := binary.ReadUvarint(s)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, ErrTruncated
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNotONNX, err)
	}
	return v, nil
}

// fields calls take for every field of a message of the size. A field of variable length is take's to read, to its end.
func (s *scanner) fields(size int64, take func(number int, value uint64, length int64) error) error {
	end := s.left - size
	for s.left > end {
		tag, err := s.varint()
		if err != nil {
			return err
		}
		number := int(tag >> 3 & 0xfffffff)
		if number == 0 {
			return fmt.Errorf("%w: field 0", ErrNotONNX)
		}
		switch tag & 7 {
		case 0:
			value, err := s.varint()
			if err != nil {
				return err
			}
			if err := take(number, value, 0); err != nil {
				return err
			}
		case 1, 5:
			if err := s.skip(map[uint64]int64{1: 8, 5: 4}[tag&7]); err != nil {
				return err
			}
		case 2:
			length, err := s.varint()
			if err != nil {
				return err
			}
			if length > uint64(s.left) {
				return fmt.Errorf("%w: %d bytes are missing", ErrTruncated, length-uint64(s.left))
			}
			if int64(length) > s.left-end {
				return fmt.Errorf("%w: a field is longer than its message", ErrNotONNX)
			}
			if err := take(number, 0, int64(length)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: wire type %d", ErrNotONNX, tag&7)
		}
	}
	if s.left < end {
		return fmt.Errorf("%w: a field is longer than its message", ErrNotONNX)
	}
	return nil
}

func (s *scanner) skip(n int64) error {
	if n > s.left {
		return fmt.Errorf("%w: %d bytes are missing", ErrTruncated, n-s.left)
	}
	for n > 0 {
		step, err := s.r.Discard(int(min(n, 1<<30)))
		s.left -= int64(step)
		n -= int64(step)
		if err != nil {
			return ErrTruncated
		}
	}
	return nil
}

func (s *scanner) text(length int64, into *string) error {
	if length > longestText {
		return fmt.Errorf("%w: a text of %d bytes", ErrNotONNX, length)
	}
	b := make([]byte, length)
	n, err := io.ReadFull(s.r, b)
	s.left -= int64(n)
	if err != nil {
		return ErrTruncated
	}
	*into = string(b)
	return nil
}

// pair reads a message with a text in field 1 and one in field 2.
func (s *scanner) pair(length int64, key, value *string) error {
	return s.fields(length, func(number int, _ uint64, length int64) error {
		switch number {
		case entryKey:
			return s.text(length, key)
		case entryValue:
			return s.text(length, value)
		}
		return s.skip(length)
	})
}

func (s *scanner) opset(length int64, h *Header) error {
	domain, version := "", int64(0)
	err := s.fields(length, func(number int, value uint64, length int64) error {
		switch number {
		case opsetDomain:
			return s.text(length, &domain)
		case opsetVersion:
			version = int64(value)
		}
		return s.skip(length)
	})
	if domain == "" || domain == "ai.onnx" {
		h.Opset = version
	}
	return err
}

func (s *scanner) graph(length int64, h *Header) error {
	return s.fields(length, func(number int, _ uint64, length int64) error {
		switch number {
		case graphNode:
			h.Nodes++
		case graphInput:
			return s.named(length, &h.Inputs)
		case graphOutput:
			return s.named(length, &h.Outputs)
		case graphInitialiser:
			return s.initialiser(length, h)
		}
		return s.skip(length)
	})
}

const mostNames = 4096 // of inputs or outputs: a streaming model has some hundred states

func (s *scanner) named(length int64, into *[]string) error {
	name := ""
	err := s.fields(length, func(number int, _ uint64, length int64) error {
		if number == valueName && length > 0 {
			return s.text(length, &name)
		}
		return s.skip(length)
	})
	if len(*into) >= mostNames {
		return fmt.Errorf("%w: more than %d inputs or outputs", ErrNotONNX, mostNames)
	}
	*into = append(*into, name)
	return err
}

func (s *scanner) initialiser(length int64, h *Header) error {
	return s.fields(length, func(number int, _ uint64, length int64) error {
		if number != tensorExternal {
			return s.skip(length)
		}
		var key, value string
		if err := s.pair(length, &key, &value); err != nil {
			return err
		}
		if key == "location" && len(h.External) < mostNames {
			h.External = append(h.External, value)
		}
		return nil
	})
}
