package vod

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"liveclip/internal/domain"
)

const (
	maxBox       = 8 << 20 // bytes of a moov, sidx or moof that is read into memory
	maxFragments = 20000
)

// fragment is a piece of an fMP4 file that plays on its own after the head.
type fragment struct {
	offset, size int64
	length       time.Duration
	keyframe     bool // starts on one
}

// index says where the pieces of an fMP4 file lie.
type index struct {
	head      int64 // bytes up to the end of the moov
	fragments []fragment
	codecs    string // RFC 6381; empty: not known to us
}

// boxHeader of a box at offset.
type boxHeader struct {
	kind         string
	offset, size int64
	head         int64 // bytes of the header itself
}

// readIndex reads the head and the sidx of a fragmented MP4 of size bytes; where there is none, every moof.
func readIndex(r io.ReaderAt, size int64) (index, error) {
	var (
		ix    index
		track trackInfo
		moof  int64 = -1 // offset of the fragment being measured
	)
	for offset := int64(0); offset < size; {
		box, err := readBoxHeader(r, offset, size)
		if err != nil {
			return ix, err
		}
		switch box.kind {
		case "moov":
			if track, ix.codecs, err = readMoov(r, box); err != nil {
				return ix, err
			}
			ix.head = box.offset + box.size
		case "sidx":
			if ix.head == 0 {
				return ix, domain.Permanent(fmt.Errorf("read index: sidx before moov"))
			}
			ix.fragments, err = readSidx(r, box, size)
			return ix, err
		case "moof":
			f, err := readMoof(r, box, track)
			if err != nil {
				return ix, err
			}
			if moof, ix.fragments = offset, append(ix.fragments, f); len(ix.fragments) > maxFragments {
				return ix, domain.Permanent(fmt.Errorf("read index: more than %d fragments", maxFragments))
			}
		case "mdat":
			if moof >= 0 {
				ix.fragments[len(ix.fragments)-1].size = box.offset + box.size - moof
				moof = -1
			}
		}
		offset += box.size
	}
	if ix.head == 0 || len(ix.fragments) == 0 || moof >= 0 {
		return ix, domain.Permanent(fmt.Errorf("read index: no fragmented MP4"))
	}
	return ix, nil
}

func readBoxHeader(r io.ReaderAt, offset, size int64) (boxHeader, error) {
	var b [16]byte
	n, err := r.ReadAt(b[:min(16, size-offset)], offset)
	if err != nil && err != io.EOF {
		return boxHeader{}, fmt.Errorf("read box at %d: %w", offset, err)
	}
	if n < 8 {
		return boxHeader{}, domain.Permanent(fmt.Errorf("read box at %d: cut off", offset))
	}
	box := boxHeader{string(b[4:8]), offset, int64(binary.BigEndian.Uint32(b[:4])), 8}
	switch {
	case box.size == 0:
		box.size = size - offset
	case box.size == 1 && n == 16:
		box.size, box.head = int64(binary.BigEndian.Uint64(b[8:])), 16
	}
	if box.size < box.head || box.size > size-offset {
		return boxHeader{}, domain.Permanent(fmt.Errorf("read box at %d: %d bytes do not fit", offset, box.size))
	}
	return box, nil
}

// readBody reads what the box holds.
func readBody(r io.ReaderAt, box boxHeader) (fields, error) {
	if box.size > maxBox {
		return nil, domain.Permanent(fmt.Errorf("read %s at %d: has %d bytes, at most %d are read", box.kind, box.offset, box.size, maxBox))
	}
	data := make(fields, box.size-box.head)
	if _, err := r.ReadAt(data, box.offset+box.head); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s at %d: %w", box.kind, box.offset, err)
	}
	return data, nil
}

// trackInfo is of the track that times the fragments: the picture's, else the first.
type trackInfo struct {
	id        uint32
	timescale uint32
	length    uint32 // of a sample that says none
	flags     uint32 // likewise
	picture   bool
}

// readMoov finds the timing track, and the codecs of all if they are known to us.
func readMoov(r io.ReaderAt, box boxHeader) (timing trackInfo, codecs string, err error) {
	moov, err := readBody(r, box)
	if err != nil {
		return trackInfo{}, "", err
	}
	known := []string{}
	unknown := false
	for trak := range moov.children("trak") {
		mdhd, hdlr := trak.find("mdia", "mdhd"), trak.find("mdia", "hdlr")
		track := trackInfo{
			id:        trak.find("tkhd").word(4 + versioned(trak.find("tkhd"), 8, 16)),
			timescale: mdhd.word(4 + versioned(mdhd, 8, 16)),
			picture:   hdlr.kind(8) == "vide",
		}
		if track.id == 0 || track.timescale == 0 {
			return trackInfo{}, "", domain.Permanent(fmt.Errorf("read moov: a track lacks its ID or timescale"))
		}
		if timing.id == 0 || track.picture && !timing.picture {
			timing = track
		}
		codec := codecOf(trak.find("mdia", "minf", "stbl", "stsd"))
		known = append(known, codec)
		unknown = unknown || codec == ""
	}
	if timing.id == 0 {
		return trackInfo{}, "", domain.Permanent(fmt.Errorf("read moov: no track"))
	}
	for trex := range moov.find("mvex").children("trex") {
		if trex.word(4) == timing.id {
			timing.length, timing.flags = trex.word(12), trex.word(20)
		}
	}
	if unknown {
		known = nil
	}
	return timing, strings.Join(known, ","), nil
}

