package motion

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Scene is what a shot shows. Boxes are in hundredths of the picture's width and height, sizes in hundredths of its short side.
type Scene struct {
	Width, Height int
	FrameRate     float64
	Length        time.Duration
	Base          []Layer // the same for every shot of this size and length
	Layers        []Layer // over them
}

// Kinds of layers.
const (
	KindFill     = "fill"     // the whole picture
	KindRect     = "rect"     // with rounded corners
	KindEllipse  = "ellipse"  //
	KindBurst    = "burst"    // a star of Points spikes
	KindRibbon   = "ribbon"   // a slanted band
	KindRays     = "rays"     // light from a point that turns; in a base only
	KindStripes  = "stripes"  // slanted stripes that move; in a box
	KindConfetti = "confetti" // falls
	KindGlow     = "glow"     // a soft spot of light
	KindText     = "text"     //
	KindClock    = "clock"    // runs down from From
	KindRoll     = "roll"     // a number that runs from From to To, inside Text's {}
	KindPicture  = "picture"  // a file
)

// Box is a place: x, y, width, height in hundredths of the picture's.
type Box [4]float64

// Layer is one thing in a scene.
type Layer struct {
	Kind    string   `yaml:"kind" json:"kind"`
	Box     Box      `yaml:"-" json:"box"`
	Colours []string `yaml:"colours" json:"colours,omitempty"` // #RRGGBB or #RRGGBBAA; several run into one another
	Angle   float64  `yaml:"angle" json:"angle,omitempty"`     // degrees that the colours run in: 0 to the right, 90 down
	Radius  float64  `yaml:"radius" json:"radius,omitempty"`   // of corners
	Points  int      `yaml:"points" json:"points,omitempty"`   // of a burst; rays; pieces of confetti
	Turn    float64  `yaml:"turn" json:"turn,omitempty"`       // degrees clockwise
	Speed   float64  `yaml:"speed" json:"speed,omitempty"`     // of rays (degrees a second), stripes (widths of one a second)
	Shadow  float64  `yaml:"shadow" json:"shadow,omitempty"`   // how far it falls and how soft it is
	Stroke  float64  `yaml:"stroke" json:"stroke,omitempty"`   // width of a line around it
	Edge    string   `yaml:"edge" json:"edge,omitempty"`       // the line's colour
	Alpha   float64  `yaml:"alpha" json:"alpha,omitempty"`     // 0 to 1; 0: 1

	Text    string  `yaml:"text" json:"text,omitempty"`
	Size    float64 `yaml:"size" json:"size,omitempty"`   // the greatest; smaller until the text fits its box
	Lines   int     `yaml:"lines" json:"lines,omitempty"` // at most; 0: 1
	Align   string  `yaml:"align" json:"align,omitempty"` // left, right; else centred
	Weight  float64 `yaml:"weight" json:"weight,omitempty"`
	Slant   float64 `yaml:"slant" json:"slant,omitempty"`
	Spacing float64 `yaml:"spacing" json:"spacing,omitempty"` // ems after every character
	Strike  string  `yaml:"strike" json:"strike,omitempty"`   // colour of a line that is drawn through the text; empty: none
	Plate   string  `yaml:"plate" json:"plate,omitempty"`     // colour of a plate behind the text, or behind each pair of a clock's digits

	From float64 `yaml:"-" json:"from,omitempty"` // of a clock: seconds; of a roll
	To   float64 `yaml:"-" json:"to,omitempty"`

	Decimals int `yaml:"-" json:"decimals,omitempty"` // of a roll

	Path string `yaml:"-" json:"path,omitempty"` // of a picture, local
	Fit  string `yaml:"fit" json:"fit,omitempty"`

	Enter *Move `yaml:"enter" json:"enter,omitempty"`
	Leave *Move `yaml:"leave" json:"leave,omitempty"`
	Loop  *Loop `yaml:"loop" json:"loop,omitempty"`
	// Shine is when a band of light begins to cross the layer; nil: never.
	Shine  *float64 `yaml:"shine" json:"shine,omitempty"`
	Struck float64  `yaml:"struck" json:"struck,omitempty"` // when the strike is drawn, or a roll begins to run
}

// Move brings a layer in or takes it out. At and For are seconds.
type Move struct {
	Kind string  `yaml:"kind" json:"kind"`
	At   float64 `yaml:"at" json:"at,omitempty"`
	For  float64 `yaml:"for" json:"for,omitempty"` // 0: 0.5
}

// Loop keeps a layer moving. By is how far, Every how many seconds once takes.
type Loop struct {
	Kind  string  `yaml:"kind" json:"kind"`
	By    float64 `yaml:"by" json:"by"`
	Every float64 `yaml:"every" json:"every"`
	From  float64 `yaml:"from" json:"from,omitempty"` // when it begins
}

