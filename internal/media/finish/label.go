package finish

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"
	"unicode"

	"liveclip/internal/domain"
)

// typeface measures text in one font.
type typeface struct {
	path    string
	metrics *fontMetrics
}

func openTypeface(path string) (*typeface, error) {
	metrics, err := readFontMetrics(path)
	if err != nil {
		return nil, domain.Permanent(fmt.Errorf("open font %s: %w", path, err))
	}
	return &typeface{path: path, metrics: metrics}, nil
}

// clean leaves what can be drawn on one line: control characters become spaces, what the font does not have (emoji) is left
// out, runs of spaces become one.
func (t *typeface) clean(text string) string {
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

// width is how wide text is at a size, in pixels.
func (t *typeface) width(text string, size int) int {
	sum := 0.0
	for _, r := range text {
		sum += t.metrics.advance(r)
	}
	return int(math.Ceil(sum * float64(size)))
}

// fit breaks text into at most so many lines of a width, and makes the size smaller, to no less than half, until they do.
// What does not fit even then is cut off, which an ellipsis shows.
func (t *typeface) fit(text string, size, width, lines int) ([]string, int) {
	text = t.clean(text)
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
	for len(last) > 1 && t.width(string(last)+"…", least) > width {
		last = last[:len(last)-1]
	}
	broken[lines-1] = string(last) + "…"
	return broken, least
}

// balanced breaks text into so many lines, which it takes at a width, of about one length.
func (t *typeface) balanced(text string, size, width, lines int) []string {
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

func (t *typeface) widest(text string, size, width int) (widest int) {
	for _, line := range t.wrap(text, size, width) {
		widest = max(widest, t.width(line, size))
	}
	return widest
}

// wrap breaks text into lines no wider than width: between words, and between any two characters that are not Latin.
func (t *typeface) wrap(text string, size, width int) []string {
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

// line is one line of text in a picture, shown for a while of clip time.
type line struct {
	text    string
	x, y    string // drawtext expressions
	size    int    // pixels
	colour  string
	outline int    // pixels
	box     string // colour behind it; empty: none
	padding int    // pixels of the box around the text
	from    time.Duration
	to      time.Duration // 0: to the end
}

// lettering draws lines of text. The text itself is handed to FFmpeg in files, so that nothing in it is ever parsed. Safe for
// concurrent use.
type lettering struct {
	face   *typeface
	folder string
}

// newLettering makes a folder for the texts inside folder.
func newLettering(fontFile, folder string) (*lettering, error) {
	face, err := openTypeface(fontFile)
	if err != nil {
		return nil, err
	}
	texts, err := os.MkdirTemp(folder, ".text-")
	if err != nil {
		return nil, err
	}
	return &lettering{face: face, folder: texts}, nil
}

func (l *lettering) Close() {
	if l != nil {
		os.RemoveAll(l.folder)
	}
}

// filters are the drawtext filters of the lines, in order.
func (l *lettering) filters(lines []line) ([]string, error) {
	var filters []string
	for _, line := range lines {
		file, err := os.CreateTemp(l.folder, "")
		if err != nil {
			return nil, err
		}
		_, err = file.WriteString(line.text)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		filters = append(filters, line.filter(l.face.path, file.Name()))
	}
	return filters, nil
}

func (l line) filter(font, textFile string) string {
	options := []string{
		"fontfile=" + escapeOption(font), "textfile=" + escapeOption(textFile), "expansion=none",
		fmt.Sprintf("fontsize=%d", l.size), "fontcolor=" + escapeOption(l.colour),
		"x=" + escapeOption(l.x), "y=" + escapeOption(l.y),
	}
	if l.outline > 0 {
		options = append(options, fmt.Sprintf("borderw=%d", l.outline), "bordercolor="+escapeOption("black@0.75"))
	}
	if l.box != "" {
		options = append(options, "box=1", "boxcolor="+escapeOption(l.box), fmt.Sprintf("boxborderw=%d", l.padding))
	}
	return "drawtext=" + strings.Join(options, ":")
}
