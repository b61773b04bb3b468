package finish

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/typeset"
)

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

// subtitleText draws lines of text. The text itself is handed to FFmpeg in files, so that nothing in it is ever parsed. Safe for
// concurrent use.
type subtitleText struct {
	face   *typeset.Face
	folder string
}

// newLettering makes a folder for the texts inside folder.
func newLettering(fontFile, folder string) (*subtitleText, error) {
	face, err := typeset.Open(fontFile)
	if err != nil {
		return nil, domain.Permanent(err)
	}
	texts, err := os.MkdirTemp(folder, ".text-")
	if err != nil {
		return nil, err
	}
	return &subtitleText{face: face, folder: texts}, nil
}

func (l *subtitleText) Close() {
	if l != nil {
		os.RemoveAll(l.folder)
	}
}

// filters are the drawtext filters of the lines, in order.
func (l *subtitleText) filters(lines []line) ([]string, error) {
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
		filters = append(filters, line.filter(l.face.Path(), file.Name()))
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
