package sidecar

import (
	"io"
	"iter"
	"math"
)

const nonSync = 0x10000 // sample flag: not a keyframe

// sample as a trun gives it.
type sample struct {
	offset              int64
	length, size, flags uint32
	later               int64 // its presentation after its decoding
}

// samples gives a trun's samples in order. Their data begins at base + the trun's own offset, or else where the trun before
// it ended. A trun that is cut off gives those that are whole.
func (trun fields) samples(usual usual, base, before int64) iter.Seq[sample] {
	return func(yield func(sample) bool) {
		has, count, at := trun.word(0), trun.word(4), 8
		offset := before
		if has&0x1 != 0 {
			offset, at = base+int64(int32(trun.word(at))), at+4
		}
		first, own := usual.flags, false
		if has&0x4 != 0 {
			first, own, at = trun.word(at), true, at+4
		}
		per := 4 * (present(has, 0x100) + present(has, 0x200) + present(has, 0x400) + present(has, 0x800))
		for i := range count {
			if at+per > len(trun) || per == 0 && i == maxSamples || offset > math.MaxInt64/2 {
				return
			}
			s := sample{offset: offset, length: usual.length, size: usual.size, flags: usual.flags}
			if has&0x100 != 0 {
				s.length, at = trun.word(at), at+4
			}
			if has&0x200 != 0 {
				s.size, at = trun.word(at), at+4
			}
			if has&0x400 != 0 {
				s.flags, at = trun.word(at), at+4
			}
			if has&0x800 != 0 {
				s.later, at = int64(int32(trun.word(at))), at+4
			}
			if i == 0 && own {
				s.flags = first
			}
			if !yield(s) {
				return
			}
			offset += int64(s.size)
		}
	}
}

// ahead reads a little more than is asked, so that an object far away is not asked for every box header by itself.
type ahead struct {
	r      io.ReaderAt
	size   int64
	offset int64
	buffer []byte
}

const aheadBytes = 64 << 10

func (a *ahead) ReadAt(p []byte, offset int64) (int, error) {
	if offset < a.offset || offset+int64(len(p)) > a.offset+int64(len(a.buffer)) {
		want := min(max(int64(len(p)), aheadBytes), a.size-offset)
		buffer := make([]byte, max(0, want))
		n, err := a.r.ReadAt(buffer, offset)
		if n < len(p) && n < len(buffer) {
			return copy(p, buffer[:n]), err
		}
		a.offset, a.buffer = offset, buffer[:n]
	}
	n := copy(p, a.buffer[offset-a.offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
