package cea

import (
	"math/bits"
	"time"
)

// Line 21 (CEA-608): two bytes a field, each with odd parity; field 1 carries CC1 and CC2, field 2 carries CC3 and CC4.
const (
	rows608    = 15
	columns608 = 32
)

// field follows one field.
type field struct {
	number   int // 0, 1
	channels [2]*channel
	current  int     // channel that characters belong to
	last     [2]byte // control code that its repetition is left out of
	xds      bool    // what comes is not captions
}

// mode is how a channel's captions come.
type mode int

const (
	modeNone mode = iota // nothing is known yet: a stream that is joined in its midst
	modePop
	modePaint
	modeRoll
	modeText // a text service, not captions
)

// channel is one of CC1 to CC4.
type channel struct {
	name        string
	mode        mode
	shown       *screen
	hidden      *screen
	row, column int
	depth       int // rows that roll up
	lines       []Line
}

func newChannel(name string) *channel {
	c := &channel{name: name, shown: newScreen(rows608, columns608), hidden: newScreen(rows608, columns608), row: rows608 - 1}
	c.shown.shown = true
	return c
}

// pair takes the two bytes of a field.
func (f *field) pair(at time.Duration, a, b byte) {
	good1, good2 := odd(a), odd(b)
	a, b = a&0x7f, b&0x7f
	switch {
	case a == 0 && b == 0:
		return // nothing is said
	case !good1 && a < 0x20:
		f.last = [2]byte{}
		return
	case a >= 0x10 && a < 0x20:
		if !good2 {
			f.last = [2]byte{}
			return
		}
		f.control(at, a, b)
		return
	case a > 0 && a < 0x10: // XDS, in field 2
		f.xds = f.number == 1 && a != 0x0f
		f.last = [2]byte{}
		return
	}
	f.last = [2]byte{}
	if f.xds {
		return
	}
	c := f.channels[f.current]
	for i, v := range []byte{a, b} {
		if good := []bool{good1, good2}[i]; good && v >= 0x20 {
			c.put(at, basic(v))
		}
	}
}

func odd(b byte) bool { return bits.OnesCount8(b)%2 == 1 }

// control takes a control code, once of the two times that it is sent.
func (f *field) control(at time.Duration, a, b byte) {
	if code := [2]byte{a, b}; code == f.last {
		f.last = [2]byte{}
		return
	}
	f.last = [2]byte{a, b}
	f.xds = false
	f.current = int(a >> 3 & 1)
	c := f.channels[f.current]
	switch a &^= 8; {
	case b >= 0x40:
		c.address(at, a, b)
	case (a == 0x14 || a == 0x15) && b >= 0x20 && b <= 0x2f:
		c.command(at, b)
	case a == 0x17 && b >= 0x21 && b <= 0x23:
		c.column = min(c.column+int(b-0x20), columns608-1)
	case a == 0x11 && b >= 0x20 && b <= 0x2f: // a change of style takes a cell
		c.put(at, ' ')
	case a == 0x11 && b >= 0x30 && b <= 0x3f:
		c.put(at, special[b-0x30])
	case (a == 0x12 || a == 0x13) && b >= 0x20 && b <= 0x3f: // stands in for the character before it
		c.column = max(0, c.column-1)
		c.put(at, extended[a-0x12][b-0x20])
	}
}

// rowsOf are what a preamble's first byte and the bit 0x20 of its second name, from 1.
var rowsOf = [8][2]int{{11, 11}, {1, 2}, {3, 4}, {12, 13}, {14, 15}, {5, 6}, {7, 8}, {9, 10}}

// address moves to a row and a column.
func (c *channel) address(at time.Duration, a, b byte) {
	to := rowsOf[a&7][b>>5&1] - 1
	if c.mode == modeRoll && to != c.row {
		c.moveBase(at, to)
	}
	c.row, c.column = to, 0
	if b&0x10 != 0 {
		c.column = int(b&0x0e) * 2
	}
}

// moveBase moves the rows that roll up.
func (c *channel) moveBase(at time.Duration, to int) {
	moved := make([]row, rows608)
	for i := range min(c.depth, c.row+1, to+1) {
		moved[to-i] = c.shown.rows[c.row-i]
		c.shown.rows[c.row-i] = row{}
	}
	c.flush(at)
	c.shown.rows = moved
}

