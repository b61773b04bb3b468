package copycut

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

// codec tells NAL units apart.
type codec int

const (
	h264 codec = iota
	h265
)

// spareID is the parameter set ID of encoded ends: x264 takes any up to 31; 15 is the one that changing an HEVC set to moves
// what follows it by whole bytes (hevc.go).
func (c codec) spareID() uint { return [...]uint{31, 15}[c] }

func codecOf(id astiav.CodecID) (codec, bool) {
	switch id {
	case astiav.CodecIDH264:
		return h264, true
	case astiav.CodecIDHevc:
		return h265, true
	}
	return 0, false
}

// kind is a NAL unit's type.
func (c codec) kind(nal []byte) int {
	if c == h264 {
		return int(nal[0] & 0x1f)
	}
	return int(nal[0] >> 1 & 0x3f)
}

func (c codec) isSet(kind int) bool {
	if c == h264 {
		return kind == 7 || kind == 8
	}
	return kind >= 32 && kind <= 34
}

// splices: decoding can begin here behind any other picture: IDR, and in HEVC every IRAP.
func (c codec) splices(kind int) bool {
	if c == h264 {
		return kind == 5
	}
	return kind >= 16 && kind <= 21
}

const hevcCRA = 21

// form is how NAL units lie in packets: behind lengths of so many bytes, or (0) behind start codes.
type form int

var startCode = []byte{0, 0, 1}

var errNAL = domain.Permanent(errors.New("damaged picture data"))

// each calls do with every NAL unit of a packet that is not empty.
func (f form) each(data []byte, do func(nal []byte) error) error {
	if f == 0 {
		return eachAnnexB(data, do)
	}
	for len(data) > 0 {
		if len(data) < int(f) {
			return errNAL
		}
		n := 0
		for _, b := range data[:f] {
			n = n<<8 | int(b)
		}
		if data = data[f:]; n > len(data) {
			return errNAL
		}
		if n > 0 {
			if err := do(data[:n]); err != nil {
				return err
			}
		}
		data = data[n:]
	}
	return nil
}

func eachAnnexB(b []byte, do func(nal []byte) error) error {
	for at := bytes.Index(b, startCode); at >= 0; {
		b = b[at+3:]
		nal := b
		if at = bytes.Index(b, startCode); at >= 0 {
			nal = b[:at]
		}
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) > 0 {
			if err := do(nal); err != nil {
				return err
			}
		}
	}
	return nil
}

// put appends a NAL unit.
func (f form) put(b, nal []byte) ([]byte, error) {
	if f == 0 {
		return append(append(b, 0, 0, 0, 1), nal...), nil
	}
	if f < 4 && len(nal) >= 1<<(8*f) {
		return nil, fmt.Errorf("picture data of %d bytes does not fit behind lengths of %d", len(nal), f)
	}
	for i := f - 1; i >= 0; i-- {
		b = append(b, byte(len(nal)>>(8*i)))
	}
	return append(b, nal...), nil
}

// codecRecord is codec configuration: avcC or hvcC as MP4 has it, or parameter sets behind start codes.
type codecRecord struct {
	codec codec
	form  form
	sets  [][]byte
	raw   []byte
	arrays
}

// arrays are where a configuration record names how many sets follow.
type arrays struct {
	head, tail []byte      // of avcC, around the sets
	sps, pps   [][]byte    // of avcC
	hevc       []hevcArray // of hvcC
}

type hevcArray struct {
	kind byte
	sets [][]byte
}

// parse reads extradata.
func parse(c codec, extra []byte) (r codecRecord, err error) {
	r = codecRecord{codec: c, raw: extra}
	switch {
	case len(extra) == 0:
		return r, errors.New("the source has no parameter sets")
	case extra[0] != 1:
		err = eachAnnexB(extra, func(nal []byte) error {
			if c.isSet(c.kind(nal)) {
				r.sets = append(r.sets, nal)
			}
			return nil
		})
	case c == h264:
		err = r.parseAVC(&cursor{b: extra})
	default:
		err = r.parseHEVC(&cursor{b: extra})
	}
	if err == nil && len(r.sets) == 0 {
		err = errors.New("the source has no parameter sets")
	}
	return r, err
}

