package typeset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// metrics are the widths of a font's characters: the tables cmap, head, hhea and hmtx of a TrueType or OpenType file,
// or of the first font of a collection. Only what is asked for is read, so that measuring a line does not take a whole
// font of 16 MB into memory.
type metrics struct {
	unitsPerEm int
	widths     []byte // hmtx: 4 bytes a glyph, the first 2 its advance
	ends       int    // glyphs in widths; all others are as wide as the last
	cmap       []byte // one subtable
}

var errFont = errors.New("not a TrueType or OpenType font")

// maxTable is the greatest font table that is read into memory.
const maxTable = 8 << 20

func readMetrics(path string) (*metrics, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseMetrics(file)
}

func parseMetrics(r io.ReaderAt) (*metrics, error) {
	head, err := readTable(r, 0, 16)
	if err != nil {
		return nil, err
	}
	at := uint32(0)
	if string(head[:4]) == "ttcf" {
		at = binary.BigEndian.Uint32(head[12:])
	}
	tables, err := readTables(r, at, "cmap", "head", "hhea", "hmtx")
	if err != nil {
		return nil, err
	}
	if len(tables["head"]) < 20 || len(tables["hhea"]) < 36 {
		return nil, errFont
	}
	m := &metrics{
		unitsPerEm: int(binary.BigEndian.Uint16(tables["head"][18:])),
		ends:       int(binary.BigEndian.Uint16(tables["hhea"][34:])),
		widths:     tables["hmtx"],
	}
	if m.unitsPerEm == 0 || m.ends == 0 || len(m.widths) < 4*m.ends {
		return nil, errFont
	}
	m.cmap, err = unicodeSubtable(tables["cmap"])
	return m, err
}

func readTable(r io.ReaderAt, at, n uint32) ([]byte, error) {
	if n > maxTable {
		return nil, fmt.Errorf("%w: table of %d bytes", errFont, n)
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, int64(at)); err != nil {
		return nil, fmt.Errorf("%w: %w", errFont, err)
	}
	return b, nil
}

func readTables(r io.ReaderAt, at uint32, names ...string) (map[string][]byte, error) {
	head, err := readTable(r, at, 12)
	if err != nil {
		return nil, err
	}
	directory, err := readTable(r, at+12, 16*uint32(binary.BigEndian.Uint16(head[4:])))
	if err != nil {
		return nil, err
	}
	tables := map[string][]byte{}
	for ; len(directory) > 0; directory = directory[16:] {
		for _, name := range names {
			if string(directory[:4]) != name {
				continue
			}
			if tables[name], err = readTable(r, binary.BigEndian.Uint32(directory[8:]), binary.BigEndian.Uint32(directory[12:])); err != nil {
				return nil, err
			}
		}
	}
	return tables, nil
}

// unicodeSubtable picks the character map that knows most: format 12 (all planes), else format 4.
func unicodeSubtable(cmap []byte) (best []byte, err error) {
	if len(cmap) < 4 {
		return nil, errFont
	}
	for i := range int(binary.BigEndian.Uint16(cmap[2:])) {
		record := 4 + 8*i
		if record+8 > len(cmap) {
			return nil, errFont
		}
		platform, at := binary.BigEndian.Uint16(cmap[record:]), binary.BigEndian.Uint32(cmap[record+4:])
		if platform != 0 && platform != 3 || uint64(at)+16 > uint64(len(cmap)) {
			continue
		}
		switch sub := cmap[at:]; binary.BigEndian.Uint16(sub) {
		case 12:
			return sub, nil
		case 4:
			best = sub
		}
	}
	if best == nil {
		return nil, errFont
	}
	return best, nil
}

// glyph is the number of a character's glyph; 0 when the font does not have it.
func (m *metrics) glyph(r rune) int {
	if binary.BigEndian.Uint16(m.cmap) == 12 {
		return m.glyph12(uint32(r))
	}
	if r > 0xFFFF {
		return 0
	}
	return m.glyph4(int(r))
}

func (m *metrics) glyph12(r uint32) int {
	groups := m.cmap[16:]
	for n := binary.BigEndian.Uint32(m.cmap[12:]); n > 0 && len(groups) >= 12; n, groups = n-1, groups[12:] {
		from, to := binary.BigEndian.Uint32(groups), binary.BigEndian.Uint32(groups[4:])
		if r >= from && r <= to {
			return int(binary.BigEndian.Uint32(groups[8:]) + r - from)
		}
	}
	return 0
}

func (m *metrics) glyph4(r int) int {
	double := int(binary.BigEndian.Uint16(m.cmap[6:])) // twice the number of segments
	word := func(at int) int {
		if at < 0 || at+2 > len(m.cmap) {
			return 0
		}
		return int(binary.BigEndian.Uint16(m.cmap[at:]))
	}
	for i := 0; i < double; i += 2 {
		if r > word(14+i) {
			continue
		}
		start := word(16 + double + i)
		if r < start {
			return 0
		}
		delta, at := word(16+2*double+i), 16+3*double+i
		if word(at) == 0 {
			return (r + delta) & 0xFFFF
		}
		if g := word(at + word(at) + 2*(r-start)); g != 0 {
			return (g + delta) & 0xFFFF
		}
		return 0
	}
	return 0
}

// advance is how wide a character is, in ems.
func (m *metrics) advance(r rune) float64 {
	g := min(m.glyph(r), m.ends-1)
	return float64(binary.BigEndian.Uint16(m.widths[4*max(0, g):])) / float64(m.unitsPerEm)
}
