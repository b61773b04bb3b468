package media

import (
	"encoding/binary"
	"slices"
)

// sample is one packet of a track as it lies in a fragment; times are ticks of the track's timescale.
type sample struct {
	dts, pts, length int64
	key              bool
	data             []byte
	slab             *slab // that data lies in
}

// fragmentTrack is one track's share of a fragment.
type fragmentTrack struct {
	id      uint32
	samples []sample
}

const (
	tfhdDefaultBaseIsMoof = 0x020000
	trunDataOffset        = 0x000001
	trunSampleFields      = 0x000f00 // duration, size, flags, composition offset of every sample
	sampleIsKey           = 0x02000000
	sampleIsNotKey        = 0x01010000
)

// fragment writes moof+mdat (ISO/IEC 14496-12) over b, which grows where it must: decode times in tfdt, 64 bits; composition
// offsets signed.
func fragment(b []byte, sequence uint32, tracks []fragmentTrack) []byte {
	size, payload := 8+16, 0
	for _, t := range tracks {
		size += trafSize(t)
		for _, s := range t.samples {
			payload += len(s.data)
		}
	}
	b = slices.Grow(b[:0], size+8+payload)
	b = box(b, size, "moof")
	b = fullBox(b, 16, "mfhd", 0, 0)
	b = binary.BigEndian.AppendUint32(b, sequence)
	offset := size + 8
	for _, t := range tracks {
		b = appendTraf(b, t, offset)
		for _, s := range t.samples {
			offset += len(s.data)
		}
	}
	b = box(b, 8+payload, "mdat")
	for _, t := range tracks {
		for _, s := range t.samples {
			b = append(b, s.data...)
		}
	}
	return b
}

func trafSize(t fragmentTrack) int { return 8 + 16 + 20 + trunSize(t) }
func trunSize(t fragmentTrack) int { return 20 + 16*len(t.samples) }

func appendTraf(b []byte, t fragmentTrack, dataOffset int) []byte {
	b = box(b, trafSize(t), "traf")
	b = fullBox(b, 16, "tfhd", 0, tfhdDefaultBaseIsMoof)
	b = binary.BigEndian.AppendUint32(b, t.id)
	b = fullBox(b, 20, "tfdt", 1, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(t.samples[0].dts))
	b = fullBox(b, trunSize(t), "trun", 1, trunDataOffset|trunSampleFields)
	b = binary.BigEndian.AppendUint32(b, uint32(len(t.samples)))
	b = binary.BigEndian.AppendUint32(b, uint32(dataOffset))
	for _, s := range t.samples {
		flags := uint32(sampleIsNotKey)
		if s.key {
			flags = sampleIsKey
		}
		b = binary.BigEndian.AppendUint32(b, uint32(s.length))
		b = binary.BigEndian.AppendUint32(b, uint32(len(s.data)))
		b = binary.BigEndian.AppendUint32(b, flags)
		b = binary.BigEndian.AppendUint32(b, uint32(int32(s.pts-s.dts)))
	}
	return b
}

func box(b []byte, size int, name string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(size)), name...)
}

func fullBox(b []byte, size int, name string, version byte, flags uint32) []byte {
	return binary.BigEndian.AppendUint32(box(b, size, name), uint32(version)<<24|flags)
}
