package t2v

// What a template is, and what is wrong with one.

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"liveclip/internal/motion"
)

// Template is an opening: layers of which those below do not depend on what a shot is about, so that their pictures are drawn
// once for a size and length.
type Template struct {
	Name     string                  `yaml:"name"`
	Title    translations            `yaml:"title"`
	About    translations            `yaml:"about"`
	Length   time.Duration           `yaml:"length"` // that it was made for
	Voice    translations            `yaml:"voice"`  // what is said, where something can say it
	Sound    string                  `yaml:"sound"`  // played under it; empty: none
	Required []string                `yaml:"required"`
	Fields   map[string]translations `yaml:"fields"` // the other fields, with what stands when a shot does not bring them
	Palette  map[string]string       `yaml:"palette"`
	Base     []layer                 `yaml:"base"`
	Layers   []layer                 `yaml:"layers"`
}

// layer is a motion.Layer with what depends on the aspect and on the shot.
type layer struct {
	motion.Layer `yaml:",inline"`

	Place   map[string][]float64 `yaml:"box"`     // by aspect, several joined by "|": x, y, width, height, and the text's size
	If      string               `yaml:"if"`      // a field without which it is not drawn
	Unless  string               `yaml:"unless"`  // a field with which it is not drawn
	Start   string               `yaml:"from"`    // of a clock or roll: ${field}
	End     string               `yaml:"to"`      //
	Picture string               `yaml:"picture"` // ${field}
}

// translations are a text by language. In YAML a plain text stands for all.
type translations map[string]string

// UnmarshalYAML takes a text, or a text per language.
func (w *translations) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*w = translations{"zh": node.Value, "en": node.Value}
		return nil
	}
	return node.Decode((*map[string]string)(w))
}

// In gives the text in a language, else in Chinese.
func (w translations) In(language string) string {
	if text, ok := w[language]; ok {
		return text
	}
	return w["zh"]
}

const (
	maxField     = 120 // characters of a field
	maxCountdown = 24 * 60 * 60
	fieldPicture = "picture" // a file, once it was fetched
	fieldLogo    = "logo"
)

// aspects a template has to have a place for.
var aspects = []string{"landscape", "portrait", "square"}

// computedFields are fields that no shot brings.
var computedFields = []string{"off", "saved", fieldLogo, "brand"}

var (
	hexColour = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

	variable      = regexp.MustCompile(`\$\{([a-z_]*)\}`)
	templateName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	paletteColour = regexp.MustCompile(`^\$([a-z]+)(@[0-9A-Fa-f]{2})?$`)
)

// faults lists everything that is wrong with t, so that no shot meets it first.
func (t Template) faults() []string {
	var faults []string
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	fault(!templateName.MatchString(t.Name), "name: must be lower-case letters, digits and '_'")
	fault(t.Length < 500*time.Millisecond || t.Length > maxShot, "length: must be 500ms to %s, is %s", maxShot, t.Length)
	for name, colour := range t.Palette {
		fault(!hexColour.MatchString(colour), "palette: %s: %.20q must be #RRGGBB", name, colour)
	}
	known := t.knownFields()
	for _, w := range append(slices.Collect(maps.Values(t.Fields)), t.Title, t.About, t.Voice) {
		for language := range w {
			fault(language != "zh" && language != "en", "%.40q is no language: zh or en", language)
		}
	}
	for _, text := range t.Voice {
		faults = append(faults, unknownVariables("voice", text, known)...)
	}
	for i, l := range slices.Concat(t.Base, t.Layers) {
		at := fmt.Sprintf("layer %d (%.20s)", i, l.Kind)
		for _, text := range []string{l.Text, l.Start, l.End, l.Picture} {
			fault(i < len(t.Base) && variable.MatchString(text), "%s: the base is the same for every shot: ${…} belongs into layers", at)
			faults = append(faults, unknownVariables(at, text, known)...)
		}
		for _, field := range []string{l.If, l.Unless} {
			fault(field != "" && !known[field], "%s: field %.20q is unknown", at, field)
		}
		for _, aspect := range aspects {
			place, ok := l.place(aspect)
			if !ok && l.Kind != motion.KindFill {
				continue // not drawn in it
			}
			probe := l
			probe.Box, probe.Colours = place.box, slices.Clone(l.Colours)
			for _, c := range probe.colours() {
				tone, err := t.colour(*c)
				fault(err != nil, "%s: %v", at, err)
				*c = tone
			}
			if err := probe.Check(); err != nil {
				faults = append(faults, at+": "+err.Error())
			}
		}
		for aspect, place := range l.Place {
			for _, one := range strings.Split(aspect, "|") {
				fault(!slices.Contains(aspects, one), "%s: aspect %q is none of %s", at, one, strings.Join(aspects, ", "))
			}
			fault(len(place) != 4 && len(place) != 5, "%s: box has %d numbers: x, y, width, height and perhaps the text's size", at, len(place))
		}
	}
	slices.Sort(faults)
	return slices.Compact(faults)
}

func unknownVariables(at, text string, known map[string]bool) (faults []string) {
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			faults = append(faults, fmt.Sprintf("%s: variable ${%.20s} is unknown", at, m[1]))
		}
	}
	return faults
}

// knownFields are the fields that the template can use.
func (t Template) knownFields() map[string]bool {
	known := map[string]bool{fieldPicture: true}
	for _, field := range slices.Concat(t.Required, computedFields, slices.Collect(maps.Keys(t.Fields))) {
		known[field] = true
	}
	return known
}

type place struct {
	box  motion.Box
	size float64
}

func (l layer) place(aspect string) (place, bool) {
	for key, at := range l.Place {
		if slices.Contains(strings.Split(key, "|"), aspect) && len(at) >= 4 {
			p := place{box: motion.Box(at[:4])}
			if len(at) > 4 {
				p.size = at[4]
			}
			return p, true
		}
	}
	return place{}, false
}

// colours are the layer's colours, as written.
func (l *layer) colours() []*string {
	tones := []*string{&l.Edge, &l.Strike, &l.Plate}
	for i := range l.Colours {
		tones = append(tones, &l.Colours[i])
	}
	return tones
}

// colour is a colour as motion takes it: #RRGGBB, #RRGGBBAA, or a name of the palette, $brand or $brand@80.
func (t Template) colour(written string) (string, error) {
	m := paletteColour.FindStringSubmatch(written)
	if m == nil {
		return written, nil
	}
	colour, ok := t.Palette[m[1]]
	if !ok {
		return "", fmt.Errorf("the palette has no colour %.20q", m[1])
	}
	return colour + strings.TrimPrefix(m[2], "@"), nil
}
