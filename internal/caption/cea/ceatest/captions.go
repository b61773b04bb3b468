// Package ceatest writes closed captions, for tests: CEA-608 and CEA-708 as cc_data of each picture, and into the SEI messages of
// an H.264 or HEVC stream.
package ceatest

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"time"
	"unicode/utf16"
)

// FrameRate of the pictures that captions are written for: one pair of bytes a field and picture.
const FrameRate = 30

// Captions are what each picture carries.
type Captions struct {
	fields   [2]map[int][2]byte
	digital  map[int][]byte // service blocks of service 1
	sequence int
}

// New has no captions yet.
func New() *Captions {
	return &Captions{fields: [2]map[int][2]byte{{}, {}}, digital: map[int][]byte{}}
}

// Frame is the picture shown at a time.
func Frame(at time.Duration) int { return int(at * FrameRate / time.Second) }

// Time is when a picture is shown.
func Time(frame int) time.Duration { return time.Duration(frame) * time.Second / FrameRate }

// Put writes pairs of bytes (without parity) into a field, one a picture, from a picture on.
func (c *Captions) Put(field, frame int, pairs ...[2]byte) (next int) {
	for _, p := range pairs {
		for c.taken(field, frame) {
			frame++
		}
		c.fields[field][frame] = p
		frame++
	}
	return frame
}

func (c *Captions) taken(field, frame int) bool {
	_, ok := c.fields[field][frame]
	return ok
}

// Control is a control code of channel 0 or 1 of a field, twice.
func Control(channel int, a, b byte) [][2]byte {
	p := [2]byte{a | byte(channel)<<3, b}
	return [][2]byte{p, p}
}

// Text in the basic characters; others are given as their bytes.
func Text(s string) [][2]byte {
	b := []byte(s)
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	var pairs [][2]byte
	for i := 0; i < len(b); i += 2 {
		pairs = append(pairs, [2]byte{b[i], b[i+1]})
	}
	return pairs
}

// Row moves to a row, 1 to 15, and an indent in fours.
func Row(channel, row, indent int) [][2]byte {
	codes := [16][2]byte{{}, {0x11, 0x40}, {0x11, 0x60}, {0x12, 0x40}, {0x12, 0x60}, {0x15, 0x40}, {0x15, 0x60}, {0x16, 0x40}, {0x16, 0x60},
		{0x17, 0x40}, {0x17, 0x60}, {0x10, 0x40}, {0x13, 0x40}, {0x13, 0x60}, {0x14, 0x40}, {0x14, 0x60}}
	code := codes[row]
	return Control(channel, code[0], code[1]|0x10|byte(indent)<<1)
}

// Pop loads a caption of several rows and shows it at a time; it is erased at another.
func (c *Captions) Pop(field, channel int, at, until time.Duration, rows ...string) {
	load := slices.Concat(Control(channel, 0x14, 0x2e), Control(channel, 0x14, 0x20))
	for i, r := range rows {
		load = slices.Concat(load, Row(channel, 15-len(rows)+1+i, 1), Text(r))
	}
	c.Put(field, Frame(at)-len(load)-2, load...)
	c.Put(field, Frame(at), Control(channel, 0x14, 0x2f)...)
	if until > 0 {
		c.Put(field, Frame(until), Control(channel, 0x14, 0x2c)...)
	}
}

// Roll types rows that roll up, one after another from a time on, and gives when each began.
func (c *Captions) Roll(field, channel, depth int, at time.Duration, rows ...string) (began []time.Duration) {
	frame := Frame(at)
	for _, r := range rows {
		frame = c.Put(field, frame, slices.Concat(Control(channel, 0x14, byte(0x23+depth)), Control(channel, 0x14, 0x2d), Row(channel, 15, 0))...)
		began = append(began, Time(frame))
		frame = c.Put(field, frame, Text(r)...)
	}
	return began
}

// Digital writes codes of CEA-708's service 1 into the picture shown at a time.
func (c *Captions) Digital(at time.Duration, codes ...byte) {
	c.digital[Frame(at)] = append(c.digital[Frame(at)], codes...)
}

// P16 is a text in CEA-708's characters of 16 bits.
func P16(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(append(b, 0x18), u)
	}
	return b
}

// Window defines a window of CEA-708: its number, whether it is shown, its rows and its columns.
func Window(number int, shown bool, rows, columns int) []byte {
	visible := byte(0)
	if shown {
		visible = 0x20
	}
	return []byte{0x98 | byte(number), visible | 0x18, 80, 0, byte(rows - 1), byte(columns - 1), 0x09}
}

// Data is the cc_data of a picture.
func (c *Captions) Data(frame int) []byte {
	var data []byte
	for field := range 2 {
		p := c.fields[field][frame]
		data = append(data, 0xfc|byte(field), parity(p[0]), parity(p[1]))
	}
	if codes := c.digital[frame]; len(codes) > 0 {
		var packet []byte
		for len(codes) > 0 {
			n := min(len(codes), 31)
			packet = append(append(packet, 1<<5|byte(n)), codes[:n]...)
			codes = codes[n:]
		}
		if len(packet)%2 == 0 {
			packet = append(packet, 0)
		}
		packet = append([]byte{byte(c.sequence&3)<<6 | byte((len(packet)+1)/2)}, packet...)
		c.sequence++
		for i := 0; i < len(packet); i += 2 {
			kind := byte(0xfe)
			if i == 0 {
				kind = 0xff
			}
			data = append(data, kind, packet[i], packet[i+1])
		}
	}
	return data
}

func parity(b byte) byte {
	if bits.OnesCount8(b)%2 == 0 {
		return b | 0x80
	}
	return b
}

// SEI is the NAL unit of a picture's cc_data.
func SEI(hevc bool, data []byte) []byte {
	payload := append([]byte("\xb5\x00\x31GA94\x03"), 0xc0|byte(len(data)/3), 0xff)
	payload = append(append(payload, data...), 0xff)
	message := []byte{4}
	size := len(payload)
	for ; size >= 255; size -= 255 {
		message = append(message, 255)
	}
	message = append(append(append(message, byte(size)), payload...), 0x80)
	nal := []byte{6}
	if hevc {
		nal = []byte{39 << 1, 1}
	}
	zeros := 0
	for _, b := range message {
		if zeros >= 2 && b <= 3 {
			nal, zeros = append(nal, 3), 0
		}
		if zeros++; b != 0 {
			zeros = 0
		}
		nal = append(nal, b)
	}
	return nal
}

// Inject puts captions into a stream of NAL units with start codes whose pictures are shown as they are decoded, and begin with
// an access unit delimiter.
func (c *Captions) Inject(hevc bool, stream []byte) []byte {
	var out []byte
	frame, waiting := -1, false
	for _, nal := range nals(stream) {
		kind := nal[0] & 0x1f
		delimiter, picture := kind == 9, kind == 1 || kind == 5
		if hevc {
			kind = nal[0] >> 1 & 0x3f
			delimiter, picture = kind == 35, kind < 32
		}
		if delimiter {
			frame, waiting = frame+1, true
		}
		if picture && waiting {
			out = append(append(out, 0, 0, 0, 1), SEI(hevc, c.Data(frame))...)
			waiting = false
		}
		out = append(append(out, 0, 0, 0, 1), nal...)
	}
	return out
}

func nals(stream []byte) [][]byte {
	var found [][]byte
	for _, nal := range bytes.Split(stream, []byte{0, 0, 1}) {
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) > 0 {
			found = append(found, nal)
		}
	}
	return found
}