var (
	kinds = []string{KindFill, KindRect, KindEllipse, KindBurst, KindRibbon, KindRays, KindStripes, KindConfetti, KindGlow,
		KindText, KindClock, KindRoll, KindPicture}
	moves = []string{"fade", "left", "right", "up", "down", "pop", "stamp", "wipe", "drop", "grow"}
	loops = []string{"pulse", "float", "shake", "blink", "swing", "zoom"}
)

// Limits of a scene.
const (
	maxSide   = 4096
	maxLayers = 64
	maxLength = time.Minute
)

// Check names every fault of a scene.
func (s Scene) Check() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(s.Width < 16 || s.Height < 16 || s.Width > maxSide || s.Height > maxSide || s.Width%2+s.Height%2 != 0, "picture of %dx%d", s.Width, s.Height)
	fault(s.Length <= 0 || s.Length > maxLength, "length %s, not up to a minute", s.Length)
	fault(!(s.FrameRate >= 1 && s.FrameRate <= 60), "frame rate %g, not 1 to 60", s.FrameRate)
	fault(len(s.Base)+len(s.Layers) > maxLayers, "%d layers, more than %d", len(s.Base)+len(s.Layers), maxLayers)
	for i, l := range append(append([]Layer{}, s.Base...), s.Layers...) {
		if err := l.Check(); err != nil {
			faults = append(faults, fmt.Errorf("layer %d (%.20s): %w", i, l.Kind, err))
		}
	}
	return errors.Join(faults...)
}

// Check names every fault of a layer.
func (l Layer) Check() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	among := func(all []string, s string) bool {
		for _, a := range all {
			if a == s {
				return true
			}
		}
		return false
	}
	fault(!among(kinds, l.Kind), "kind %.20q is unknown", l.Kind)
	for _, c := range append([]string{l.Edge, l.Strike, l.Plate}, l.Colours...) {
		if c != "" {
			_, err := parseColour(c)
			fault(err != nil, "%v", err)
		}
	}
	finite := func(v float64) bool { return !math.IsNaN(v) && math.Abs(v) <= 10_000 }
	for _, v := range append([]float64{l.Angle, l.Radius, l.Turn, l.Speed, l.Shadow, l.Stroke, l.Alpha, l.Size, l.Weight, l.Slant, l.Spacing, l.Struck}, l.Box[:]...) {
		fault(!finite(v), "number %g is out of bounds", v)
	}
	fault(l.Size < 0 || l.Size > 100, "size %g, not 0 to 100", l.Size)
	fault(l.Shadow < 0 || l.Shadow > 10 || l.Stroke < 0 || l.Stroke > 10 || l.Radius < 0 || l.Radius > 100, "shadow, stroke (0 to 10) or radius (0 to 100) out of bounds")
	fault(l.Alpha < 0 || l.Alpha > 1, "alpha %g, not 0 to 1", l.Alpha)
	fault(math.Abs(l.Weight) > 1 || math.Abs(l.Slant) > 1, "weight and slant are up to 1")
	fault(l.Lines < 0 || l.Lines > 8, "lines %d, not 0 to 8", l.Lines)
	fault(l.Decimals < 0 || l.Decimals > 4, "decimals %d, not 0 to 4", l.Decimals)
	fault(l.Points < 0 || l.Points > 400, "points %d, not 0 to 400", l.Points)
	for _, m := range []*Move{l.Enter, l.Leave} {
		if m != nil {
			fault(!among(moves, m.Kind), "move %.20q is none of %v", m.Kind, moves)
			fault(!finite(m.At) || !finite(m.For) || m.At < 0 || m.For < 0, "move at %g for %g", m.At, m.For)
		}
	}
	if o := l.Loop; o != nil {
		fault(!among(loops, o.Kind), "loop %.20q is none of %v", o.Kind, loops)
		fault(!finite(o.By) || !(o.Every >= 0.05 && o.Every <= 600) || !finite(o.From), "loop by %g every %g", o.By, o.Every)
	}
	return errors.Join(faults...)
}

// short is the shorter side.
func (s Scene) short() float64 { return float64(min(s.Width, s.Height)) }

// pixels is a box in pixels.
func (s Scene) pixels(b Box) (x, y, w, h float64) {
	return b[0] / 100 * float64(s.Width), b[1] / 100 * float64(s.Height), b[2] / 100 * float64(s.Width), b[3] / 100 * float64(s.Height)
}

// Frames is how many pictures the scene has.
func (s Scene) Frames() int { return max(1, int(math.Round(s.Length.Seconds()*s.FrameRate))) }
