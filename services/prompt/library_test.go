package prompt

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"liveclip/internal/domain"
	"liveclip/internal/strictyaml"
)

func shipped(t testing.TB) *library {
	t.Helper()
	l, err := loadLibrary("")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func known(name string) bool { return slices.Contains([]string{"host", "product"}, name) }

func TestTemplatesAreFilledIn(t *testing.T) {
	values := map[string]string{"host": "小美", "product": "${host}的包"}
	for text, want := range map[string]string{
		"${host}正在热情介绍${product}": "小美正在热情介绍${host}的包",
		"$$${host}":               "$小美",
		"$${host}":                "${host}",
		"only $19, $":             "only $19, $",
		"$$$$":                    "$$",
		"":                        "",
		"no variables":            "no variables",
	} {
		parsed, err := parseTemplate(text, known)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := parsed.fill(func(name string) string { return values[name] }); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestATemplateThatCannotBeReadIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"${hots}":  "unknown variable ${hots}",
		"${}":      "unknown variable ${}",
		"${host":   "is not closed",
		"a ${ b":   "is not closed",
		"${ host}": "unknown variable ${ host}",
	} {
		if _, err := parseTemplate(text, known); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestOutsideTextIsCleanedAndCut(t *testing.T) {
	for text, want := range map[string]string{
		"  two\n\t words ":  "two words",
		"a\x00b\u202ec\xff": "abc",
		"123456789012":      "1234567890",
		"１２３４５６７８９０１２":      "１２３４５６７８９０",
		"12345678 9 0":      "12345678 9",
		"":                  "",
	} {
		if got := clean(text, 10); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// prompted is the prompt of a room's generated shot.
func prompted(l *library, template string, room domain.Context, h domain.Highlight) string {
	cfg := Defaults()
	cfg.Template = template
	return l.generated(cfg, h, l.values(room, h)).Prompt
}

func TestTheFirstTemplateIsTheRoomsOwnWords(t *testing.T) {
	l := shipped(t)
	room := domain.Context{Host: "小美", Products: []domain.Product{{Name: "真皮包", Price: "¥99"}}}
	want := "小美正在热情介绍真皮包,放大价格牌,背景音乐轻快,画面明亮清晰"
	if got := prompted(l, "", room, domain.Highlight{Kind: "price_drop", Text: "现在降价"}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestALibraryAddsItsOwnVariables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "library.yaml")
	text := "variables:\n  colour: {zh: 红色, en: red}\ntemplates:\n" +
		"- {name: a, language: zh, text: '${colour}的${product}'}\n- {name: b, language: en, text: 'a ${colour} ${product}'}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := loadLibrary(path)
	if err != nil {
		t.Fatal(err)
	}
	for want, room := range map[string]domain.Context{
		"红色的好物":              {},
		"蓝色的好物":              {Extra: map[string]string{"colour": "蓝色"}},
		"a red today's pick": {Language: "en-GB"},
	} {
		if got := prompted(l, "", room, domain.Highlight{}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := prompted(l, "b", domain.Context{}, domain.Highlight{}); got != "a 红色 好物" {
		t.Errorf("by name: got %q", got)
	}
}

func TestEveryFaultOfALibraryIsToldWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"template: []\n": `l.yaml:1: unknown key "template"`,
		"templates:\n- {name: a, language: zh, text: x}\n- name: b\n  language: en\n  text: ${hots}\n": "l.yaml:5: templates.1.text: unknown variable ${hots}",
		"templates:\n- {name: a, language: zh, text: x}\n":                                             "l.yaml:2: templates: none of language en",
		"templates:\n- {name: a, language: fr, text: x}\n":                                             "l.yaml:2: templates.0.language: must be zh or en",
		"actions:\n  other: {zh: x, en: '${action}'}\n":                                                "l.yaml:2: actions.other.en: unknown variable ${action}",
		"actions:\n  other: {zh: x, en: '${title}'}\n":                                                 "l.yaml:2: actions.other.en: unknown variable ${title}",
		"titles:\n  sale: {zh: x, en: y}\n":                                                            `l.yaml:2: titles: must have an entry "other"`,
		"titles:\n  other: {zh: x}\n":                                                                  "l.yaml:2: titles.other: has no en",
		"titles:\n  other: {zh: x, en: ''}\n":                                                          "l.yaml:2: titles.other.en: must not be empty",
		"variables:\n  Colour: {zh: x, en: y}\n":                                                       "l.yaml:2: variables.Colour: a name must be",
		"openings:\n- name: a\n  fields:\n    price: ${cost}\n":                                        "l.yaml:4: openings.0.fields.price: unknown variable ${cost}",
	} {
		_, err := parseLibrary(strictyaml.New("l.yaml", []byte(text)))
		if err == nil || !strings.Contains(err.Error(), want) || !domain.IsPermanent(err) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestTheConfigurationIsHeldAgainstTheLibrary(t *testing.T) {
	cfg := Defaults()
	if got := cfg.Faults(); got != nil {
		t.Errorf("defaults: got %q", got)
	}
	cfg.Opening, cfg.Template, cfg.OpeningLength = "sunrise", "poem", -1
	want := []string{
		"prompt.opening_length: must be between 500ms and 10s, is -1ns",
		`prompt.opening: the library has no opening "sunrise"`,
		`prompt.template: the library has no template "poem"`,
	}
	if got := cfg.Faults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	cfg = Defaults()
	cfg.Templates = filepath.Join(t.TempDir(), "none.yaml")
	if got := cfg.Faults(); len(got) != 1 || !strings.Contains(got[0], "none.yaml") {
		t.Errorf("got %q", got)
	}
}

func FuzzATemplateIsReadOrRefused(f *testing.F) {
	f.Add("${host}正在热情介绍${product},$$5")
	f.Add("${")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseTemplate(text, known)
		if err != nil {
			return
		}
		got := parsed.fill(func(string) string { return "" })
		if len(got) > len(text) {
			t.Fatalf("%q grew to %q", text, got)
		}
	})
}

func FuzzALibraryIsReadOrRefusedWithALine(f *testing.F) {
	f.Add(string(defaultLibrary))
	f.Add("titles: {other: {zh: '${', en: x}}")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLibrary(strictyaml.New("l.yaml", []byte(text)))
		if err != nil {
			if !strings.Contains(err.Error(), "l.yaml:") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		_ = prompted(l, "", domain.Context{Host: "h", Extra: map[string]string{"a": "b"}}, domain.Highlight{Kind: "discount"})
	})
}
