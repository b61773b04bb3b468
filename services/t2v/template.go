package t2v

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

//go:embed templates.yaml
var shipped []byte

// template is an opening that is drawn over a pre-rendered base: the base depends on the picture's size and the shot's
// length only, and is made once.
type template struct {
	Name      string            `yaml:"name"`
	About     string            `yaml:"about"`
	FrameRate float64           `yaml:"frame_rate"`
	Required  []string          `yaml:"required"` // fields that a shot must bring
	Fields    map[string]string `yaml:"fields"`   // the other fields, with what stands when a shot does not bring them
	Looks     map[string]look   `yaml:"looks"`    // by aspect: landscape, portrait, square
}

// look is a template in one aspect.
type look struct {
	Base  string `yaml:"base"` // lavfi graph; ${width} ${height} ${rate} ${length} (seconds)
	Texts []text `yaml:"texts"`
}

// text is drawn where x and y (drawtext expressions) say. One that comes out empty is not drawn.
type text struct {
	Text      string  `yaml:"text"`      // ${field}
	Countdown string  `yaml:"countdown"` // ${field}: seconds; the text is then a running clock
	X         string  `yaml:"x"`
	Y         string  `yaml:"y"`
	Size      float64 `yaml:"size"`  // of the picture's short side
	Width     float64 `yaml:"width"` // of the picture's width, that it must fit into; 0: its safe area
	Colour    string  `yaml:"colour"`
	Box       string  `yaml:"box"` // colour behind it; empty: none
}

// library holds templates by name.
type library map[string]template

const (
	maxField     = 120 // characters of a field
	maxCountdown = 24 * 60 * 60
)

