package t2v

import (
	"fmt"
	"maps"

	"liveclip/internal/motion"
	"liveclip/internal/picture"
)

// Brand is what a shop's own openings look like.
type Brand struct {
	Name   string `koanf:"name"`
	Logo   string `koanf:"logo"`   // a local picture file; empty: none
	Colour string `koanf:"colour"` // #RRGGBB, in place of the templates' palette "brand"; empty: theirs
	Accent string `koanf:"accent"` // likewise "accent"
}

func (b Brand) faults(where string) (faults []string) {
	for name, colour := range map[string]string{"colour": b.Colour, "accent": b.Accent} {
		if colour != "" && !hexColour.MatchString(colour) {
			faults = append(faults, fmt.Sprintf("%s.%s: must be #RRGGBB, is %.20q", where, name, colour))
		}
	}
	if b.Logo != "" {
		if err := picture.Check(b.Logo); err != nil {
			faults = append(faults, fmt.Sprintf("%s.logo: %v", where, err))
		}
	}
	return faults
}

// withBrand is the template in a brand's colours.
func (t Template) withBrand(b Brand) Template {
	t.Palette = maps.Clone(t.Palette)
	for name, colour := range map[string]string{"brand": b.Colour, "accent": b.Accent} {
		if _, known := t.Palette[name]; known && colour != "" {
			t.Palette[name] = colour
		}
	}
	return t
}

// logo is a shop's sign in a corner that no platform covers.
func logo(file string, size frame) []motion.Layer {
	if file == "" {
		return nil
	}
	box := motion.Box{4, 5, 14, 11}
	if size.aspect() == "portrait" {
		box = motion.Box{6, 7.5, 22, 4}
	}
	return []motion.Layer{{Kind: motion.KindPicture, Path: file, Box: box, Enter: &motion.Move{Kind: "fade", At: 0.1, For: 0.4}}}
}