func (c *channel) command(at time.Duration, b byte) {
	switch b {
	case 0x20: // resume caption loading
		c.mode = modePop
	case 0x21: // backspace
		if c.column > 0 && c.mode != modeNone && c.mode != modeText {
			c.column--
			c.memory().put(at, c.row, c.column, 0)
		}
	case 0x24: // delete to the end of the row
		c.deleteToEnd()
	case 0x25, 0x26, 0x27: // roll-up captions
		c.rollUp(at, int(b-0x23))
	case 0x29: // resume direct captioning
		if c.mode == modeRoll {
			c.flush(at)
		}
		c.mode, c.shown.rolls = modePaint, false
	case 0x2a, 0x2b: // text
		c.mode = modeText
	case 0x2c: // erase displayed memory
		c.erase(at)
	case 0x2d: // carriage return
		c.carriage(at)
	case 0x2e: // erase non-displayed memory
		c.hidden.clear()
	case 0x2f: // end of caption: what was loaded is shown
		c.erase(at)
		c.shown, c.hidden = c.hidden, c.shown
		c.mode, c.hidden.shown, c.shown.rolls = modePop, false, false
		c.shown.show(at)
	}
}

func (c *channel) rollUp(at time.Duration, depth int) {
	if c.mode != modeRoll {
		c.erase(at)
		c.hidden.clear()
		c.row, c.column = rows608-1, 0
	}
	c.mode, c.depth, c.shown.rolls = modeRoll, depth, true
}

func (c *channel) carriage(at time.Duration) {
	if c.mode != modeRoll {
		return
	}
	c.give(c.shown.take(at, c.row))
	c.shown.roll(max(0, c.row-c.depth+1), c.row)
	for i := range max(0, c.row-c.depth+1) {
		c.shown.rows[i] = row{}
	}
	c.column = 0
}

func (c *channel) deleteToEnd() {
	if c.mode == modeNone || c.mode == modeText {
		return
	}
	w := &c.memory().rows[c.row]
	w.cells = w.cells[:min(len(w.cells), c.column)]
	w.sent = min(w.sent, len(w.cells))
}

// memory is where characters go.
func (c *channel) memory() *screen {
	if c.mode == modePop {
		return c.hidden
	}
	return c.shown
}

func (c *channel) put(at time.Duration, char rune) {
	if c.mode == modeNone || c.mode == modeText {
		return
	}
	c.memory().put(at, c.row, c.column, char)
	c.column = min(c.column+1, columns608-1)
}

func (c *channel) erase(at time.Duration) {
	c.flush(at)
	c.shown.clear()
}

// flush gives what is shown.
func (c *channel) flush(at time.Duration) { c.give(c.shown.takeAll(at)) }

func (c *channel) give(l Line, ok bool) {
	if ok {
		l.Channel = c.name
		c.lines = append(c.lines, l)
	}
}

func (c *channel) due(at time.Duration)          { c.give(c.shown.due(at)) }
func (c *channel) opened() (time.Duration, bool) { return c.shown.opened() }
func (c *channel) written() bool                 { return !c.shown.empty() || !c.hidden.empty() }
func (c *channel) taken() []Line {
	lines := c.lines
	c.lines = nil
	return lines
}

// basic characters are ASCII's, but for a few.
func basic(b byte) rune {
	switch b {
	case 0x27:
		return '’'
	case 0x2a:
		return 'á'
	case 0x5c:
		return 'é'
	case 0x5e:
		return 'í'
	case 0x5f:
		return 'ó'
	case 0x60:
		return 'ú'
	case 0x7b:
		return 'ç'
	case 0x7c:
		return '÷'
	case 0x7d:
		return 'Ñ'
	case 0x7e:
		return 'ñ'
	case 0x7f:
		return '█'
	}
	return rune(b)
}

var (
	special  = []rune("®°½¿™¢£♪à\u00a0èâêîôû")
	extended = [2][]rune{
		[]rune("ÁÉÓÚÜü‘¡*'—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»"),
		[]rune(`ÃãÍÌìÒòÕõ{}\^_|~ÄäÖöß¥¤│ÅåØø┌┐└┘`),
	}
)
