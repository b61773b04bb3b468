package motion

import "math"

// pose is where and how a layer stands at a time, against where it belongs.
type pose struct {
	dx, dy   float64 // pixels
	scale    float64
	turn     float64 // degrees
	alpha    float64 // 0 to 1
	revealed float64 // 0 to 1 from the left
}

var atRest = pose{scale: 1, alpha: 1, revealed: 1}

const defaultMove = 0.5 // seconds

func (m Move) length() float64 {
	if m.For <= 0 {
		return defaultMove
	}
	return m.For
}

// pose is how a layer stands at a time; false when it is not shown.
func (l Layer) pose(s Scene, at float64) (pose, bool) {
	p := atRest
	p.alpha = l.strength()
	if l.Enter != nil {
		if at < l.Enter.At {
			return p, false
		}
		if by := (at - l.Enter.At) / l.Enter.length(); by < 1 {
			l.enter(s, &p, *l.Enter, by)
		}
	}
	if l.Leave != nil && at > l.Leave.At {
		by := (at - l.Leave.At) / l.Leave.length()
		if by >= 1 {
			return p, false
		}
		l.enter(s, &p, *l.Leave, 1-by)
	}
	if l.Loop != nil && at >= l.Loop.From {
		l.Loop.apply(s, &p, at-l.Loop.From)
	}
	return p, true
}

// enter is a layer that is on its way in; by goes from 0 to 1.
func (l Layer) enter(s Scene, p *pose, m Move, by float64) {
	x, y, w, h := s.pixels(l.Box)
	slow := easeOut(by)
	switch m.Kind {
	case "fade":
		p.alpha *= smooth(by)
	case "left": // from the left edge
		p.dx = -(x + w) * (1 - slow)
	case "right":
		p.dx = (float64(s.Width) - x) * (1 - slow)
	case "up": // rises into its place
		p.dy, p.alpha = (0.06*float64(s.Height)+h*0.3)*(1-slow), p.alpha*min(1, 2.5*by)
	case "down":
		p.dy, p.alpha = -(0.06*float64(s.Height)+h*0.3)*(1-slow), p.alpha*min(1, 2.5*by)
	case "drop": // falls from above the picture and bounces
		p.dy = -(y + h) * (1 - bounce(by))
	case "pop":
		p.scale, p.alpha = max(0.02, back(by)), p.alpha*min(1, 4*by)
	case "stamp":
		p.scale, p.alpha = 1+2.2*(1-easeIn(min(1, by*1.6))), p.alpha*min(1, 2*by)
		if by > 0.625 { // it has hit: it trembles
			p.dx = 0.006 * s.short() * math.Sin(by*60) * (1 - by)
		}
	case "wipe", "grow":
		p.revealed = slow
	}
}

func (o Loop) apply(s Scene, p *pose, at float64) {
	wave := math.Sin(2 * math.Pi * at / o.Every)
	switch o.Kind {
	case "pulse": // By: part of its size
		p.scale *= 1 + o.By*0.5*(1-math.Cos(2*math.Pi*at/o.Every))
	case "float": // By: hundredths of the short side
		p.dy += o.By / 100 * s.short() * wave
	case "shake":
		// For a third of each turn.
		if phase := math.Mod(at, o.Every) / o.Every; phase < 0.33 {
			p.dx += o.By / 100 * s.short() * math.Sin(phase/0.33*6*math.Pi) * (1 - phase/0.33)
		}
	case "blink": // By: how much weaker it becomes
		p.alpha *= 1 - o.By*0.5*(1-math.Cos(2*math.Pi*at/o.Every))
	case "swing": // By: degrees
		p.turn += o.By * wave
	case "zoom": // By: part of its size, over Every
		p.scale *= 1 + o.By*min(1, at/o.Every)
	}
}

func smooth(t float64) float64 { t = min(1, max(0, t)); return t * t * (3 - 2*t) }

func easeOut(t float64) float64 { t = 1 - min(1, max(0, t)); return 1 - t*t*t*t }

func easeIn(t float64) float64 { return t * t * t }

// back goes a little too far before it settles.
func back(t float64) float64 {
	const over = 1.70158
	t--
	return 1 + (over+1)*t*t*t + over*t*t
}

func bounce(t float64) float64 {
	const n, d = 7.5625, 2.75
	switch {
	case t < 1/d:
		return n * t * t
	case t < 2/d:
		t -= 1.5 / d
		return n*t*t + 0.75
	case t < 2.5/d:
		t -= 2.25 / d
		return n*t*t + 0.9375
	}
	t -= 2.625 / d
	return n*t*t + 0.984375
}
