package t2v

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"liveclip/internal/motion"
)

func shippedLibrary(t testing.TB) library {
	t.Helper()
	l, err := loadLibrary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// filled is what a template shows in a frame.
func filled(t testing.TB, name string, size frame, given map[string]string) (motion.Scene, error) {
	t.Helper()
	template, err := shippedLibrary(t).find(name)
	if err != nil {
		return motion.Scene{}, err
	}
	fields, err := template.fill(given, Brand{})
	if err != nil {
		return motion.Scene{}, err
	}
	return template.scene(fields, size, template.Length, 30)
}

func texts(s motion.Scene) (texts []string) {
	for _, l := range s.Layers {
		if l.Text != "" {
			texts = append(texts, l.Text)
		}
	}
	return texts
}

func TestATemplateIsFilledIn(t *testing.T) {
	s, err := filled(t, "price_drop", frame{720, 1280}, map[string]string{"product": "保温杯\n大号", "was": "¥99", "price": "¥59", "host": "unused"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := texts(s), []string{"价格直降", "直降", "6折", "保温杯 大号", "原价 ¥99", "¥{}"}; !reflect.DeepEqual(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
	if last := s.Layers[len(s.Layers)-1]; last.Kind != motion.KindRoll || last.From != 99 || last.To != 59 {
		t.Errorf("the price is %+v, want one that rolls from 99 to 59", last)
	}
}

func TestWhatIsNotGivenIsNotDrawn(t *testing.T) {
	for name, c := range map[string]struct {
		given map[string]string
		want  []string
	}{
		"no price before":             {map[string]string{"product": "mug", "price": "$17.90", "language": "en"}, []string{"Price drop", "SALE", "mug", "$17.90"}},
		"a price that did not fall":   {map[string]string{"product": "mug", "price": "¥59", "was": "¥59"}, []string{"价格直降", "直降", "mug", "¥59"}},
		"a price that is no number":   {map[string]string{"product": "mug", "price": "半价", "was": "¥59"}, []string{"价格直降", "直降", "mug", "原价 ¥59", "半价"}},
		"a price with template marks": {map[string]string{"product": "${host} {} $${x}", "price": "¥{}9", "was": "¥99"}, []string{"价格直降", "直降", "1折", "${host} {} $${x}", "原价 ¥99", "¥{}9"}},
	} {
		s, err := filled(t, "price_drop", frame{1280, 720}, c.given)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(s); name != "a price with template marks" && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: it says %q, want %q", name, got, c.want)
		}
	}
}

func TestOutsideWordsAreCleanedCutAndNeverReadAsTemplates(t *testing.T) {
	template, _ := shippedLibrary(t).find("price_drop")
	fields, err := template.fill(map[string]string{
		"product": "a\x00b\u202ec\u200b ${price} \r\n" + strings.Repeat("长", 100_000), "price": "¥5", "off": "forged", "nonsense": "x",
	}, Brand{})
	if err != nil {
		t.Fatal(err)
	}
	if got := []rune(fields["product"]); len(got) > maxField || !strings.HasPrefix(string(got), "a b c ${price} 长") {
		t.Errorf("the product is %d characters: %.40s", len(got), string(got))
	}
	if fields["off"] != "" || fields["nonsense"] != "" {
		t.Errorf("fields %v", fields)
	}
}

func TestReductionsAreWordedInTheRoomsLanguage(t *testing.T) {
	for _, c := range []struct{ was, price, language, saved, off string }{
		{"¥99", "¥59", "", "省¥40", "6折"},
		{"¥1,299", "¥999.50", "zh", "省¥299.50", "7.7折"},
		{"$29.90", "$17.90", "en", "Save $12", "-40%"},
		{"¥99.9", "¥59.9", "zh", "省¥40", "6折"},
		{"¥100", "¥99.9", "zh", "省¥0.10", ""},
		{"$1000", "$999.99", "en", "Save $0.01", ""},
		{"¥59", "¥99", "", "", ""},
		{"", "¥99", "", "", ""},
		{"¥99", "半价", "", "", ""},
	} {
		if saved, off, _ := priceCut(c.was, c.price, c.language); saved != c.saved || off != c.off {
			t.Errorf("%s to %s: %q, %q; want %q, %q", c.was, c.price, saved, off, c.saved, c.off)
		}
	}
}

func TestEveryTemplateHoldsInEveryAspectAndKeepsOffWhatPlatformsCover(t *testing.T) {
	given := map[string]string{"product": "不锈钢保温杯 500ml", "was": "¥129", "price": "¥79", "quote": "好用", "host": "小鹿", "picture": "/x.png"}
	l := shippedLibrary(t)
	if len(l) < 8 {
		t.Errorf("%d templates", len(l))
	}
	for name, template := range l {
		for aspect, size := range Sizes {
			for _, picture := range []string{"", "/x.png"} {
				given["picture"] = picture
				s, err := filled(t, name, frame{size[0], size[1]}, given)
				if err != nil {
					t.Fatalf("%s in %s: %v", name, aspect, err)
				}
				if len(s.Base) == 0 || len(s.Layers) < 4 {
					t.Errorf("%s in %s shows %d layers over %d", name, aspect, len(s.Layers), len(s.Base))
				}
				for _, layer := range s.Layers {
					if layer.Text != "" && !safe(aspect, layer.Box) {
						t.Errorf("%s in %s: %q at %v lies under what a platform draws", name, aspect, layer.Text, layer.Box)
					}
				}
			}
		}
		if template.Title["zh"] == "" || template.Title["en"] == "" || template.About["zh"] == "" || template.About["en"] == "" {
			t.Errorf("%s has no name or no description in both languages", name)
		}
	}
}

// safe: players cover the edges, phones the upper eighth and the lower fifth of a tall picture.
func safe(aspect string, b motion.Box) bool {
	left, top, right, bottom := b[0], b[1], b[0]+b[2], b[1]+b[3]
	if aspect == "portrait" {
		return left >= 4 && right <= 96 && top >= 12 && bottom <= 81.5
	}
	return left >= 3 && right <= 97.5 && top >= 2.5 && bottom <= 97
}

func TestAShotThatCannotBeDrawnSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name  string
		given map[string]string
		want  string
	}{
		{"fireworks", nil, `there is no template "fireworks" (there are [buy_one_get_one countdown`},
		{"price_drop", map[string]string{"price": "¥1"}, "its field product is empty"},
		{"countdown", map[string]string{"countdown": "soon"}, `its countdown "soon": must be seconds, or a length such as 3m`},
		{"countdown", map[string]string{"countdown": "-5"}, `its countdown "-5": must be 1 to 86400 seconds`},
	} {
		if _, err := filled(t, c.name, frame{1280, 720}, c.given); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: error %v, want %s", c.given, err, c.want)
		}
	}
}

