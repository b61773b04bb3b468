package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
)

const (
	chartRow    = 15 * time.Minute // of one row of the chart
	chartWidth  = 1400
	chartHeight = 150
	chartTop    = 26
	mostRows    = 100 // a day and an hour
)

// chart is the score over media time, a row for every quarter of an hour.
type chart struct {
	Width, Height int
	Rows          []chartLine
}

type chartLine struct {
	Y         int // of its upper edge
	Base      int // of a score of 0
	Threshold float64
	From      time.Duration
	span      time.Duration
	Path      string
	Ticks     []tick
	Clips     []bar
	Misses    []dot
}

type tick struct {
	X    float64
	Text string
}

type bar struct {
	X, Width float64
	Kind     string // empty: there is no room to write it
	Below    int    // of the row's upper edge, where it is written
	Title    string
}

type dot struct {
	X, Y  float64
	Title string
}

func draw(rules *Rules, report Report) chart {
	rows, span := min(mostRows, int(max(0, report.Length-5*time.Second)/chartRow)+1), chartRow
	if rows == 1 { // a short room has the whole width
		span = min(chartRow, max(time.Minute, (report.Length+30*time.Second-1).Truncate(30*time.Second)))
	}
	step := time.Minute
	if span <= 5*time.Minute {
		step = 15 * time.Second
	}
	c := chart{Width: chartWidth, Height: rows*(chartHeight+chartTop+20) + 10}
	for i := range rows {
		row := chartLine{Y: i*(chartHeight+chartTop+20) + 10, From: time.Duration(i) * chartRow, span: span}
		row.Base = row.Y + chartTop + chartHeight
		row.Threshold = row.height(rules.Threshold)
		row.curve(report.Curve)
		for at := row.From; at <= row.From+span; at += step {
			text := fmt.Sprintf("%d:%02d", int(at.Hours()), int(at.Minutes())%60)
			if step < time.Minute {
				text += fmt.Sprintf(":%02d", int(at.Seconds())%60)
			}
			row.Ticks = append(row.Ticks, tick{row.x(at), text})
		}
		row.marks(rules, report)
		c.Rows = append(c.Rows, row)
	}
	return c
}

func (c *chartLine) x(at time.Duration) float64 {
	const margin = 34
	return margin + (chartWidth-2*margin)*(at-c.From).Seconds()/c.span.Seconds()
}

func (c *chartLine) height(score float64) float64 { return float64(c.Base) - chartHeight*score }

func (c *chartLine) shows(at time.Duration) bool { return at >= c.From && at < c.From+c.span }

func (c *chartLine) curve(points []Point) {
	var path strings.Builder
	for _, p := range points {
		if !c.shows(p.At) {
			continue
		}
		command := "L"
		if path.Len() == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, c.x(p.At), c.height(p.Score))
	}
	c.Path = path.String()
}

func (c *chartLine) marks(rules *Rules, report Report) {
	const letter, lines = 6.5, 2 // widths of a letter; lines that labels are written in
	var taken [lines]float64     // up to where
	byStart := slices.SortedStableFunc(slices.Values(report.Highlights), func(a, b domain.Highlight) int { return cmp.Compare(a.Window.Start, b.Window.Start) })
	for _, h := range byStart {
		from, to := max(h.Window.Start, c.From), min(h.Window.End, c.From+c.span)
		if from >= to {
			continue
		}
		b := bar{X: c.x(from), Width: c.x(to) - c.x(from), Title: fmt.Sprintf("%s %s", clockTime(h.Window.Start), rules.kind(h.Kind))}
		for line := range lines {
			if b.X >= taken[line] {
				name := rules.kind(h.Kind).English
				b.Kind, b.Below, taken[line] = name, 16+13*line, b.X+letter*float64(len(name)+1)
				break
			}
		}
		c.Clips = append(c.Clips, b)
	}
	for _, d := range nearMisses(report) {
		if at := d.Highlight.Window.Start; c.shows(at) {
			c.Misses = append(c.Misses, dot{c.x(at), c.height(d.Highlight.Score), fmt.Sprintf("%s %s: %s %s", clockTime(at), rules.kind(d.Highlight.Kind), d.Why, d.WhyChinese)})
		}
	}
}
