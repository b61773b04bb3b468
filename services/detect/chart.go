package detect

import (
	"fmt"
	"strings"
	"time"
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
	Kind     string
	Title    string
}

type dot struct {
	X, Y  float64
	Title string
}

func draw(rules *Rules, report Report) chart {
	rows := min(mostRows, int(max(0, report.Length-5*time.Second)/chartRow)+1)
	c := chart{Width: chartWidth, Height: rows*(chartHeight+chartTop+20) + 10}
	for i := range rows {
		row := chartLine{Y: i*(chartHeight+chartTop+20) + 10, From: time.Duration(i) * chartRow}
		row.Base = row.Y + chartTop + chartHeight
		row.Threshold = row.height(rules.Threshold)
		row.curve(report.Curve)
		for minute := range int(chartRow/time.Minute) + 1 {
			at := row.From + time.Duration(minute)*time.Minute
			row.Ticks = append(row.Ticks, tick{row.x(at), fmt.Sprintf("%d:%02d", int(at.Hours()), int(at.Minutes())%60)})
		}
		row.marks(report)
		c.Rows = append(c.Rows, row)
	}
	return c
}

func (c *chartLine) x(at time.Duration) float64 {
	const margin = 34
	return margin + (chartWidth-2*margin)*(at-c.From).Seconds()/chartRow.Seconds()
}

func (c *chartLine) height(score float64) float64 { return float64(c.Base) - chartHeight*score }

func (c *chartLine) shows(at time.Duration) bool { return at >= c.From && at < c.From+chartRow }

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

func (c *chartLine) marks(report Report) {
	for _, h := range report.Highlights {
		from, to := max(h.Window.Start, c.From), min(h.Window.End, c.From+chartRow)
		if from < to {
			c.Clips = append(c.Clips, bar{c.x(from), c.x(to) - c.x(from), h.Kind, fmt.Sprintf("%s %s", clockTime(h.Window.Start), h.Kind)})
		}
	}
	for _, d := range nearMisses(report) {
		if at := d.Highlight.Window.Start; c.shows(at) {
			c.Misses = append(c.Misses, dot{c.x(at), c.height(d.Highlight.Score), fmt.Sprintf("%s %s: %s", clockTime(at), d.Highlight.Kind, d.Why)})
		}
	}
}
