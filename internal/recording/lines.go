package recording

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
)

// linesSuffix is of a log of lines in the spool: {from}-{epoch}.lines. It becomes one object when it is complete.
const linesSuffix = ".lines"

// linesFile is a complete log that waits to be stored.
type linesFile struct {
	name    linesName
	path    string
	lines   []domain.TranscriptLine
	unheard []domain.Unheard
	sound   []domain.SoundMeasured
}

// linesRecord is an object of lines, and of what nobody heard and the loudness measured meanwhile.
type linesRecord struct {
	HeardTo time.Duration
	Lines   []domain.TranscriptLine
	Unheard []domain.Unheard       `json:",omitempty"`
	Sound   []domain.SoundMeasured `json:",omitempty"`
}

// Line adds a final line.
func (w *Writer) Line(l domain.TranscriptLine) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != nil {
		return fmt.Errorf("record line %s of broadcast %s: %w", l.ID, w.cfg.Broadcast, errClosed)
	}
	if slices.ContainsFunc(w.lines, func(o domain.TranscriptLine) bool { return o.ID == l.ID }) {
		return nil
	}
	if err := w.logEntry(entry{Line: &l}); err != nil {
		return fmt.Errorf("record line %s of broadcast %s: %w", l.ID, w.cfg.Broadcast, err)
	}
	w.lines = append(w.lines, l)
	w.wake()
	return nil
}

// Heard says that every final line ending before t was added, and everything before t that nobody heard.
func (w *Writer) Heard(t time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t <= w.heard || w.end != nil {
		return nil
	}
	if err := w.logEntry(entry{Heard: t}); err != nil {
		return fmt.Errorf("record what was heard of broadcast %s: %w", w.cfg.Broadcast, err)
	}
	w.heard = t
	if t-w.linesFor.from >= linesObject {
		if err := w.finishLines(); err != nil {
			return fmt.Errorf("record what was heard of broadcast %s: %w", w.cfg.Broadcast, err)
		}
	}
	w.wake()
	return nil
}

func (w *Writer) logEntry(e entry) error {
	if w.linesLog == nil {
		w.linesFor.epoch = w.cfg.Epoch
		path := filepath.Join(w.folder, fmt.Sprintf("%012d-%016d%s", floorMS(w.linesFor.from), w.cfg.Epoch, linesSuffix))
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		w.linesLog = file
	}
	b, err := e.encode()
	if err != nil {
		return err
	}
	_, err = w.linesLog.Write(b)
	return err
}

// finishLines makes an object of what was heard since the last one. Lines that end later go into the next.
func (w *Writer) finishLines() error {
	to := w.heard.Truncate(time.Millisecond)
	if w.end != nil { // nothing more will be heard: everything that was is stored
		for _, l := range w.lines {
			to = max(to, (l.End + time.Millisecond - 1).Truncate(time.Millisecond))
		}
	}
	if w.linesLog == nil || to <= w.linesFor.from && w.end == nil {
		return nil
	}
	done := linesFile{name: w.linesFor, path: w.linesLog.Name()}
	done.name.to = max(to, done.name.from)
	var later []domain.TranscriptLine
	for _, l := range w.lines {
		switch {
		case l.End <= done.name.from:
		case l.End <= done.name.to:
			done.lines = append(done.lines, l)
		default:
			later = append(later, l)
		}
	}
	until := done.name.to
	if w.end != nil {
		until = endless
	}
	done.unheard = unheardIn(w.unheard, domain.Window{Start: done.name.from, End: until})
	done.sound = soundIn(w.sound, done.name.from, until)
	if err := w.linesLog.Close(); err != nil {
		return err
	}
	w.pending, w.linesLog, w.linesFor.from = append(w.pending, done), nil, done.name.to
	if w.end != nil {
		return nil
	}
	// The next log begins at once: what is left of a killed process says how far was heard.
	if err := w.logEntry(entry{Heard: w.heard}); err != nil {
		return err
	}
	for i := range later {
		if err := w.logEntry(entry{Line: &later[i]}); err != nil {
			return err
		}
	}
	for _, u := range unheardIn(w.unheard, domain.Window{Start: done.name.to, End: endless}) {
		if err := w.logEntry(entry{Unheard: &u}); err != nil {
			return err
		}
	}
	for _, s := range soundIn(w.sound, done.name.to, endless) {
		if err := w.logEntry(entry{Sound: &s}); err != nil {
			return err
		}
	}
	w.forgetLines()
	return nil
}