var (
	aspects  = []string{"landscape", "portrait", "square"}
	variable = regexp.MustCompile(`\$\{([a-z_]*)\}`)
	named    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

// loadLibrary reads the shipped templates and then the files; a later template of the same name replaces an earlier one.
func loadLibrary(files []string) (library, error) {
	all := library{}
	if err := all.read("shipped templates", bytes.NewReader(shipped)); err != nil {
		return nil, err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open templates: %w", err)
		}
		err = all.read(name, io.LimitReader(f, 1<<20))
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (l library) read(from string, r io.Reader) error {
	var file struct {
		Templates []template `yaml:"templates"`
	}
	decoder := yaml.NewDecoder(r)
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	var faults []error
	for _, t := range file.Templates {
		for _, fault := range t.faults() {
			faults = append(faults, fmt.Errorf("%s: template %.40q: %s", from, t.Name, fault))
		}
		l[t.Name] = t
	}
	return errors.Join(faults...)
}

// faults lists everything that is wrong with t, so that no shot meets it first.
func (t template) faults() []string {
	var faults []string
	if !named.MatchString(t.Name) {
		faults = append(faults, "name: must be lower-case letters, digits and '_'")
	}
	if t.FrameRate != 0 && (t.FrameRate < 1 || t.FrameRate > 60) {
		faults = append(faults, fmt.Sprintf("frame_rate: must be 1 to 60, or 0 for 30, is %g", t.FrameRate))
	}
	for aspect, look := range t.Looks {
		if !slices.Contains(aspects, aspect) {
			faults = append(faults, fmt.Sprintf("looks: %q is none of %s", aspect, strings.Join(aspects, ", ")))
		}
		faults = append(faults, look.faults(aspect, t.known())...)
	}
	for _, aspect := range aspects[:2] {
		if _, ok := t.Looks[aspect]; !ok {
			faults = append(faults, "looks: "+aspect+" is missing")
		}
	}
	slices.Sort(faults)
	return faults
}

func (t template) known() map[string]bool {
	known := map[string]bool{}
	for _, field := range t.Required {
		known[field] = true
	}
	for field := range t.Fields {
		known[field] = true
	}
	return known
}

func (l look) faults(aspect string, known map[string]bool) []string {
	var faults []string
	unknown := func(where, s string, known map[string]bool) {
		for _, m := range variable.FindAllStringSubmatch(s, -1) {
			if !known[m[1]] {
				faults = append(faults, fmt.Sprintf("looks.%s.%s: variable ${%s} is unknown", aspect, where, m[1]))
			}
		}
	}
	if l.Base == "" {
		faults = append(faults, fmt.Sprintf("looks.%s.base: is missing", aspect))
	}
	unknown("base", l.Base, map[string]bool{"width": true, "height": true, "rate": true, "length": true})
	for i, text := range l.Texts {
		where := fmt.Sprintf("texts[%d]", i)
		unknown(where, text.Text+text.Countdown, known)
		if text.Size <= 0 || text.Size > 1 {
			faults = append(faults, fmt.Sprintf("looks.%s.%s.size: must be within 0 and 1 of the short side, is %g", aspect, where, text.Size))
		}
		if text.Width < 0 || text.Width > 1 {
			faults = append(faults, fmt.Sprintf("looks.%s.%s.width: must be within 0 and 1 of the width, is %g", aspect, where, text.Width))
		}
		if text.X == "" || text.Y == "" {
			faults = append(faults, fmt.Sprintf("looks.%s.%s: x and y are needed", aspect, where))
		}
	}
	return faults
}

// order fills a shot's fields into its template. Its errors are permanent, and fit to be read by a person.
func (l library) order(shot domain.Shot, size frame, cache string) (*mediav1.RenderOrder, error) {
	t, ok := l[shot.Template]
	if !ok {
		return nil, domain.Permanent(fmt.Errorf("there is no such template (there are %s)", strings.Join(slices.Sorted(maps.Keys(l)), ", ")))
	}
	fields, err := t.fill(shot.Fields)
	if err != nil {
		return nil, domain.Permanent(err)
	}
	rate := t.FrameRate
	if rate == 0 {
		rate = 30
	}
	look := t.look(size)
	order := &mediav1.RenderOrder{
		BaseFilter: expand(look.Base, map[string]string{
			"width":  strconv.Itoa(size.width),
			"height": strconv.Itoa(size.height),
			"rate":   strconv.FormatFloat(rate, 'f', -1, 64),
			"length": strconv.FormatFloat(shot.Length.Seconds(), 'f', 3, 64),
		}),
		Width:     int64(size.width),
		Height:    int64(size.height),
		Length:    int64(shot.Length),
		FrameRate: rate,
	}
	order.Base = base(cache, t.Name, order)
	for _, text := range look.Texts {
		drawn, err := text.draw(fields, size)
		if err != nil {
			return nil, domain.Permanent(err)
		}
		if drawn != nil {
			order.Texts = append(order.Texts, drawn)
		}
	}
	return order, nil
}

// base is where the pre-rendered base lies: named by all it depends on.
func base(cache, name string, o *mediav1.RenderOrder) string {
	hash := domain.H("base", o.GetBaseFilter(), strconv.FormatInt(o.GetWidth(), 10), strconv.FormatInt(o.GetHeight(), 10),
		strconv.FormatInt(o.GetLength(), 10), strconv.FormatFloat(o.GetFrameRate(), 'g', -1, 64))
	return filepath.Join(cache, name+"-"+hash+".mp4")
}

func (t template) fill(given map[string]string) (map[string]string, error) {
	fields, known := maps.Clone(t.Fields), t.known()
	if fields == nil {
		fields = map[string]string{}
	}
	for name, value := range given {
		if !known[name] {
			continue // what the plan knows and this template does not show
		}
		if value = strings.TrimSpace(strings.Map(printable, value)); len([]rune(value)) > maxField {
			value = string([]rune(value)[:maxField-1]) + "…"
		}
		if value != "" {
			fields[name] = value
		}
	}
	for _, name := range t.Required {
		if fields[name] == "" {
			return nil, fmt.Errorf("its field %s is empty", name)
		}
	}
	return fields, nil
}

func (t template) look(size frame) look {
	switch {
	case size.width > size.height:
		return t.Looks["landscape"]
	case size.width == size.height:
		if square, ok := t.Looks["square"]; ok {
			return square
		}
	}
	return t.Looks["portrait"]
}

func (t text) draw(fields map[string]string, size frame) (*mediav1.RenderText, error) {
	drawn := &mediav1.RenderText{
		Text:      expand(t.Text, fields),
		X:         t.X,
		Y:         t.Y,
		Size:      max(8, int64(t.Size*float64(size.short()))),
		BoxWidth:  int64(t.Width * float64(size.width)),
		Colour:    t.Colour,
		BoxColour: t.Box,
	}
	if t.Countdown != "" {
		from := expand(t.Countdown, fields)
		seconds, err := parseSeconds(from)
		if err != nil {
			return nil, fmt.Errorf("its countdown %.40q: %w", from, err)
		}
		drawn.CountdownFrom = seconds
		return drawn, nil
	}
	if strings.TrimSpace(drawn.Text) == "" {
		return nil, nil
	}
	return drawn, nil
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

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
