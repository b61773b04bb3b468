package roomlog

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"
)

const (
	mostLine   = 1 << 20   // bytes of one entry
	mostLabels = 64 << 20  // bytes of a file of labels
	mostLog    = 512 << 20 // bytes of a log, unpacked
)

// Write appends entries to w, one JSON object a line, and gives how many bytes were written. An entry that Read would find too
// long is an error.
func Write(w io.Writer, entries ...Entry) (int, error) {
	written := 0
	for _, e := range entries {
		if e.payloads() != 1 {
			return written, fmt.Errorf("write room log: entry at %s says %d things, must be one", e.At, e.payloads())
		}
		text, err := json.Marshal(toWire(e))
		if err != nil {
			return written, fmt.Errorf("write room log: entry at %s: %w", e.At, err)
		}
		if len(text) >= mostLine-1 {
			return written, fmt.Errorf("write room log: entry at %s is longer than %d KiB", e.At, mostLine>>10)
		}
		n, err := w.Write(append(text, '\n'))
		written += n
		if err != nil {
			return written, fmt.Errorf("write room log: %w", err)
		}
	}
	return written, nil
}

// Read gives the entries of a log, in order; empty lines are stepped over. An error names its line, counted from 1, and ends
// the log: what is not JSON, a field that is not known, a line longer than 1 MiB, an at_s that falls, a log beyond 512 MiB.
func Read(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		limited := &io.LimitedReader{R: r, N: mostLog + 1}
		lines := bufio.NewScanner(limited)
		lines.Buffer(nil, mostLine)
		number := 0
		fail := func(err error) { yield(Entry{}, fmt.Errorf("line %d: %w", number, err)) }
		var last time.Duration
		for lines.Scan() {
			number++
			text := lines.Bytes()
			if len(strings.TrimSpace(string(text))) == 0 {
				continue
			}
			e, err := parse(text, number)
			if err == nil && e.At < last {
				err = fmt.Errorf("at_s falls from %s to %s: entries must come in order of arrival", last, e.At)
			}
			if err != nil {
				fail(err)
				return
			}
			last = e.At
			if !yield(e, nil) {
				return
			}
		}
		number++
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			fail(fmt.Errorf("longer than %d KiB", mostLine>>10))
		case err != nil:
			fail(err)
		case limited.N == 0:
			fail(fmt.Errorf("the log is larger than %d MiB", mostLog>>20))
		}
	}
}

func parse(text []byte, number int) (Entry, error) {
	var w wireEntry
	if err := strict(text, &w); err != nil {
		return Entry{}, err
	}
	return fromWire(w, number)
}

// ReadFile gives the entries of the log at path, unpacked where its name ends in .gz. Errors name the file.
func ReadFile(path string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Entry{}, fmt.Errorf("read room log: %w", err))
			return
		}
		defer file.Close()
		var from io.Reader = file
		if strings.HasSuffix(path, ".gz") {
			if from, err = gzip.NewReader(file); err != nil {
				yield(Entry{}, fmt.Errorf("read room log %s: %w", path, err))
				return
			}
		}
		for e, err := range Read(from) {
			if err != nil {
				err = fmt.Errorf("read room log %s: %w", path, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// ReadLabels reads the labels of one room.
func ReadLabels(r io.Reader) (Labels, error) {
	text, err := io.ReadAll(io.LimitReader(r, mostLabels+1))
	if err != nil {
		return Labels{}, fmt.Errorf("read labels: %w", err)
	}
	if len(text) > mostLabels {
		return Labels{}, fmt.Errorf("read labels: larger than %d MiB", mostLabels>>20)
	}
	var labels Labels
	if err := strict(text, &labels); err != nil {
		return Labels{}, fmt.Errorf("read labels: %w", err)
	}
	return labels, nil
}