func TestFaultyTemplatesAreRefusedAtLoad(t *testing.T) {
	const head = "templates:\n- name: a\n  length: 3s\n"
	for text, want := range map[string]string{
		"templates:\n- name: Bad Name\n  length: 3s\n":                                                        "name: must be lower-case",
		"templates:\n- name: a\n":                                                                             "length: must be 500ms to 1m0s, is 0s",
		head + "  layers: [{kind: text, text: '${price}', box: {portrait: [0,0,9,9]}}]\n":                     "variable ${price} is unknown",
		head + "  layers: [{kind: text, text: x, box: {tall: [0,0,9,9]}}]\n":                                  `aspect "tall" is none of`,
		head + "  layers: [{kind: text, text: x, box: {portrait: [0,0,9]}}]\n":                                "box has 3 numbers",
		head + "  layers: [{kind: hologram, box: {portrait: [0,0,9,9]}}]\n":                                   `kind "hologram" is unknown`,
		head + "  layers: [{kind: rect, colours: [red], box: {portrait: [0,0,9,9]}}]\n":                       `colour "red": must be #RRGGBB`,
		head + "  layers: [{kind: rect, colours: [$brand], box: {portrait: [0,0,9,9]}}]\n":                    `the palette has no colour "brand"`,
		head + "  fields: {p: ''}\n  base: [{kind: text, text: '${p}', box: {portrait: [0,0,9,9]}}]\n":        "the base is the same for every shot",
		head + "  layers: [{kind: rect, if: q, box: {portrait: [0,0,9,9]}}]\n":                                `field "q" is unknown`,
		head + "  layers: [{kind: rect, enter: {kind: teleport}, box: {portrait: [0,0,9,9]}}]\n":              `move "teleport" is none of`,
		head + "  layers: [{kind: rect, loop: {kind: pulse, by: 1, every: 0}, box: {portrait: [0,0,9,9]}}]\n": "every 0",
		head + "  title: {zh: 一, fr: un}\n":                                                                   `"fr" is no language`,
		head + "  colour: red\n":                                                                              "field colour not found",
		"no yaml: [":                                                                                          "yaml",
	} {
		file := filepath.Join(t.TempDir(), "templates.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := Defaults()
		cfg.Templates = []string{file}
		if faults := strings.Join(cfg.Faults(), "\n"); !strings.HasPrefix(faults, "t2v.templates: "+file) || !strings.Contains(faults, want) {
			t.Errorf("%q: faults %q, want one with %q", text, faults, want)
		}
	}
}

func TestABrandsColoursAndLogoTakeThePlaceOfTheTemplates(t *testing.T) {
	template, _ := shippedLibrary(t).find("countdown")
	branded := template.withBrand(Brand{Colour: "#123456", Accent: "#ABCDEF"})
	if branded.Palette["brand"] != "#123456" || branded.Palette["accent"] != "#ABCDEF" || template.Palette["brand"] == "#123456" {
		t.Errorf("palettes %v and %v", branded.Palette, template.Palette)
	}
	if l := logo("/logo.png", frame{720, 1280}); len(l) != 1 || l[0].Path != "/logo.png" || l[0].Box[1] < 7 {
		t.Errorf("logo %+v", l)
	}
	cfg := Defaults()
	cfg.Draw.Brand = Brand{Colour: "red", Logo: "/nowhere.png"}
	cfg.Draw.Voice = "siri"
	if faults := strings.Join(cfg.Faults(), "\n"); !strings.Contains(faults, "t2v.draw.brand.colour: must be #RRGGBB") ||
		!strings.Contains(faults, "t2v.draw.brand.logo: ") || !strings.Contains(faults, "t2v.draw.voice: must be one of") {
		t.Errorf("faults %s", faults)
	}
}

func TestOneBaseServesEveryClipOfItsSizeAndLength(t *testing.T) {
	d := &Drawer{cfg: Defaults(), templates: shippedLibrary(t)}
	base := func(template string, length time.Duration, size frame, fields map[string]string) string {
		found, _ := d.templates.find(template)
		all, err := found.fill(fields, Brand{})
		if err != nil {
			t.Fatal(err)
		}
		o, err := d.order(found, all, size, length)
		if err != nil {
			t.Fatal(err)
		}
		return o.GetBase()
	}
	first := base("countdown", 3*time.Second, frame{1280, 720}, map[string]string{"product": "a"})
	if again := base("countdown", 3*time.Second, frame{1280, 720}, map[string]string{"product": "b", "countdown": "1m"}); again != first {
		t.Errorf("other texts have another base: %s, %s", first, again)
	}
	for _, other := range []string{
		base("countdown", 2*time.Second, frame{1280, 720}, nil),
		base("countdown", 3*time.Second, frame{720, 1280}, nil),
		base("price_drop", 3*time.Second, frame{1280, 720}, map[string]string{"product": "a", "price": "b"}),
	} {
		if other == first {
			t.Errorf("base %s serves what looks different", other)
		}
	}
}

func FuzzTemplates(f *testing.F) {
	for _, name := range []string{"templates/countdown.yaml", "templates/praise.yaml"} {
		text, err := shipped.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := library{}
		if l.read("fuzz", strings.NewReader(string(data))) != nil {
			return
		}
		for _, template := range l {
			fields, err := template.fill(map[string]string{"product": "a", "price": "¥1", "was": "¥2"}, Brand{})
			if err != nil {
				continue
			}
			for _, size := range []frame{{320, 240}, {240, 320}, {240, 240}} {
				_, _ = template.scene(fields, size, time.Second, 30)
			}
		}
	})
}

func FuzzPrices(f *testing.F) {
	f.Add("¥99", "¥59")
	f.Add("1,2,3.45元", "0")
	f.Fuzz(func(t *testing.T, was, price string) {
		saved, off, ok := priceCut(was, price, "")
		if ok != (saved != "") || ok != (off != "") {
			t.Errorf("%q to %q: %q %q %v", was, price, saved, off, ok)
		}
	})
}
