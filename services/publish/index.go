package publish

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

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

// readBox reads the whole box and has T made of it.
func readBox[T mp4.Box](r io.ReaderAt, box boxHeader) (T, error) {
	var none T
	if box.size > maxBox {
		return none, domain.Permanent(fmt.Errorf("read %s at %d: has %d bytes, at most %d are read", box.kind, box.offset, box.size, maxBox))
	}
	data := make([]byte, box.size)
	if _, err := r.ReadAt(data, box.offset); err != nil && err != io.EOF {
		return none, fmt.Errorf("read %s at %d: %w", box.kind, box.offset, err)
	}
	decoded, err := mp4.DecodeBox(uint64(box.offset), bytes.NewReader(data))
	if err != nil {
		return none, domain.Permanent(fmt.Errorf("read %s at %d: %w", box.kind, box.offset, err))
	}
	t, ok := decoded.(T)
	if !ok {
		return none, domain.Permanent(fmt.Errorf("read %s at %d: is %s", box.kind, box.offset, decoded.Type()))
	}
	return t, nil
}

// trackInfo is of the track that times the fragments: the picture's, else the first.
type trackInfo struct {
	id        uint32
	timescale uint32
	length    uint32 // of a sample that says none
	picture   bool
}

func readMoov(r io.ReaderAt, box boxHeader) (trackInfo, string, error) {
	moov, err := readBox[*mp4.MoovBox](r, box)
	if err != nil {
		return trackInfo{}, "", err
	}
	var timing trackInfo
	codecs, known := "", true
	for _, trak := range moov.Traks {
		if trak.Tkhd == nil || trak.Mdia == nil || trak.Mdia.Mdhd == nil || trak.Mdia.Hdlr == nil || trak.Mdia.Mdhd.Timescale == 0 {
			return trackInfo{}, "", domain.Permanent(fmt.Errorf("read moov: a track lacks what it needs"))
		}
		picture := trak.Mdia.Hdlr.HandlerType == "vide"
		if timing.id == 0 || picture && !timing.picture {
			timing = trackInfo{id: trak.Tkhd.TrackID, timescale: trak.Mdia.Mdhd.Timescale, picture: picture}
		}
		codec := codecOf(trak)
		if codecs != "" && codec != "" {
			codecs += ","
		}
		codecs += codec
		known = known && codec != ""
	}
	if timing.id == 0 {
		return trackInfo{}, "", domain.Permanent(fmt.Errorf("read moov: no track"))
	}
	if moov.Mvex != nil {
		for _, trex := range moov.Mvex.Trexs {
			if trex.TrackID == timing.id {
				timing.length = trex.DefaultSampleDuration
			}
		}
	}
	if !known {
		codecs = ""
	}
	return timing, codecs, nil
}

func codecOf(trak *mp4.TrakBox) string {
	if trak.Mdia.Minf == nil || trak.Mdia.Minf.Stbl == nil || trak.Mdia.Minf.Stbl.Stsd == nil {
		return ""
	}
	stsd := trak.Mdia.Minf.Stbl.Stsd
	switch {
	case stsd.AvcX != nil && stsd.AvcX.AvcC != nil:
		c := stsd.AvcX.AvcC
		return fmt.Sprintf("avc1.%02X%02X%02X", c.AVCProfileIndication, c.ProfileCompatibility, c.AVCLevelIndication)
	case stsd.Mp4a != nil:
		return "mp4a.40.2" // finishing makes AAC-LC, nothing else
	}
	return ""
}

func readSidx(r io.ReaderAt, box boxHeader, size int64) ([]fragment, error) {
	sidx, err := readBox[*mp4.SidxBox](r, box)
	if err != nil {
		return nil, err
	}
	if sidx.Timescale == 0 || len(sidx.SidxRefs) == 0 || sidx.FirstOffset > uint64(size) {
		return nil, domain.Permanent(fmt.Errorf("read sidx at %d: it leads nowhere", box.offset))
	}
	offset := box.offset + box.size + int64(sidx.FirstOffset)
	fragments := make([]fragment, 0, len(sidx.SidxRefs))
	for _, ref := range sidx.SidxRefs {
		f := fragment{offset, int64(ref.ReferencedSize), inTime(uint64(ref.SubSegmentDuration), sidx.Timescale), ref.StartsWithSAP == 1}
		if offset += f.size; ref.ReferenceType != 0 || f.size == 0 || offset > size {
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
	moof, err := readBox[*mp4.MoofBox](r, box)
	if err != nil {
		return fragment{}, err
	}
	f := fragment{offset: box.offset, keyframe: !track.picture}
	for _, traf := range moof.Trafs {
		if traf.Tfhd == nil || traf.Tfhd.TrackID != track.id {
			continue
		}
		length := track.length
		if traf.Tfhd.HasDefaultSampleDuration() {
			length = traf.Tfhd.DefaultSampleDuration
		}
		units := uint64(0)
		for i, trun := range traf.Truns {
			units += trun.Duration(length)
			if i == 0 && track.picture {
				f.keyframe = startsOnKeyframe(traf.Tfhd, trun)
			}
		}
		f.length = inTime(units, track.timescale)
	}
	return f, nil
}

func startsOnKeyframe(tfhd *mp4.TfhdBox, trun *mp4.TrunBox) bool {
	flags, known := trun.FirstSampleFlags()
	if !known && trun.HasSampleFlags() && len(trun.Samples) > 0 {
		flags, known = trun.Samples[0].Flags, true
	}
	if !known && tfhd.HasDefaultSampleFlags() {
		flags, known = tfhd.DefaultSampleFlags, true
	}
	return known && mp4.IsSyncSampleFlags(flags)
}

func inTime(units uint64, timescale uint32) time.Duration {
	return time.Duration(float64(units) / float64(timescale) * float64(time.Second))
}
