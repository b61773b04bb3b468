package t2v

// From a template with its fields to the scene that package motion draws.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"liveclip/internal/motion"
)

// scene is what a shot of this template shows in a picture of a size.
func (t Template) scene(fields map[string]string, size frame, length time.Duration, rate float64) (motion.Scene, error) {
	s := motion.Scene{Width: size.width, Height: size.height, FrameRate: rate, Length: length}
	var err error
	if s.Base, err = t.resolveLayers(t.Base, nil, size.aspect()); err != nil {
		return s, err
	}
	if s.Layers, err = t.resolveLayers(t.Layers, fields, size.aspect()); err != nil {
		return s, err
	}
	return s, s.Check()
}

func (t Template) resolveLayers(layers []layer, fields map[string]string, aspect string) ([]motion.Layer, error) {
	var resolved []motion.Layer
	for _, l := range layers {
		at, ok := l.place(aspect)
		if !ok && l.Kind != motion.KindFill || l.If != "" && fields[l.If] == "" || l.Unless != "" && fields[l.Unless] != "" {
			continue
		}
		l.Box, l.Colours = at.box, slices.Clone(l.Colours)
		if at.size > 0 {
			l.Size = at.size
		}
		for _, c := range l.colours() {
			tone, err := t.colour(*c)
			if err != nil {
				return nil, err
			}
			*c = tone
		}
		drawn, err := l.resolve(fields)
		if err != nil {
			return nil, err
		}
		if drawn != nil {
			resolved = append(resolved, *drawn)
		}
	}
	return resolved, nil
}

// resolve puts the fields into the layer; nil when there is nothing to draw.
func (l layer) resolve(fields map[string]string) (*motion.Layer, error) {
	drawn := l.Layer
	drawn.Text = expand(l.Text, fields)
	switch l.Kind {
	case motion.KindText:
		if strings.TrimSpace(drawn.Text) == "" {
			return nil, nil
		}
	case motion.KindClock:
		from := expand(l.Start, fields)
		seconds, err := parseSeconds(from)
		if err != nil {
			return nil, fmt.Errorf("its countdown %.40q: %w", from, err)
		}
		drawn.From = float64(seconds)
	case motion.KindRoll:
		return l.rollingNumber(drawn, expand(l.Start, fields), expand(l.End, fields)), nil
	case motion.KindPicture:
		if drawn.Path = expand(l.Picture, fields); drawn.Path == "" {
			return nil, nil
		}
	}
	return &drawn, nil
}

// rollingNumber is a number that runs from one price to another; text, where either is none.
func (l layer) rollingNumber(drawn motion.Layer, start, end string) *motion.Layer {
	_, from, _, ok1 := parsePrice(start)
	before, to, after, ok2 := parsePrice(end)
	if end == "" {
		return nil
	}
	if drawn.Text = strings.ReplaceAll(l.Text, "{}", end); !ok1 || !ok2 || strings.Contains(before+after, "{}") {
		drawn.Kind = motion.KindText
		return &drawn
	}
	drawn.Text, drawn.From, drawn.To = strings.ReplaceAll(l.Text, "{}", before+"{}"+after), from, to
	if _, decimals, ok := strings.Cut(number.FindStringSubmatch(end)[2], "."); ok {
		drawn.Decimals = len(decimals)
	}
	if strings.Contains(number.FindStringSubmatch(end)[2], ",") { // it would lose its commas
		drawn.Kind, drawn.Text = motion.KindText, strings.ReplaceAll(l.Text, "{}", end)
	}
	return &drawn
}