// cursor reads big-endian numbers; once it has passed the end, all it gives is empty.
type cursor struct {
	b    []byte
	over bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.b, c.over = nil, true
		return nil
	}
	taken := c.b[:n:n]
	c.b = c.b[n:]
	return taken
}

func (c *cursor) byte() int {
	if b := c.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (c *cursor) sets(n int) (sets [][]byte) {
	for range n {
		size := c.byte()<<8 | c.byte()
		if set := c.take(size); len(set) > 0 {
			sets = append(sets, set)
		}
	}
	return sets
}

var errRecord = errors.New("damaged codec configuration")

func (r *codecRecord) parseAVC(c *cursor) error {
	r.head = c.take(5)
	r.sps = c.sets(c.byte() & 0x1f)
	r.pps = c.sets(c.byte())
	r.tail = c.b
	if c.over {
		return errRecord
	}
	r.form = form(r.head[4]&3 + 1)
	r.sets = append(append(r.sets, r.sps...), r.pps...)
	return nil
}

func (r *codecRecord) parseHEVC(c *cursor) error {
	r.head = c.take(22)
	for range c.byte() {
		a := hevcArray{kind: byte(c.byte())}
		a.sets = c.sets(c.byte()<<8 | c.byte())
		r.hevc = append(r.hevc, a)
		r.sets = append(r.sets, a.sets...)
	}
	if c.over {
		return errRecord
	}
	r.form = form(r.head[21]&3 + 1)
	return nil
}

// with is the configuration with more parameter sets in it.
func (r codecRecord) with(more [][]byte) ([]byte, error) {
	if r.form == 0 {
		b := bytes.Clone(r.raw)
		for _, nal := range more {
			b = append(append(b, 0, 0, 0, 1), nal...)
		}
		return b, nil
	}
	if r.codec == h264 {
		return r.withAVC(more)
	}
	b := append(bytes.Clone(r.head), 0)
	own := make([]hevcArray, 0, 3)
	own = append(own, r.hevc...)
	for _, nal := range more {
		kind := byte(r.codec.kind(nal))
		at := -1
		for i := range own {
			if own[i].kind&0x3f == kind {
				at = i
			}
		}
		if at < 0 {
			at = len(own)
			own = append(own, hevcArray{kind: kind})
		}
		own[at].sets = append(own[at].sets[:len(own[at].sets):len(own[at].sets)], nal)
	}
	if b[22] = byte(len(own)); len(own) > 255 {
		return nil, errRecord
	}
	for _, a := range own {
		b = binary.BigEndian.AppendUint16(append(b, a.kind), uint16(len(a.sets)))
		b = appendSets(b, a.sets)
	}
	return b, nil
}

func (r codecRecord) withAVC(more [][]byte) ([]byte, error) {
	sps, pps := r.sps[:len(r.sps):len(r.sps)], r.pps[:len(r.pps):len(r.pps)]
	for _, nal := range more {
		if r.codec.kind(nal) == 7 {
			sps = append(sps, nal)
		} else {
			pps = append(pps, nal)
		}
	}
	if len(sps) > 31 || len(pps) > 255 {
		return nil, errors.New("the source has too many parameter sets to add one")
	}
	b := append(bytes.Clone(r.head), 0xe0|byte(len(sps)))
	b = append(appendSets(b, sps), byte(len(pps)))
	return append(appendSets(b, pps), r.tail...), nil
}

func appendSets(b []byte, sets [][]byte) []byte {
	for _, set := range sets {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(set))), set...)
	}
	return b
}

// setID is the ID that a parameter set is known by among those of its kind; false for a damaged one.
func (c codec) setID(nal []byte) (uint, bool) {
	if c == h265 {
		return hevcSetID(nal)
	}
	from := 1
	if c.kind(nal) == 7 {
		from = 4 // profile, constraints, level
	}
	if len(nal) <= from {
		return 0, false
	}
	r := bits.NewEBSPReader(bytes.NewReader(nal[from:]))
	id := r.ReadExpGolomb()
	return id, r.AccError() == nil
}

// free reports that no set has the ID which the encoded ends take.
func (c codec) free(sets [][]byte) error {
	for _, nal := range sets {
		if id, ok := c.setID(nal); ok && id == c.spareID() {
			return fmt.Errorf("the source itself uses parameter set %d", id)
		}
	}
	return nil
}
