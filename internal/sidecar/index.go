package sidecar

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"liveclip/internal/domain"
)

// What is held of a file at most; one that has more is refused.
const (
	maxBox       = 8 << 20 // bytes of a moov or moof
	maxFragments = 20_000
	maxSamples   = 1_000_000
	maxTracks    = 16
)

// Of reads the index of a fragmented MP4 of size bytes. A file that is none, or that leads outside itself, is a permanent
// error; one of r is given on.
func Of(r io.ReaderAt, size int64) (Index, error) {
	b := builder{r: &ahead{r: r, size: size}, size: size}
	if err := b.read(); err != nil {
		return Index{}, fmt.Errorf("index fMP4: %w", err)
	}
	x := b.index()
	if err := x.check(); err != nil {
		return Index{}, domain.Permanent(fmt.Errorf("index fMP4: %w", err))
	}
	return x, nil
}

// builder walks the file's boxes once, and the samples of all fragments in the order of decoding.
type builder struct {
	r    io.ReaderAt
	size int64

	header    int64
	tracks    []*track
	fragments []Fragment
	open      bool // a moof came, its mdat did not
	samples   int
}

func (b *builder) read() error {
	for offset := int64(0); offset < b.size; {
		box, err := readBoxHeader(b.r, offset, b.size)
		if err != nil {
			return err
		}
		switch box.kind {
		case "moov":
			err = b.moov(box)
		case "moof":
			err = b.moof(box)
		case "mdat":
			b.mdat(box)
		}
		if err != nil {
			return err
		}
		offset += box.size
	}
	if b.header == 0 || len(b.fragments) == 0 || b.open {
		return domain.Permanent(fmt.Errorf("no fragmented MP4, or one cut off"))
	}
	return nil
}

func (b *builder) moov(box boxHeader) error {
	if b.header != 0 {
		return domain.Permanent(fmt.Errorf("moov at %d: a second one", box.offset))
	}
	moov, err := readBody(b.r, box)
	if err != nil {
		return err
	}
	movie := moov.find("mvhd")
	if b.tracks, err = readTracks(moov, movie.word(4+versioned(movie, 8, 16))); err != nil {
		return err
	}
	b.header = box.offset + box.size
	return nil
}

// moof opens a fragment and places its samples. One without any picture of a file that has pictures is what follows of the
// fragment before: it does not play on its own.
func (b *builder) moof(box boxHeader) error {
	if b.header == 0 || b.open {
		return domain.Permanent(fmt.Errorf("moof at %d: before moov, or without the mdat of the one before", box.offset))
	}
	moof, err := readBody(b.r, box)
	if err != nil {
		return err
	}
	timing := b.timing()
	before := timing.placed
	first := place{offset: box.offset, data: box.offset}
	for traf := range moof.children("traf") {
		if first.data, err = b.traf(traf, first); err != nil {
			return fmt.Errorf("moof at %d: %w", box.offset, err)
		}
	}
	b.open = true
	if timing.placed == before && len(b.fragments) > 0 {
		return nil
	}
	if len(b.fragments) == maxFragments {
		return domain.Permanent(fmt.Errorf("more than %d fragments", maxFragments))
	}
	b.fragments = append(b.fragments, Fragment{Offset: box.offset})
	if timing.placed > before {
		f := &b.fragments[len(b.fragments)-1]
		run := timing.runs[len(timing.runs)-1]
		f.Keyframe, f.StartS, f.LengthS = timing.kind != "video" || run.keyframe, run.StartS, run.LengthS
	}
	return nil
}

// mdat closes the fragment.
func (b *builder) mdat(box boxHeader) {
	if b.open {
		f := &b.fragments[len(b.fragments)-1]
		f.Size = box.offset + box.size - f.Offset
		b.open = false
	}
}

// timing is the track that times the fragments: the picture's, else the first.
func (b *builder) timing() *track {
	for _, t := range b.tracks {
		if t.kind == "video" {
			return t
		}
	}
	return b.tracks[0]
}

func (b *builder) index() Index {
	x := Index{Version: Version, Bytes: b.size, Header: b.header, Fragments: b.fragments}
	codecs := make([]string, len(b.tracks))
	known := true
	for i, t := range b.tracks {
		x.LengthS = max(x.LengthS, t.seconds(t.end))
		out := Track{ID: t.id, Kind: t.kind, Codec: t.codec, Timescale: t.timescale, Samples: t.placed, Runs: []Run{}}
		for _, r := range t.runs {
			out.Runs = append(out.Runs, r.Run)
		}
		x.Tracks = append(x.Tracks, out)
		codecs[i] = t.codec
		known = known && t.codec != ""
	}
	if known {
		x.Codecs = strings.Join(codecs, ",")
	}
	x.Heads = Heads{Frame: b.frameHead(), S1: b.head(1), S2: b.head(2), S4: b.head(4)}
	return x
}

// head is the end over all tracks of the samples presented before t seconds.
func (b *builder) head(t float64) int64 {
	end := b.header
	for _, tr := range b.tracks {
		end = max(end, tr.endBefore(t))
	}
	return end
}

// frameHead is the end of the picture shown first, and of the sound beside it while it is shown.
func (b *builder) frameHead() int64 {
	t := b.timing()
	if len(t.early) == 0 {
		return b.header
	}
	first := t.early[0]
	for _, s := range t.early {
		if s.start >= 0 && (first.start < 0 || s.start < first.start) {
			first = s
		}
	}
	end := max(b.header, first.end)
	for _, tr := range b.tracks {
		if tr != t {
			end = max(end, tr.endBefore(t.seconds(first.start+first.length)))
		}
	}
	return end
}

// boxHeader of a box at offset.
type boxHeader struct {
	kind         string
	offset, size int64
	head         int64 // bytes of the header itself
}

func readBoxHeader(r io.ReaderAt, offset, size int64) (boxHeader, error) {
	var b [16]byte
	n, err := r.ReadAt(b[:min(16, size-offset)], offset)
	if err != nil && err != io.EOF {
		return boxHeader{}, fmt.Errorf("box at %d: %w", offset, err)
	}
	if n < 8 {
		return boxHeader{}, domain.Permanent(fmt.Errorf("box at %d: cut off", offset))
	}
	box := boxHeader{string(b[4:8]), offset, int64(binary.BigEndian.Uint32(b[:4])), 8}
	switch {
	case box.size == 0:
		box.size = size - offset
	case box.size == 1 && n == 16:
		box.size, box.head = int64(binary.BigEndian.Uint64(b[8:])), 16
	}
	if box.size < box.head || box.size > size-offset {
		return boxHeader{}, domain.Permanent(fmt.Errorf("box at %d: %d bytes do not fit", offset, box.size))
	}
	return box, nil
}

// readBody reads what the box holds.
func readBody(r io.ReaderAt, box boxHeader) (fields, error) {
	if box.size > maxBox {
		return nil, domain.Permanent(fmt.Errorf("%s at %d: has %d bytes, at most %d are read", box.kind, box.offset, box.size, maxBox))
	}
	data := make(fields, box.size-box.head)
	if n, err := r.ReadAt(data, box.offset+box.head); n < len(data) {
		return nil, fmt.Errorf("%s at %d: %w", box.kind, box.offset, err)
	}
	return data, nil
}

// micro rounds seconds to the microsecond, so that the JSON stays short.
func micro(s float64) float64 { return math.Round(s*1e6) / 1e6 }
