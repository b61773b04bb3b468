package caption

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"liveclip/internal/wording"
)

const (
	mostRead = 32 << 20 // bytes of a file
	mostCues = 200_000
	mostText = 2000 // bytes of a cue
)

// ErrNoCaptions is a file in which no cue can be read.
var ErrNoCaptions = errors.New("no captions in it")

// Faults count what was mended in a file.
type Faults struct {
	Backwards int // cues that end before they begin: shown from their beginning for a moment
	Unordered int // that begin before the one in front of them: put in order
	Cut       int // longer than can be shown
}

func (f Faults) String() string {
	return fmt.Sprintf("%d end before they begin, %d out of order, %d too long", f.Backwards, f.Unordered, f.Cut)
}

// Read reads WebVTT or SubRip, in UTF-8, UTF-16 or GB 18030. Cues come in order of time, without markup; what cannot be read
// between them is left out. Times are of the file, from 0.
func Read(r io.Reader) ([]Cue, Faults, error) {
	data, err := io.ReadAll(io.LimitReader(r, mostRead+1))
	if err != nil {
		return nil, Faults{}, fmt.Errorf("read captions: %w", err)
	}
	if len(data) > mostRead {
		return nil, Faults{}, fmt.Errorf("read captions: longer than %d MB", mostRead>>20)
	}
	var cues []Cue
	var faults Faults
	var open *Cue
	skip := false
	for line := range strings.Lines(decoded(data)) {
		line = strings.TrimRight(line, "\r\n")
		switch start, end, ok := span(line); {
		case ok:
			if len(cues) == mostCues {
				return nil, faults, fmt.Errorf("read captions: more than %d", mostCues)
			}
			if open != nil { // no empty line between: the last one is this cue's number
				open.Text = strings.TrimSuffix(open.Text, lastNumber(open.Text))
			}
			if end < start {
				faults.Backwards++
				end = start + least
			}
			cues = append(cues, Cue{Start: start, End: end})
			open, skip = &cues[len(cues)-1], false
		case strings.TrimSpace(line) == "":
			open, skip = nil, false
		case open == nil && (strings.HasPrefix(line, "NOTE") || strings.HasPrefix(line, "STYLE") || strings.HasPrefix(line, "REGION")):
			skip = true
		case open != nil && !skip:
			text := unmarked(line)
			if len(open.Text)+len(text) > mostText {
				faults.Cut++
				continue
			}
			open.Text = strings.TrimSpace(wording.JoinTexts(open.Text, text))
		}
	}
	cues = slices.DeleteFunc(cues, func(c Cue) bool { return c.Text == "" })
	if len(cues) == 0 {
		return nil, faults, fmt.Errorf("read captions: %w", ErrNoCaptions)
	}
	for i := 1; i < len(cues); i++ {
		if cues[i].Start < cues[i-1].Start {
			faults.Unordered++
		}
	}
	slices.SortStableFunc(cues, func(a, b Cue) int { return cmp.Compare(a.Start, b.Start) })
	return cues, faults, nil
}

// decoded is a file's text.
func decoded(data []byte) string {
	for _, order := range []struct {
		mark string
		high int // where the upper byte lies
	}{{"\xff\xfe", 1}, {"\xfe\xff", 0}} {
		if rest, ok := bytes.CutPrefix(data, []byte(order.mark)); ok {
			units := make([]uint16, len(rest)/2)
			for i := range units {
				units[i] = uint16(rest[2*i+order.high])<<8 | uint16(rest[2*i+1-order.high])
			}
			return string(utf16.Decode(units))
		}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		if text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data); err == nil {
			data = text
		}
	}
	return strings.ToValidUTF8(string(data), "")
}

// span reads "00:01.000 --> 00:02,500 align:start".
func span(line string) (start, end time.Duration, ok bool) {
	from, to, found := strings.Cut(line, "-->")
	fields := strings.Fields(to)
	if !found || len(fields) == 0 {
		return 0, 0, false
	}
	start, first := clockTime(strings.TrimSpace(from))
	end, second := clockTime(fields[0])
	return start, end, first && second
}

// clockTime reads 01:02:03.004, 02:03,004 and 02:03.
func clockTime(text string) (time.Duration, bool) {
	whole, fraction, _ := strings.Cut(strings.Replace(text, ",", ".", 1), ".")
	parts := strings.Split(whole, ":")
	if len(parts) < 2 || len(parts) > 3 || len(fraction) > 9 {
		return 0, false
	}
	var at time.Duration
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil || len(p) > 4 || i > 0 && n > 59 {
			return 0, false
		}
		at = at*60 + time.Duration(n)
	}
	at *= time.Second
	if fraction != "" {
		n, err := strconv.ParseUint((fraction + "00000000")[:9], 10, 64)
		if err != nil {
			return 0, false
		}
		at += time.Duration(n)
	}
	return at, true
}

var markup = regexp.MustCompile(`<[^<>]*>|\{\\[^{}]*\}`)

const longestTag = 200 // characters: what is longer between two brackets is text

func unmarked(line string) string {
	line = markup.ReplaceAllStringFunc(line, func(tag string) string {
		inside := tag[1 : len(tag)-1]
		if tag[0] == '{' {
			inside = inside[1:] // of the backslash
		}
		if utf8.RuneCountInString(inside) > longestTag {
			return tag
		}
		return ""
	})
	return strings.Join(strings.Fields(html.UnescapeString(line)), " ")
}

var digitsAtEnd = regexp.MustCompile(`(^| )[0-9]{1,7}$`)

func lastNumber(text string) string { return digitsAtEnd.FindString(text) }
