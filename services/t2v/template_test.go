package t2v

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

func shippedLibrary(t testing.TB) library {
	t.Helper()
	l, err := loadLibrary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAPriceDropIsDrawnPerAspect(t *testing.T) {
	shot := domain.Shot{Kind: domain.ShotTemplate, Template: "price_drop", Length: 2 * time.Second, Fields: map[string]string{"product": "保温杯\n大号", "now": "¥59", "host": "unused"}}
	order, err := shippedLibrary(t).order(shot, frame{720, 1280}, "/cache")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(order.GetBase(), "/cache/price_drop-") || !strings.Contains(order.GetBaseFilter(), "size=720x1280:rate=30:duration=2.000:") {
		t.Errorf("base %s by %s", order.GetBase(), order.GetBaseFilter())
	}
	order.Base, order.BaseFilter = "", ""
	want := &mediav1.RenderOrder{
		Width: 720, Height: 1280, Length: int64(2 * time.Second), FrameRate: 30,
		Texts: []*mediav1.RenderText{ // the old price was not given: its line is not drawn
			{Text: "价格直降", X: "(w-text_w)/2", Y: "h*0.14", Size: 93, Colour: "0xFFF200"},
			{Text: "保温杯 大号", X: "(w-text_w)/2", Y: "h*0.32", Size: 79, Colour: "white"},
			{Text: "¥59", X: "(w-text_w)/2", Y: "h*0.60", Size: 187, Colour: "0xFFF200", BoxColour: "black@0.35"},
		},
	}
	if !proto.Equal(order, want) {
		t.Errorf("order is\n%v\nwant\n%v", order, want)
	}
}

func TestOneBaseServesEveryClipOfItsSizeAndLength(t *testing.T) {
	l := shippedLibrary(t)
	base := func(template string, length time.Duration, size frame, fields map[string]string) string {
		o, err := l.order(domain.Shot{Template: template, Length: length, Fields: fields}, size, "")
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
		base("price_drop", 3*time.Second, frame{1280, 720}, map[string]string{"product": "a", "now": "b"}),
	} {
		if other == first {
			t.Errorf("base %s serves what looks different", other)
		}
	}
}

func TestAShotThatCannotBeDrawnSaysWhy(t *testing.T) {
	l := shippedLibrary(t)
	for _, c := range []struct {
		shot domain.Shot
		want string
	}{
		{domain.Shot{Template: "fireworks"}, "there is no such template (there are countdown, price_drop)"},
		{domain.Shot{Template: "price_drop", Fields: map[string]string{"now": "¥1"}}, "its field product is empty"},
		{domain.Shot{Template: "countdown", Fields: map[string]string{"countdown": "soon"}}, `its countdown "soon": must be seconds, or a length such as 3m`},
		{domain.Shot{Template: "countdown", Fields: map[string]string{"countdown": "-5"}}, `its countdown "-5": must be 1 to 86400 seconds`},
	} {
		if _, err := l.order(c.shot, frame{1280, 720}, ""); err == nil || err.Error() != c.want || !domain.IsPermanent(err) {
			t.Errorf("%v: error %v, want %s", c.shot, err, c.want)
		}
	}
}

func TestFaultyTemplatesAreRefusedAtLoad(t *testing.T) {
	const looks = "  looks:\n    portrait: {base: x}\n    landscape: {base: x"
	for text, want := range map[string]string{
		"templates:\n- name: Bad Name\n" + looks + "}\n":                                                       "name: must be lower-case",
		"templates:\n- name: a\n  looks: {portrait: {base: x}}\n":                                              "looks: landscape is missing",
		"templates:\n- name: a\n" + looks + ", texts: [{text: '${price}', x: '0', y: '0', size: 0.1}]}\n":      "variable ${price} is unknown",
		"templates:\n- name: a\n  fields: {p: ''}\n" + looks + ", texts: [{text: '${p}', x: '0', size: 2}]}\n": "size: must be within 0 and 1",
		"templates:\n- name: a\n  looks:\n    portrait: {base: x}\n    landscape: {base: 's=${size}'}\n":       "variable ${size} is unknown",
		"templates:\n- name: a\n  colour: red\n":                                                               "field colour not found",
		"no yaml: [":                                                                                           "yaml",
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

func FuzzTemplates(f *testing.F) {
	f.Add(shipped)
	f.Add([]byte("templates:\n- name: a\n  looks:\n    portrait: {base: x}\n    landscape: {base: x, texts: [{text: '${p}', x: '0', y: '0', size: 0.1}]}\n  fields: {p: q}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := library{}
		if l.read("fuzz", strings.NewReader(string(data))) != nil {
			return
		}
		for name := range l {
			_, _ = l.order(domain.Shot{Template: name, Length: time.Second}, frame{320, 240}, "")
		}
	})
}
