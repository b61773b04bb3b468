package typeset

import (
	"fmt"
	"math"
	"strings"
	"unicode"
)

// Face measures and breaks text in one font. Safe for concurrent use.
type Face struct {
	path    string
	metrics *metrics
}

// Open reads the measures of the font file at path, or of the first font of a collection.
func Open(path string) (*Face, error) {
	metrics, err := readMetrics(path)
	if err != nil {
		return nil, fmt.Errorf("open font %s: %w", path, err)
	}
	return &Face{path: path, metrics: metrics}, nil
}

// Path is the font's file.
func (t *Face) Path() string { return t.path }

// Clean leaves what can be drawn on one line: control characters become spaces, what the font does not have (emoji) is left
// out, runs of spaces become one.
func (t *Face) Clean(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			r = ' '
		}
		if r == unicode.ReplacementChar || t.metrics.glyph(r) == 0 {
			continue
		}
		b.WriteRune(r)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Width is how wide text is at a size, in pixels.
func (t *Face) Width(text string, size int) int {
	sum := 0.0
	for _, r := range text {
		sum += t.metrics.advance(r)
	}
	return int(math.Ceil(sum * float64(size)))
}

// Fit breaks text into at most so many lines of a width, and makes the size smaller, to no less than half, until they do.
// What does not fit even then is cut off, which an ellipsis shows.
func (t *Face) Fit(text string, size, width, lines int) ([]string, int) {
	text = t.Clean(text)
	if text == "" {
		return nil, size
	}
	least := max(8, size/2)
	for s := size; s >= least; s -= max(1, s/16) {
		if broken := t.wrap(text, s, width); len(broken) <= lines {
			return t.balanced(text, s, width, len(broken)), s
		}
	}
	broken := t.wrap(text, least, width)
	if len(broken) <= lines {
		return t.balanced(text, least, width, len(broken)), least
	}
	broken = broken[:lines]
	last := []rune(broken[lines-1])
	for len(last) > 1 && t.Width(string(last)+"…", least) > width {
		last = last[:len(last)-1]
	}
	broken[lines-1] = string(last) + "…"
	return broken, least
}

// balanced breaks text into so many lines, which it takes at a width, of about one length.
func (t *Face) balanced(text string, size, width, lines int) []string {
	narrow, wide := width/lines-1, width // too narrow; wide enough
	for narrow+size/4 < wide && lines > 1 {
		if try := (narrow + wide) / 2; len(t.wrap(text, size, try)) <= lines && t.widest(text, size, try) <= try {
			wide = try
		} else {
			narrow = try
		}
	}
	return t.wrap(text, size, wide)
}

func (t *Face) widest(text string, size, width int) (widest int) {
	for _, line := range t.wrap(text, size, width) {
		widest = max(widest, t.Width(line, size))
	}
	return widest
}

// wrap breaks text into lines no wider than width: between words, and between any two characters that are not Latin.
func (t *Face) wrap(text string, size, width int) []string {
	room := float64(width) / float64(size) // in ems
	runes := []rune(text)
	var lines []string
	for len(runes) > 0 {
		used, n, at := 0.0, 0, 0 // at: where the line may be broken
		for n < len(runes) {
			if used += t.metrics.advance(runes[n]); used > room && n > 0 {
				break
			}
			if n++; n == len(runes) || breakable(runes[n-1], runes[n]) {
				at = n
			}
		}
		if at == 0 {
			at = n // a word wider than the line
		}
		lines = append(lines, strings.TrimSpace(string(runes[:at])))
		runes = []rune(strings.TrimLeft(string(runes[at:]), " "))
	}
	return lines
}

func breakable(before, after rune) bool {
	const neverFirst, neverLast = "，。！？、；：）》」』”’…%,.!?;:)]}", "（《「『“‘([{¥￥$"
	if strings.ContainsRune(neverFirst, after) || strings.ContainsRune(neverLast, before) {
		return false
	}
	narrow := func(r rune) bool { return r < 0x2E80 && r != ' ' }
	return !narrow(before) || !narrow(after)
}
