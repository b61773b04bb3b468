package sidecar

import (
	"encoding/binary"
	"iter"
)

// fields are the bytes inside an MP4 box. What lies beyond their end reads as zero, so that a cut-off box is told by what it
// lacks and never by a crash: a finished clip is our own work, but made of outside input.
type fields []byte

func (f fields) from(at int) fields { return f[min(at, len(f)):] }

func (f fields) word(at int) uint32 {
	if at+4 > len(f) {
		return 0
	}
	return binary.BigEndian.Uint32(f[at:])
}

func (f fields) long(at int) uint64 { return uint64(f.word(at))<<32 | uint64(f.word(at+4)) }

func (f fields) kind(at int) string {
	if at+4 > len(f) {
		return ""
	}
	return string(f[at : at+4])
}

// children gives the boxes of a kind that lie directly inside.
func (f fields) children(kind string) iter.Seq[fields] {
	return func(yield func(fields) bool) {
		for rest := f; len(rest) >= 8; {
			size := int64(rest.word(0))
			if size < 8 || size > int64(len(rest)) {
				return
			}
			if rest.kind(4) == kind && !yield(rest[8:size]) {
				return
			}
			rest = rest[size:]
		}
	}
}

// find goes down the path of kinds, the first of each; nil: there is none.
func (f fields) find(path ...string) fields {
	for _, kind := range path {
		found := fields(nil)
		for child := range f.children(kind) {
			found = child
			break
		}
		f = found
	}
	return f
}

// versioned is how many bytes the dates of a full box take, by its version.
func versioned(f fields, short, long int) int {
	if f.word(0)>>24 == 0 {
		return short
	}
	return long
}

// present is 1 when the flag is set in the word of version and flags.
func present(word, flag uint32) int {
	if word&flag != 0 {
		return 1
	}
	return 0
}
