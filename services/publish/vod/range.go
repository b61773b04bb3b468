package vod

import (
	"math"
	"strconv"
	"strings"
)

const (
	maxSpecs = 256 // of a Range header, as asked; more: the header is ignored
	maxParts = 16  // of a multipart answer, after joining; more: the whole is sent
	joinGap  = 128 // bytes: what a part's header costs; parts closer than that are sent as one
)

// span is a part of a file, both ends inclusive. 0 ≤ first ≤ last < the file's size.
type span struct{ first, last int64 }

func (s span) length() int64 { return s.last - s.first + 1 }

// appendRange appends the value of its Content-Range.
func (s span) appendRange(b []byte, size int64) []byte {
	b = strconv.AppendInt(append(b, "bytes "...), s.first, 10)
	b = strconv.AppendInt(append(b, '-'), s.last, 10)
	return strconv.AppendInt(append(b, '/'), size, 10)
}

// selection is what a Range header asks for.
type selection int

const (
	selectWhole selection = iota // no Range, or one that is ignored
	selectParts                  // at least one part
	selectNone                   // nothing that exists: 416
)

// choice is what the Range fields of a request come to.
type choice struct {
	selection
	parts []span
	open  bool // one range that names no end: how much of it is wanted is not known
}

// parseRange decides what the Range fields of a GET select of a file of size bytes (RFC 9110 §14): one field, unit bytes.
// Unknown units, a repeated field, too many parts and an empty file give the whole. A range set that breaks the grammar, and
// first > last, select nothing, as does one of which no range lies in the file. Parts come in the order asked, those that
// overlap or nearly touch joined; they lie in room while it holds them.
func parseRange(fields []string, size int64, room []span) choice {
	if len(fields) != 1 || size <= 0 {
		return choice{selection: selectWhole}
	}
	unit, set, ok := strings.Cut(fields[0], "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return choice{selection: selectWhole}
	}
	if strings.Count(set, ",") >= maxSpecs {
		return choice{selection: selectWhole}
	}
	var (
		parts = room[:0]
		asked int
		open  bool
		total int64
	)
	for more := true; more; {
		var spec string
		spec, set, more = strings.Cut(set, ",")
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue // legal list syntax
		}
		asked++
		open = spec[len(spec)-1] == '-'
		part, exists, ok := parseSpec(spec, size)
		if !ok {
			return choice{selection: selectNone}
		}
		if exists {
			total = min(total, math.MaxInt64-part.length()) + part.length()
			parts = join(parts, part)
		}
	}
	switch {
	case asked == 0, len(parts) == 0:
		return choice{selection: selectNone}
	case len(parts) > maxParts, asked > 1 && total > size:
		return choice{selection: selectWhole} // more work than the whole: CVE-2011-3192
	}
	return choice{selectParts, parts, open && asked == 1}
}

// parseSpec reads "a-b", "a-" or "-n"; exists is false when it lies outside the file.
func parseSpec(spec string, size int64) (part span, exists, ok bool) {
	from, to, ok := strings.Cut(spec, "-")
	if !ok {
		return span{}, false, false
	}
	if from == "" {
		n, ok := parseDigits(to)
		return span{max(0, size-n), size - 1}, n > 0, ok
	}
	first, ok := parseDigits(from)
	if !ok {
		return span{}, false, false
	}
	last := size - 1
	if to != "" {
		asked, ok := parseDigits(to)
		if !ok || asked < first {
			return span{}, false, false
		}
		last = min(last, asked)
	}
	return span{first, last}, first < size, true
}

// parseDigits reads 1*DIGIT; what does not fit is as large as can be.
func parseDigits(s string) (n int64, ok bool) {
	for i := range len(s) {
		digit := int64(s[i]) - '0'
		if digit < 0 || digit > 9 {
			return 0, false
		}
		if n > (math.MaxInt64-digit)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + digit
	}
	return n, s != ""
}

// join adds a part, or widens the earliest one it touches; a part that then touches others takes them in.
func join(parts []span, part span) []span {
	for i, p := range parts {
		if part.first > p.last+joinGap || p.first > part.last+joinGap {
			continue
		}
		wider := span{min(p.first, part.first), max(p.last, part.last)}
		if wider == p {
			return parts
		}
		rest := parts[i+1:]
		parts = append(parts[:i:i], wider)
		for _, r := range rest {
			parts = join(parts, r)
		}
		return parts
	}
	return append(parts, part)
}
