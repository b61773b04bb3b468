package follow

import "math"

// How the camera moves, in shares of the picture's width and seconds. At 16:9 the crop of 9:16 is 0.32 wide.
const (
	restZone  = 0.14 // of the crop's width: so far may the subject be off before the camera sets out
	arrived   = 0.02 // of the crop's width: it rests again
	topSpeed  = 0.45
	topChange = 0.9 // of the speed, a second
	approach  = 3.0 // speed by distance: the last part is slower
)

// camera stands somewhere and goes after a subject.
type camera struct {
	crop   float64 // share of the width
	tick   float64 // seconds
	at     float64
	speed  float64
	moving bool
}

// within keeps a crop inside the picture.
func (c *camera) within(at float64) float64 { return min(max(at, c.crop/2), 1-c.crop/2) }

// jump stands still somewhere else: a scene begins.
func (c *camera) jump(to float64) { c.at, c.speed, c.moving = c.within(to), 0, false }

// step gives where the camera stands a picture later, its subject being at a place.
func (c *camera) step(subject float64) float64 {
	off := c.within(subject) - c.at
	switch {
	case math.Abs(off) > restZone*c.crop:
		c.moving = true
	case math.Abs(off) < arrived*c.crop:
		c.moving = false
	}
	wanted := 0.0
	if c.moving {
		// Never faster than it could still stop in time.
		wanted = math.Copysign(min(topSpeed, approach*math.Abs(off), math.Sqrt(1.6*topChange*math.Abs(off))), off)
	}
	most := topChange * c.tick
	c.speed += min(max(wanted-c.speed, -most), most)
	if to := c.within(c.at + c.speed*c.tick); to != c.at+c.speed*c.tick {
		c.at, c.speed = to, 0 // the picture's edge
	} else {
		c.at = to
	}
	return c.at
}
