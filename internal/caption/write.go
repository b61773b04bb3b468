package caption

import (
	"fmt"
	"strings"
	"time"
)

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// WebVTT writes cues.
func WebVTT(cues []Cue) string {
	var out strings.Builder
	out.WriteString("WEBVTT\n")
	for _, c := range cues {
		fmt.Fprintf(&out, "\n%s --> %s\n%s\n", clock(c.Start, "."), clock(c.End, "."), escape.Replace(oneLine(c.Text)))
	}
	return out.String()
}

// SubRip is the same as SRT, which knows no escapes.
func SubRip(cues []Cue) string {
	var out strings.Builder
	for i, c := range cues {
		fmt.Fprintf(&out, "%d\n%s --> %s\n%s\n\n", i+1, clock(c.Start, ","), clock(c.End, ","), oneLine(c.Text))
	}
	return out.String()
}

// oneLine is a text as it can stand in a cue: an empty line would end it, and an arrow would begin one.
func oneLine(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "-->", "→")
}

func clock(t time.Duration, point string) string {
	ms := t.Round(time.Millisecond).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, point, ms%1000)
}
