package finish

import (
	"fmt"
	"strings"
	"time"

	"github.com/asticode/go-astiav"
)

// canvas brings pictures to a rendition's size and draws its lines over them. Its graph is built anew where a line comes or
// goes: a filter that waits for its time would cost every picture, and lines may be added while it works.
type canvas struct {
	from          picture
	shape         shape
	width, height int
	lettering     *subtitleText // nil: there are no lines
	lines         []line

	g     *graph // nil: pictures go through as they are
	built bool
	until time.Duration // the graph holds before this clip time
}

// forever is later than any clip time.
const forever = time.Duration(1<<63 - 1)

// add adds lines, from the next picture on.
func (c *canvas) add(lines []line) {
	c.lines = append(c.lines, lines...)
	c.until = 0
}

// draw gives picture f, whose timestamp counts pictures; both stay, or become, the callees'.
func (c *canvas) draw(f *astiav.Frame, give func(*astiav.Frame) error) error {
	// A line is shown from the picture that is nearest to its time.
	if at := c.shape.at(f.Pts()) + c.shape.tick()/2; !c.built || at >= c.until {
		if err := c.build(at); err != nil {
			return err
		}
	}
	if c.g == nil {
		return give(f.Clone())
	}
	if err := c.g.push(f); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return c.g.pull(give)
}

// build makes the graph for the lines that are shown at a clip time.
func (c *canvas) build(at time.Duration) error {
	c.Close()
	var shown []line
	c.until = forever
	for _, l := range c.lines {
		switch {
		case at < l.from:
			c.until = min(c.until, l.from)
		case l.to == 0:
			shown = append(shown, l)
		case at < l.to:
			shown, c.until = append(shown, l), min(c.until, l.to)
		}
	}
	c.built = true
	var steps []string
	if c.from.width != c.width || c.from.height != c.height {
		steps = append(steps, fmt.Sprintf("scale=%d:%d", c.width, c.height))
	}
	if len(shown) > 0 {
		drawn, err := c.lettering.filters(shown)
		if err != nil {
			return err
		}
		steps = append(steps, drawn...)
	}
	if len(steps) == 0 {
		return nil
	}
	var err error
	c.g, err = newPictureGraph(c.from, "[in]"+strings.Join(append(steps, "format=yuv420p"), ",")+"[out]")
	return err
}

func (c *canvas) Close() {
	if c.g != nil {
		c.g.Close()
		c.g = nil
	}
}
