package copycut

import (
	"bytes"
	"errors"

	"github.com/Eyevinn/mp4ff/bits"

	"liveclip/internal/domain"
)

// x265 gives its parameter sets the ID 0, as every other encoder does. An ID of 0 is the bit 1 (Exp-Golomb), 15 is 000010000:
// eight bits more, so that all behind it moves by one byte and keeps its alignment. Nothing of it has to be understood.

var errHEVC = domain.Permanent(errors.New("encoded picture has a form that is not known"))

// renumber gives a NAL unit of x265's, parameter set or slice, the sets' ID 15 in place of 0.
func renumber(nal []byte) ([]byte, error) {
	if len(nal) < 3 {
		return nil, errHEVC
	}
	raw, err := unescape(nal), error(nil)
	switch kind := h265.kind(nal); {
	case kind == 32 || kind == 33:
		if raw[2]>>4 != 0 {
			return nil, errHEVC
		}
		raw[2] |= 0xf0 // the VPS's own ID
		if kind == 33 {
			if raw[2]>>1&7 != 0 {
				return nil, errHEVC // of several layers in time
			}
			raw, err = widen(raw, 120) // behind profile, tier and level
		}
	case kind == 34:
		if raw, err = widen(raw, 16); err == nil {
			raw, err = widen(raw, 25)
		}
	case kind >= 16 && kind <= 23:
		raw, err = widen(raw, 18)
	case kind < 10:
		raw, err = widen(raw, 17)
	default:
		return nal, nil
	}
	if err != nil {
		return nil, err
	}
	return escape(raw), nil
}

// widen puts 000010000 in place of the bit 1 at a place.
func widen(raw []byte, at int) ([]byte, error) {
	i, bit := at/8, at%8
	if i >= len(raw) || raw[i]>>(7-bit)&1 != 1 {
		return nil, errHEVC
	}
	b := uint16(raw[i])
	before, behind := b&^(0xff>>bit), b&(0x7f>>bit)
	both := before<<8 | 0x10<<(7-bit) | behind
	out := make([]byte, 0, len(raw)+1)
	out = append(out, raw[:i]...)
	out = append(out, byte(both>>8), byte(both))
	return append(out, raw[i+1:]...), nil
}

// unescape takes the emulation prevention bytes out of a NAL unit.
func unescape(nal []byte) []byte {
	out := make([]byte, 0, len(nal))
	zeros := 0
	for _, b := range nal {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		out = append(out, b)
		if zeros++; b != 0 {
			zeros = 0
		}
	}
	return out
}

// escape puts them in.
func escape(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/64+1)
	zeros := 0
	for _, b := range raw {
		if zeros >= 2 && b <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, b)
		if zeros++; b != 0 {
			zeros = 0
		}
	}
	if zeros > 0 && len(out) > 0 {
		out = append(out, 3)
	}
	return out
}

func hevcSetID(nal []byte) (uint, bool) {
	if len(nal) < 3 {
		return 0, false
	}
	raw := unescape(nal)
	at := 2
	switch h265.kind(nal) {
	case 32:
		return uint(raw[2] >> 4), true
	case 33:
		layers := int(raw[2] >> 1 & 7)
		if at = 3 + 12; layers > 0 { // two flags a layer in 16 bits, then 88 and 8 bits as they say
			if len(raw) < at+2 {
				return 0, false
			}
			flags := uint(raw[at])<<8 | uint(raw[at+1])
			at += 2
			for layer := range layers {
				at += 11*int(flags>>(15-2*layer)&1) + int(flags>>(14-2*layer)&1)
			}
		}
	}
	if at >= len(raw) {
		return 0, false
	}
	r := bits.NewReader(bytes.NewReader(raw[at:]))
	zeros := 0
	for r.Read(1) == 0 && r.AccError() == nil && zeros < 16 {
		zeros++
	}
	id := 1<<zeros - 1 + r.Read(zeros)
	return id, r.AccError() == nil
}

// endOfSequence makes the CRA that follows a beginning of its own, whose leading pictures nobody waits for.
var endOfSequence = []byte{36 << 1, 1}
