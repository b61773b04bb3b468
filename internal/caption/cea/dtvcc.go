package cea

import (
	"encoding/binary"
	"slices"
	"time"
	"unicode/utf16"

	"liveclip/internal/wording"
)

// DTVCC (CEA-708): packets of service blocks; a service is a stream of characters and commands that draw into eight windows.
const (
	windows       = 8
	mostRows      = 15
	mostColumns   = 64 // the standard has 42; senders have been seen to write past what they declare
	mostWaiting   = 64 // bytes of a command that is not whole yet; the longest has 33
	firstService  = 1
	extendedBlock = 7
)

// dtvcc puts packets together.
type dtvcc struct {
	packet   []byte
	want     int // bytes of it; 0: none began
	sequence int
	known    bool // sequence is that of the packet before
	service  *service
}

// bytes takes a construct's two bytes; starts: they begin a packet.
func (d *dtvcc) bytes(at time.Duration, starts bool, a, b byte) {
	if starts {
		d.packet = d.packet[:0]
		if d.want = 2 * int(a&0x3f); d.want == 0 {
			d.want = 128
		}
	}
	if d.want == 0 {
		return
	}
	if d.packet = append(d.packet, a, b); len(d.packet) < d.want {
		return
	}
	d.want = 0
	sequence := int(d.packet[0] >> 6)
	if d.known && sequence != (d.sequence+1)&3 { // one was lost
		d.service.waiting = nil
	}
	d.sequence, d.known = sequence, true
	d.blocks(at, d.packet[1:])
}

// blocks parts a packet by service.
func (d *dtvcc) blocks(at time.Duration, b []byte) {
	for len(b) > 0 {
		number, size := int(b[0]>>5), int(b[0]&0x1f)
		b = b[1:]
		if number == 0 {
			return // the rest fills up
		}
		if number == extendedBlock && size > 0 && len(b) > 0 {
			number = int(b[0] & 0x3f)
			b = b[1:]
		}
		if size > len(b) {
			return
		}
		if number == firstService {
			d.service.take(at, b[:size])
		}
		b = b[size:]
	}
}

// service follows one service.
type service struct {
	name    string
	windows [windows]*window // nil: not defined
	current int
	waiting []byte // the beginning of a command
	high    uint16 // the first half of a character beyond 16 bits
	lines   []Line
}

// window is an area that text is written into.
type window struct {
	*screen
	row, column int
	top         int // how far down the picture it lies
}

func newService(name string) *service { return &service{name: name} }

func (s *service) take(at time.Duration, b []byte) {
	b = append(s.waiting, b...)
	for len(b) > 0 {
		n := length(b)
		if n == 0 || n > len(b) {
			break
		}
		s.command(at, b[:n])
		b = b[n:]
	}
	s.waiting = nil
	if len(b) < mostWaiting {
		s.waiting = slices.Clone(b)
	}
}

// parameters of the commands 0x80 to 0x9f.
var parameters = [32]int{8: 1, 9: 1, 10: 1, 11: 1, 12: 1, 13: 1, 16: 2, 17: 3, 18: 2, 23: 4, 24: 6, 25: 6, 26: 6, 27: 6, 28: 6, 29: 6, 30: 6, 31: 6}

const (
	codeBack     = 0x08
	codeClear    = 0x0c
	codeReturn   = 0x0d
	codeRowBack  = 0x0e
	codeExtended = 0x10
	codeP16      = 0x18
)

// length of the command or character that b begins with; 0: not known yet.
func length(b []byte) int {
	switch c := b[0]; {
	case c == codeExtended:
		if len(b) < 2 {
			return 0
		}
		return 1 + extendedLength(b[1:])
	case c < 0x10:
		return 1
	case c < 0x18:
		return 2
	case c < 0x20:
		return 3
	case c >= 0x80 && c < 0xa0:
		return 1 + parameters[c-0x80]
	}
	return 1
}

func extendedLength(b []byte) int {
	switch c := b[0]; {
	case c < 0x20:
		return 1 + int(c>>3)
	case c >= 0x80 && c < 0x88:
		return 5
	case c >= 0x88 && c < 0x90:
		return 6
	case c >= 0x90 && c < 0xa0: // its length is in the byte that follows
		if len(b) < 2 {
			return 2
		}
		return 2 + int(b[1]&0x1f)
	}
	return 1
}

func (s *service) command(at time.Duration, b []byte) {
	switch c := b[0]; {
	case c == codeP16:
		s.unit(at, binary.BigEndian.Uint16(b[1:]))
	case c == codeExtended:
		if r := extra(b[1]); r != 0 {
			s.put(at, r)
		}
	case c < 0x20:
		s.format(at, c)
	case c == 0x7f:
		s.put(at, '♪')
	case c < 0x80, c >= 0xa0:
		s.put(at, rune(c)) // ASCII, Latin 1
	case c < 0x88:
		s.current = int(c & 7)
	case c >= 0x98:
		s.define(at, int(c&7), b[1:])
	default:
		s.control(at, c, b[1:])
	}
}

// unit takes a UTF-16 code unit.
func (s *service) unit(at time.Duration, u uint16) {
	r := rune(u)
	if utf16.IsSurrogate(r) {
		r = utf16.DecodeRune(rune(s.high), r)
		if s.high = 0; r == 0xfffd {
			s.high = u
			return
		}
	}
	s.high = 0
	if r >= 0x20 {
		s.put(at, r)
	}
}

func (s *service) put(at time.Duration, r rune) {
	w := s.windows[s.current]
	if w == nil {
		return
	}
	w.put(at, w.row, w.column, r)
	w.column = min(w.column+1, w.columns-1)
}

