package engines

import (
	"encoding/binary"

	"liveclip/internal/note"
)

// boxes follows an MP4's top-level boxes as they stream by, so that a file that breaks off, or is none, is known without a look
// into it (ISO/IEC 14496-12, 4.2).
type boxes struct {
	head  []byte // of the box that begins
	left  int64  // bytes of the present box still to come; -1: it reaches to the end of the file
	movie bool   // a moov was seen
	media bool   // an mdat was seen
	n     int
}

const maxBoxes = 1 << 16

// take gives a fault when what streams by can't be MP4.
func (b *boxes) take(p []byte) *Fault {
	for len(p) > 0 {
		if b.left < 0 {
			return nil
		}
		if b.left > 0 {
			n := min(b.left, int64(len(p)))
			b.left -= n
			p = p[n:]
			continue
		}
		n := min(b.need()-len(b.head), len(p))
		b.head = append(b.head, p[:n]...)
		p = p[n:]
		if len(b.head) < b.need() {
			continue
		}
		if f := b.begin(); f != nil {
			return f
		}
	}
	return nil
}

// need is the length of the box's head, as far as it is known.
func (b *boxes) need() int {
	if len(b.head) >= 8 && binary.BigEndian.Uint32(b.head) == 1 { // a 64-bit size follows
		return 16
	}
	return 8
}

func (b *boxes) begin() *Fault {
	size, kind, head := int64(binary.BigEndian.Uint32(b.head)), string(b.head[4:8]), int64(len(b.head))
	if head == 16 {
		size = int64(binary.BigEndian.Uint64(b.head[8:])) //nolint:gosec // a negative one is refused below
	}
	b.head = b.head[:0]
	if b.n++; b.n == 1 && kind != "ftyp" {
		return fault(Wrong, "the engine's answer is no MP4")
	}
	if b.n > maxBoxes {
		return fault(Wrong, "the engine's answer has more than %d boxes", maxBoxes)
	}
	b.movie, b.media = b.movie || kind == "moov", b.media || kind == "mdat"
	switch {
	case size == 0:
		b.left = -1
	case size < head:
		return fault(Wrong, "the engine's answer is no MP4: box %q has %d bytes", kind, size)
	default:
		b.left = size - head
	}
	return nil
}

// end gives a fault when the file ends here and must not.
func (b *boxes) end() *Fault {
	switch {
	case b.n == 0:
		return fault(Wrong, "%s", note.EngineEmpty.Say())
	case b.left > 0 || len(b.head) > 0:
		return fault(Wrong, "the video breaks off in the middle")
	case !b.movie || !b.media:
		return fault(Wrong, "%s", note.EngineEmpty.Say())
	}
	return nil
}
