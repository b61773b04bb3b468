package recording

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"liveclip/internal/domain"
)

// A segment is the same bytes in the spool and in the store: before each part lies an index box, a "free" box (which every
// reader of MP4 skips) that says the part's run, window and checksum. An initialisation segment ends with a "free" box of
// its parameters.
//
//	size=48 "free" "lcp1" run:4 start:8 end:8 keyframe:4 size:4 0:4 crc32c:4   then moof+mdat
//
// The checksum is over the box up to itself and the part: a torn or damaged tail is seen.
const (
	indexSize = 48
	partMagic = "freelcp1"
	initMagic = "freelci1"
	// maxPart is the greatest part, in bytes: more is damage.
	maxPart = 48 << 20
)

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// errTorn is a record that is not whole.
var errTorn = errors.New("record is torn or damaged")

// indexBox describes a part.
func indexBox(p Part) []byte {
	b := make([]byte, 0, indexSize)
	b = binary.BigEndian.AppendUint32(b, indexSize)
	b = append(b, partMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(p.Run))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Window.Start))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Window.End))
	b = binary.BigEndian.AppendUint32(b, flag(p.Keyframe))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Data)))
	b = append(b, 0, 0, 0, 0) // reserved
	return binary.BigEndian.AppendUint32(b, checksum(b, p.Data))
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func checksum(head, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, crcTable), crcTable, data)
}

// parseIndexBox reads an index box; size is of the part that follows.
func parseIndexBox(b []byte) (p Part, size int, err error) {
	if len(b) < indexSize || binary.BigEndian.Uint32(b) != indexSize || string(b[4:12]) != partMagic {
		return Part{}, 0, errTorn
	}
	p.Run = int(binary.BigEndian.Uint32(b[12:]))
	p.Window.Start = time.Duration(binary.BigEndian.Uint64(b[16:]))
	p.Window.End = time.Duration(binary.BigEndian.Uint64(b[24:]))
	p.Keyframe = binary.BigEndian.Uint32(b[32:]) == 1
	size = int(binary.BigEndian.Uint32(b[36:]))
	if size > maxPart || p.Window.Start < 0 || p.Window.End < p.Window.Start {
		return Part{}, 0, errTorn
	}
	return p, size, nil
}

// readPart reads the next part of a segment: io.EOF at its end, errTorn when what follows is not whole.
func readPart(r io.Reader) (Part, error) {
	head := make([]byte, indexSize)
	if _, err := io.ReadFull(r, head); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errTorn
		}
		return Part{}, err
	}
	p, size, err := parseIndexBox(head)
	if err != nil {
		return Part{}, err
	}
	if p.Data, err = readExactly(r, size); err != nil {
		return Part{}, err
	}
	if checksum(head[:indexSize-4], p.Data) != binary.BigEndian.Uint32(head[indexSize-4:]) {
		return Part{}, errTorn
	}
	return p, nil
}

// readExactly grows its buffer as bytes come: a size that lies costs nothing.
func readExactly(r io.Reader, size int) ([]byte, error) {
	const step = 1 << 20
	b := make([]byte, 0, min(size, step))
	for len(b) < size {
		from := len(b)
		b = append(b, make([]byte, min(size-from, max(step, from)))...)
		if _, err := io.ReadFull(r, b[from:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = errTorn
			}
			return nil, err
		}
	}
	return b, nil
}

// initFile is an initialisation segment with its parameters.
func initFile(i Init) ([]byte, error) {
	parameters, err := json.Marshal(i.Parameters)
	if err != nil {
		return nil, err
	}
	b := append([]byte{}, i.Data...)
	size := 4 + len(initMagic) + len(parameters) + 8
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	b = append(append(b, initMagic...), parameters...)
	b = binary.BigEndian.AppendUint32(b, checksum(parameters, i.Data))
	return binary.BigEndian.AppendUint32(b, uint32(size)), nil
}

// parseInitFile reads an initialisation segment back, without the box that describes it.
func parseInitFile(b []byte, run int) (Init, error) {
	if len(b) < 4 {
		return Init{}, errTorn
	}
	size := int64(binary.BigEndian.Uint32(b[len(b)-4:]))
	const fixed = 4 + len(initMagic) + 8
	if size < int64(fixed) || size > int64(len(b)) {
		return Init{}, errTorn
	}
	data, box := b[:len(b)-int(size)], b[len(b)-int(size):]
	parameters := box[4+len(initMagic) : len(box)-8]
	if string(box[4:4+len(initMagic)]) != initMagic || checksum(parameters, data) != binary.BigEndian.Uint32(box[len(box)-8:]) {
		return Init{}, errTorn
	}
	i := Init{Run: run, Data: data}
	if err := json.Unmarshal(parameters, &i.Parameters); err != nil {
		return Init{}, fmt.Errorf("%w: %w", errTorn, err)
	}
	return i, nil
}

// entry is one record of the log of what was heard: a line, what nobody heard, loudness, how far everything was heard, or the end
// of the broadcast.
type entry struct {
	Line    *domain.TranscriptLine `json:",omitempty"`
	Unheard *domain.Unheard        `json:",omitempty"`
	Sound   *domain.SoundMeasured  `json:",omitempty"`
	Heard   time.Duration          `json:",omitempty"`
	Closed  *closed                `json:",omitempty"`
}

// closed is the record closed.json.
type closed struct {
	At     time.Duration
	Reason string
	Epoch  int64
}

func (e entry) encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(b, crcTable), b), nil
}

// decodeEntry reads one line of the log, without its newline.
func decodeEntry(b []byte) (entry, error) {
	if len(b) < 10 || b[8] != ' ' || fmt.Sprintf("%08x", crc32.Checksum(b[9:], crcTable)) != string(b[:8]) {
		return entry{}, errTorn
	}
	var e entry
	if err := json.Unmarshal(b[9:], &e); err != nil {
		return entry{}, fmt.Errorf("%w: %w", errTorn, err)
	}
	return e, nil
}