// forgetLines bounds the lines, the windows unheard and the loudness in memory; those forgotten are in the store or wait to be.
func (w *Writer) forgetLines() {
	keep := w.heard - keepLines
	for _, f := range w.pending {
		keep = min(keep, f.name.from)
	}
	if keep <= w.from {
		return
	}
	w.from = keep
	w.lines = slices.DeleteFunc(w.lines, func(l domain.TranscriptLine) bool { return l.End <= keep })
	w.unheard = slices.DeleteFunc(w.unheard, func(u domain.Unheard) bool { return u.Window.End <= keep })
	w.sound = slices.DeleteFunc(w.sound, func(s domain.SoundMeasured) bool { return s.Start < keep })
}

// readLines reads a log that was left, up to a torn tail.
func readLines(r io.Reader) []entry {
	var entries []entry
	in := bufio.NewReader(r)
	for {
		b, err := in.ReadBytes('\n')
		if err != nil {
			return entries
		}
		e, err := decodeEntry(bytes.TrimSuffix(b, []byte("\n")))
		if err != nil {
			return entries
		}
		entries = append(entries, e)
	}
}

// resumeLines takes up the logs of lines that were left: their lines are known again, and become one object.
func (w *Writer) resumeLines(paths []string) error {
	slices.Sort(paths)
	for i, path := range paths {
		name, ok := parseLinesLog(filepath.Base(path))
		if !ok {
			continue
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		entries := readLines(file)
		if err := file.Close(); err != nil {
			return err
		}
		if i == 0 {
			w.from, w.heard, w.linesFor.from = name.from, name.from, name.from
		}
		w.takeEntries(entries)
	}
	slices.SortFunc(w.lines, func(a, b domain.TranscriptLine) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.ID, b.ID))
	})
	return w.rewriteLines(paths)
}

func (w *Writer) takeEntries(entries []entry) {
	for _, e := range entries {
		w.heard = max(w.heard, e.Heard)
		if e.Closed != nil {
			w.end = e.Closed
		}
		if e.Line != nil && !slices.ContainsFunc(w.lines, func(l domain.TranscriptLine) bool { return l.ID == e.Line.ID }) {
			w.lines = append(w.lines, *e.Line)
		}
		if e.Unheard != nil {
			w.unheard = joinUnheard(w.unheard, *e.Unheard)
		}
		if e.Sound != nil && (len(w.sound) == 0 || w.sound[len(w.sound)-1].Start < e.Sound.Start) {
			w.sound = append(w.sound, *e.Sound)
		}
	}
}

// rewriteLines puts what the old logs said into one of this epoch, then removes them.
func (w *Writer) rewriteLines(old []string) error {
	if len(old) == 0 {
		return nil
	}
	for i := range w.lines {
		if err := w.logEntry(entry{Line: &w.lines[i]}); err != nil {
			return err
		}
	}
	for i := range w.unheard {
		if err := w.logEntry(entry{Unheard: &w.unheard[i]}); err != nil {
			return err
		}
	}
	for i := range w.sound {
		if err := w.logEntry(entry{Sound: &w.sound[i]}); err != nil {
			return err
		}
	}
	if err := w.logEntry(entry{Heard: w.heard, Closed: w.end}); err != nil {
		return err
	}
	for _, path := range old {
		if path == w.linesLog.Name() {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if w.end != nil {
		return w.finishLines()
	}
	return nil
}

func parseLinesLog(name string) (linesName, bool) {
	rest, ok := strings.CutSuffix(name, linesSuffix)
	from, epoch, ok2 := strings.Cut(rest, "-")
	if !ok || !ok2 {
		return linesName{}, false
	}
	at, ok := parseMS(from)
	n, ok2 := parseNumber(epoch, 16)
	return linesName{from: at, epoch: n}, ok && ok2
}
