package cea

import (
	"strings"
	"time"

	"liveclip/internal/wording"
)

// Line is a caption, or a row of one that rolls up, as long as it was shown.
type Line struct {
	Start, End time.Duration
	Text       string
	Channel    string // cc1 to cc4, service1
}

const (
	longest = 15 * time.Second // a caption that stands longer is a line as soon as it has stood so long
	idle    = 2 * time.Second  // a row that is being typed is a line when nothing was added to it for so long
)

// row is one row of a screen.
type row struct {
	cells []rune        // 0: nothing there
	sent  int           // cells that were given as a line
	from  time.Duration // when the first of the others was shown
	last  time.Duration // and the last
	open  bool          // there are others, and they are shown
}

// screen is a memory of rows: what is shown, or what will be.
type screen struct {
	rows    []row
	columns int
	shown   bool
	rolls   bool // rows are typed, and roll up
}

func newScreen(rows, columns int) *screen { return &screen{rows: make([]row, rows), columns: columns} }

// put writes a character into a cell.
func (s *screen) put(at time.Duration, r, column int, char rune) {
	w := &s.rows[r]
	column = min(column, s.columns-1)
	for len(w.cells) <= column {
		w.cells = append(w.cells, 0)
	}
	w.cells[column] = char
	w.sent = min(w.sent, column)
	if s.shown && char != 0 && char != ' ' {
		s.begin(w, at)
	}
}

func (s *screen) begin(w *row, at time.Duration) {
	if w.last = at; !w.open {
		w.open, w.from = true, at
	}
}

// show makes what was written visible.
func (s *screen) show(at time.Duration) {
	s.shown = true
	for i := range s.rows {
		if s.rows[i].text() != "" {
			s.begin(&s.rows[i], at)
		}
	}
}

// text of a row that was not given yet.
func (w *row) text() string {
	var b strings.Builder
	for _, c := range w.cells[min(w.sent, len(w.cells)):] {
		if c == 0 {
			c = ' '
		}
		b.WriteRune(c)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// take gives what of the rows is shown and was not given yet, as one line; false: nothing is.
func (s *screen) take(at time.Duration, rows ...int) (Line, bool) {
	var l Line
	for _, i := range rows {
		w := &s.rows[i]
		text := w.text()
		if !w.open || text == "" {
			w.open = false
			continue
		}
		if l.Text == "" || w.from < l.Start {
			l.Start = w.from
		}
		l.Text = wording.JoinTexts(l.Text, text)
		l.End = max(l.End, at)
		if s.rolls {
			l.End = min(l.End, w.last+idle)
		}
		w.sent, w.open = len(w.cells), false
	}
	return l, l.Text != ""
}

func (s *screen) takeAll(at time.Duration) (Line, bool) {
	all := make([]int, len(s.rows))
	for i := range all {
		all[i] = i
	}
	return s.take(at, all...)
}

// due gives what has stood, or not grown, for so long that it is a line.
func (s *screen) due(at time.Duration) (Line, bool) {
	for i := range s.rows {
		w := &s.rows[i]
		switch {
		case w.open && s.rolls && at-w.last >= idle:
			return s.take(at, i)
		case w.open && !s.rolls && at-w.from >= longest:
			return s.takeAll(w.from + longest)
		}
	}
	return Line{}, false
}

// opened is when what is shown and was not given began; false: there is nothing.
func (s *screen) opened() (from time.Duration, ok bool) {
	for _, w := range s.rows {
		if w.open && (!ok || w.from < from) {
			from, ok = w.from, true
		}
	}
	return from, ok
}

// roll moves the rows top to base up by one.
func (s *screen) roll(top, base int) {
	copy(s.rows[top:base], s.rows[top+1:base+1])
	s.rows[base] = row{}
}

func (s *screen) clear() { clear(s.rows) }

// empty: nothing is written on it.
func (s *screen) empty() bool {
	for i := range s.rows {
		if s.rows[i].text() != "" {
			return false
		}
	}
	return true
}