// format takes codes below 0x20.
func (s *service) format(at time.Duration, c byte) {
	w := s.windows[s.current]
	if w == nil {
		return
	}
	switch c {
	case codeBack:
		if w.column > 0 {
			w.column--
			w.put(at, w.row, w.column, 0)
		}
	case codeClear:
		s.give(w.takeAll(at))
		w.clear()
		w.row, w.column = 0, 0
	case codeReturn:
		w.newRow(s, at)
	case codeRowBack:
		s.give(w.take(at, w.row))
		w.rows[w.row], w.column = row{}, 0
	}
}

// newRow goes on to the next row. Of text that is typed while it is shown, the row before is a line; what came with it at once
// may be a caption of several rows, and waits.
func (w *window) newRow(s *service, at time.Duration) {
	if w.shown {
		w.rolls = true
		if w.rows[w.row].from < at {
			s.give(w.take(at, w.row))
		}
	}
	if w.column = 0; w.row < len(w.rows)-1 {
		w.row++
		return
	}
	s.give(w.take(at, 0))
	w.roll(0, w.row)
}

// define makes a window, or gives one that is there other properties.
func (s *service) define(at time.Duration, n int, p []byte) {
	visible, rows := p[0]&0x20 != 0, min(int(p[3]&0xf)+1, mostRows)
	s.current = n
	w := s.windows[n]
	if w == nil || len(w.rows) != rows {
		s.remove(at, n)
		w = &window{screen: newScreen(rows, mostColumns)}
		s.windows[n] = w
	}
	w.top = int(p[1] & 0x7f)
	if visible != w.shown {
		s.toggle(at, n, visible)
	}
}

func (s *service) remove(at time.Duration, n int) {
	if w := s.windows[n]; w != nil {
		s.give(w.takeAll(at))
		s.windows[n] = nil
	}
}

func (s *service) toggle(at time.Duration, n int, visible bool) {
	w := s.windows[n]
	switch {
	case w == nil:
	case visible && !w.shown:
		w.rolls = false
		w.show(at)
	case !visible && w.shown:
		s.give(w.takeAll(at))
		w.shown = false
		for i := range w.rows { // shown again, it is said again
			w.rows[i].sent = 0
		}
	}
}

// control takes the commands that windows are handled by.
func (s *service) control(at time.Duration, c byte, p []byte) {
	switch c {
	case 0x88, 0x89, 0x8a, 0x8b, 0x8c:
		for _, n := range s.downwards() {
			if p[0]>>n&1 == 0 {
				continue
			}
			switch w := s.windows[n]; {
			case w == nil:
			case c == 0x88: // clear
				s.give(w.takeAll(at))
				w.clear()
				w.row, w.column = 0, 0
			case c == 0x8c: // delete
				s.remove(at, n)
			default: // display, hide, toggle
				s.toggle(at, n, c == 0x89 || c == 0x8b && !w.shown)
			}
		}
	case 0x8f: // reset
		for _, n := range s.downwards() {
			s.remove(at, n)
		}
		s.current, s.high = 0, 0
	case 0x92: // pen location
		if w := s.windows[s.current]; w != nil {
			w.row, w.column = min(int(p[0]&0xf), len(w.rows)-1), min(int(p[1]&0x3f), w.columns-1)
		}
	}
}

// downwards are the windows' numbers as they lie in the picture: what ends together is read so.
func (s *service) downwards() []int {
	order := make([]int, windows)
	for i := range order {
		order[i] = i
	}
	top := func(n int) int {
		if s.windows[n] == nil {
			return 0
		}
		return s.windows[n].top
	}
	slices.SortStableFunc(order, func(a, b int) int { return top(a) - top(b) })
	return order
}

// give adds a line; what came and went with the one before belongs to it.
func (s *service) give(l Line, ok bool) {
	if !ok {
		return
	}
	l.Channel = s.name
	if n := len(s.lines) - 1; n >= 0 && s.lines[n].Start == l.Start && s.lines[n].End == l.End {
		s.lines[n].Text = wording.JoinTexts(s.lines[n].Text, l.Text)
		return
	}
	s.lines = append(s.lines, l)
}

func (s *service) due(at time.Duration) {
	for _, n := range s.downwards() {
		if w := s.windows[n]; w != nil {
			s.give(w.due(at))
		}
	}
}

func (s *service) opened() (from time.Duration, ok bool) {
	for _, w := range s.windows {
		if w == nil {
			continue
		}
		if f, open := w.opened(); open && (!ok || f < from) {
			from, ok = f, true
		}
	}
	return from, ok
}

func (s *service) written() bool {
	return slices.ContainsFunc(s.windows[:], func(w *window) bool { return w != nil && !w.empty() })
}

func (s *service) flush(at time.Duration) {
	for _, n := range s.downwards() {
		if w := s.windows[n]; w != nil {
			s.give(w.takeAll(at))
		}
	}
}

func (s *service) taken() []Line {
	lines := s.lines
	s.lines = nil
	return lines
}

// extra characters: the table G2, and what a caption's own sign is.
func extra(b byte) rune {
	switch {
	case b == 0x20 || b == 0x21:
		return ' '
	case b >= 0x76 && b <= 0x79:
		return []rune("⅛⅜⅝⅞")[b-0x76]
	case b >= 0x7a && b <= 0x7f:
		return []rune("│┐└─┘┌")[b-0x7a]
	}
	return map[byte]rune{0x25: '…', 0x2a: 'Š', 0x2c: 'Œ', 0x30: '█', 0x31: '‘', 0x32: '’', 0x33: '“', 0x34: '”', 0x35: '•',
		0x39: '™', 0x3a: 'š', 0x3c: 'œ', 0x3d: '℠', 0x3f: 'Ÿ'}[b]
}