// codecOf names the first sample entry's codec; empty: not known to us.
func codecOf(stsd fields) string {
	entries := stsd.from(8)
	if avc1 := entries.find("avc1"); avc1 != nil {
		if c := avc1.from(78).find("avcC"); len(c) >= 4 {
			return fmt.Sprintf("avc1.%02X%02X%02X", c[1], c[2], c[3])
		}
	}
	if entries.find("mp4a") != nil {
		return "mp4a.40.2" // finishing makes AAC-LC, nothing else
	}
	return ""
}

func readSidx(r io.ReaderAt, box boxHeader, size int64) ([]fragment, error) {
	sidx, err := readBody(r, box)
	if err != nil {
		return nil, err
	}
	timescale, first := sidx.word(8), uint64(sidx.word(16))
	at := 20
	if sidx.word(0)>>24 != 0 {
		first = uint64(sidx.word(20))<<32 | uint64(sidx.word(24))
		at = 28
	}
	count := int(sidx.word(at) & 0xffff)
	if timescale == 0 || count == 0 || first > uint64(size) || len(sidx) < at+4+12*count {
		return nil, domain.Permanent(fmt.Errorf("read sidx at %d: it leads nowhere", box.offset))
	}
	offset := box.offset + box.size + int64(first)
	fragments := make([]fragment, 0, count)
	for i := range count {
		ref := sidx.from(at + 4 + 12*i)
		f := fragment{offset, int64(ref.word(0)), inTime(uint64(ref.word(4)), timescale), ref.word(8)>>31 == 1}
		if offset += f.size; f.size == 0 || f.size >= 1<<31 || offset > size { // the highest bit: a sidx of sidx
			return nil, domain.Permanent(fmt.Errorf("read sidx at %d: it leads outside the file", box.offset))
		}
		fragments = append(fragments, f)
	}
	return fragments, nil
}

// readMoof measures a fragment by its samples; its size is known after the mdat.
func readMoof(r io.ReaderAt, box boxHeader, track trackInfo) (fragment, error) {
	if track.id == 0 {
		return fragment{}, domain.Permanent(fmt.Errorf("read moof at %d: before moov", box.offset))
	}
	moof, err := readBody(r, box)
	if err != nil {
		return fragment{}, err
	}
	f := fragment{offset: box.offset, keyframe: !track.picture}
	for traf := range moof.children("traf") {
		tfhd := traf.find("tfhd")
		if tfhd.word(4) != track.id {
			continue
		}
		length, flags := track.length, track.flags
		has, at := tfhd.word(0), 8
		at += 8*present(has, 0x1) + 4*present(has, 0x2)
		if present(has, 0x8) == 1 {
			length = tfhd.word(at)
			at += 4
		}
		if at += 4 * present(has, 0x10); present(has, 0x20) == 1 {
			flags = tfhd.word(at)
		}
		units := uint64(0)
		for trun := range traf.children("trun") {
			first, n := trun.measure(length, flags)
			if units == 0 && track.picture {
				f.keyframe = first&nonSync == 0
			}
			units += n
		}
		f.length = inTime(units, track.timescale)
	}
	return f, nil
}

const nonSync = 0x10000 // sample flag: not a keyframe

// measure gives the flags of a trun's first sample and the length of all.
func (trun fields) measure(length, flags uint32) (first uint32, units uint64) {
	has, count, at := trun.word(0), int64(trun.word(4)), 8
	at += 4 * present(has, 0x1)
	first = flags
	if present(has, 0x4) == 1 {
		first = trun.word(at)
		at += 4
	}
	per := 4 * (present(has, 0x100) + present(has, 0x200) + present(has, 0x400) + present(has, 0x800))
	if present(has, 0x4) == 0 && present(has, 0x400) == 1 {
		first = trun.word(at + 4*(present(has, 0x100)+present(has, 0x200)))
	}
	if present(has, 0x100) == 0 {
		return first, uint64(count) * uint64(length)
	}
	for i := range min(count, int64(max(0, len(trun)-at)/per)) {
		units += uint64(trun.word(at + int(i)*per))
	}
	return first, units
}

func inTime(units uint64, timescale uint32) time.Duration {
	return time.Duration(float64(units) / float64(timescale) * float64(time.Second))
}
