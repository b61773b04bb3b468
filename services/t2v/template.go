package t2v

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
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

// fill gives the template's fields their values: cleaned, cut, and never read as templates.
func (t Template) fill(given map[string]string, brand Brand) (map[string]string, error) {
	language, known := given["language"], t.knownFields()
	fields := map[string]string{fieldLogo: brand.Logo, "brand": brand.Name}
	for name, text := range t.Fields {
		fields[name] = text.In(language)
	}
	for name, value := range given {
		if !known[name] || slices.Contains(computedFields, name) {
			continue // what the plan knows and this template does not show
		}
		if value = cleanText(value); value != "" {
			fields[name] = value
		}
	}
	for _, name := range t.Required {
		if fields[name] == "" {
			return nil, fmt.Errorf("its field %s is empty", name)
		}
	}
	if saved, off, ok := priceCut(fields["was"], fields["price"], language); ok {
		fields["saved"], fields["off"] = saved, off
	} else if fields["was"] == fields["price"] {
		delete(fields, "was") // nothing was reduced
	}
	return fields, nil
}

// cleanText is outside text in one line, cut to what a field may have.
func cleanText(value string) string {
	value = strings.Join(strings.Fields(strings.Map(printable, strings.ToValidUTF8(value, ""))), " ")
	if runes := []rune(value); len(runes) > maxField {
		value = strings.TrimSpace(string(runes[:maxField-1])) + "…"
	}
	return value
}

func printable(r rune) rune {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r >= 0x200b && r <= 0x200f, r == 0xfeff:
		return ' '
	}
	return r
}

// number is the first number in a price, and what stands before and after it.
var number = regexp.MustCompile(`^([^0-9]*)([0-9][0-9,]*(?:\.[0-9]{1,2})?)(.*)$`)

func parsePrice(s string) (before string, value float64, after string, ok bool) {
	m := number.FindStringSubmatch(s)
	if m == nil || len(m[2]) > 12 {
		return "", 0, "", false
	}
	value, err := strconv.ParseFloat(strings.ReplaceAll(m[2], ",", ""), 64)
	return m[1], value, m[3], err == nil
}

// priceCut says by how much a price came down: "省¥40", "6折"; "Save ¥40", "-40%". off is empty where it would be no
// reduction when rounded.
func priceCut(was, price, language string) (saved, off string, ok bool) {
	_, before, _, ok1 := parsePrice(was)
	unit, now, after, ok2 := parsePrice(price)
	if !ok1 || !ok2 || now >= before || now <= 0 {
		return "", "", false
	}
	amount := strings.TrimSuffix(strconv.FormatFloat(before-now, 'f', 2, 64), ".00")
	if language == "en" {
		saved = "Save " + unit + amount + after
		if percent := math.Round((before - now) / before * 100); percent >= 1 {
			off = fmt.Sprintf("-%.0f%%", percent)
		}
		return saved, off, true
	}
	if tenths := math.Round(now/before*100) / 10; tenths > 0 && tenths < 10 {
		off = strconv.FormatFloat(tenths, 'f', -1, 64) + "折"
	}
	return "省" + unit + amount + after, off, true
}

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

// parseSeconds accepts "180" and "3m".
func parseSeconds(s string) (int64, error) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		length, err := time.ParseDuration(s)
		if err != nil {
			return 0, errors.New("must be seconds, or a length such as 3m")
		}
		seconds = int64(length.Round(time.Second) / time.Second)
	}
	if seconds < 1 || seconds > maxCountdown {
		return 0, fmt.Errorf("must be 1 to %d seconds", maxCountdown)
	}
	return seconds, nil
}

// expand replaces ${name}; a text whose every variable is empty comes out empty, whatever stands around them.
func expand(s string, values map[string]string) string {
	variables, filled := 0, 0
	out := variable.ReplaceAllStringFunc(s, func(m string) string {
		variables++
		value := values[m[2:len(m)-1]]
		if value != "" {
			filled++
		}
		return value
	})
	if variables > 0 && filled == 0 {
		return ""
	}
	return out
}
