package sidecar

import (
	"fmt"
	"math/bits"
	"strings"
)

// codecOf names the first sample entry's codec as RFC 6381 does; empty: not known to us.
func codecOf(stsd fields) string {
	entries := stsd.from(8)
	for _, form := range []string{"avc1", "avc3"} {
		if c := entries.find(form).from(78).find("avcC"); len(c) >= 4 {
			return fmt.Sprintf("%s.%02X%02X%02X", form, c[1], c[2], c[3])
		}
	}
	for _, form := range []string{"hvc1", "hev1"} {
		if c := entries.find(form).from(78).find("hvcC"); len(c) >= 13 {
			return form + "." + hevc(c)
		}
	}
	if sound := entries.find("mp4a"); sound != nil {
		return "mp4a." + objectType(sound.from(28).find("esds"))
	}
	if entries.find("Opus") != nil {
		return "opus"
	}
	return ""
}

// hevc writes the rest of the name by ISO/IEC 14496-15, annex E.
func hevc(c fields) string {
	space := []string{"", "A", "B", "C"}[c[1]>>6]
	tier := "L"
	if c[1]&0x20 != 0 {
		tier = "H"
	}
	name := fmt.Sprintf("%s%d.%X.%s%d", space, c[1]&0x1f, bits.Reverse32(c.word(2)), tier, c[12])
	constraints := c[6:12]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	var b strings.Builder
	for _, part := range constraints {
		fmt.Fprintf(&b, ".%X", part)
	}
	return name + b.String()
}

// objectType reads what an esds box says of its sound: "40.2" is AAC-LC, as also where it says nothing.
func objectType(esds fields) string {
	object, audio := byte(0x40), byte(2)
	for rest := esds.from(4); len(rest) >= 2; {
		tag, length, at := rest[0], 0, 1
		for ; at < len(rest) && at <= 4; at++ {
			length = length<<7 | int(rest[at]&0x7f)
			if rest[at]&0x80 == 0 {
				at++
				break
			}
		}
		body := rest.from(at)
		switch tag {
		case 3: // an ES: its own ID and flags, then what it holds
			rest = body.from(3)
			continue
		case 4:
			if len(body) < 13 {
				return "40.2"
			}
			object, rest = body[0], body.from(13)
			continue
		case 5:
			if len(body) > 0 && body[0]>>3 != 0 && body[0]>>3 != 31 {
				audio = body[0] >> 3
			}
		}
		rest = body.from(length)
	}
	if object == 0x40 {
		return fmt.Sprintf("40.%d", audio)
	}
	return fmt.Sprintf("%02X", object)
}
