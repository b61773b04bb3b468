package wordlist

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func shippedLists(t testing.TB) *Lists {
	t.Helper()
	l, err := Load(nil, Person)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTermsAreFoundHoweverTheyAreWritten(t *testing.T) {
	l := shippedLists(t)
	for _, c := range []struct{ text, want string }{
		{"全网最低价", "全网最低 最低价"},
		{"全 网，最·低 价", "全网最低 最低价"},
		{"全網最低價", "全网最低 最低价"},
		{"国家级认证", "国家级"},
		{"國家級認證", "国家级"},
		{"１００％有效", "100%有效"},
		{"Guaranteed RETURNS, every month", "guaranteed returns"},
		{"ｇｕａｒａｎｔｅｅｄ　ｒｅｔｕｒｎｓ", "guaranteed returns"},
		{"The World’s Best pan", "world's best"},
		{"this cream cures everything", "cures"},
		{"a#第一#品牌", "第一 第一品牌"},
		{"第一时间发货", ""},
		{"這是第一次直播", ""},
		{"第一时间抢第一", "第一"},
		{"we have secure packaging and manicures", ""},
		{"this is the best time to buy, my best friend", ""},
		{"last three minutes, fifty percent off everything", ""},
		{"the price drops to nineteen dollars", ""},
		{"绝对值得", "绝对"},
		{"", ""},
		{"!!!", ""},
	} {
		var found []string
		for _, m := range l.InText(c.text) {
			if m.List != "trade" {
				found = append(found, m.Term)
			}
		}
		if got := strings.Join(found, " "); got != c.want {
			t.Errorf("in %q found %q, want %q", c.text, got, c.want)
		}
	}
}

func TestATitleIsCleanedOfWhatMayNotBeWritten(t *testing.T) {
	l := shippedLists(t)
	for text, want := range map[string]string{
		"主播热情介绍保温杯":             "主播热情介绍保温杯",
		"全网最低价：保温杯":             "保温杯",
		"顶级 保温杯":                "保温杯",
		"顶顶级级保温杯":               "保温杯",
		"world's best mug, now": "mug, now",
		"顶级！":                   "",
		"Last three minutes!":   "Last three minutes!",
	} {
		got, _ := l.Clean(text)
		if got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestMaskingKeepsTheLength(t *testing.T) {
	l := shippedLists(t)
	if got := l.Mask("这是国家级好茶"); got != "这是***好茶" {
		t.Errorf("mask gives %q", got)
	}
}

func TestAListOfOnesOwnReplacesTheShippedOneOfItsName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lists.yaml")
	if err := os.WriteFile(file, []byte("lists:\n- name: absolute\n  written: note\n  terms: [mine, {term: ours, written: block, spoken: block}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Load([]string{file}, Note)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range l.InText(("mine ours 国家级")) {
		got = append(got, m.Term+" "+m.Written+" "+m.Spoken)
	}
	if want := "mine note note, ours block block"; strings.Join(got, ", ") != want {
		t.Errorf("found %v, want %s", got, want)
	}
}

func TestFaultyListsAreRefusedByName(t *testing.T) {
	for text, want := range map[string]string{
		"lists:\n- name: a\n  written: loud\n":                                  `list "a": written: must be block, person or note, is "loud"`,
		"lists:\n- name: a\n  written: note\n  terms: ['!!']\n":                 `list "a": term "!!" has neither letters nor digits`,
		"lists:\n- name: a\n  written: note\n  words: [x]\n":                    "field words not found",
		"lists:\n- name: a\n  written: note\n  terms: [{term: x, spoken: y}]\n": `term "x": spoken: must be block, person or note`,
		"- x\n": "cannot unmarshal",
	} {
		file := filepath.Join(t.TempDir(), "lists.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load([]string{file}, Person); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func FuzzACleanedTitleCarriesNothingForbidden(f *testing.F) {
	l := shippedLists(f)
	for _, s := range []string{"全网最低价", "顶顶级级", "world's best mug", "第一时间", "a\xffb国家级"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cleaned, _ := l.Clean(s)
		if left := l.forbidden(cleaned); len(left) > 0 {
			t.Errorf("clean(%q) = %q still carries %v", s, cleaned, left)
		}
		l.Mask(s)
	})
}

func FuzzWordLists(f *testing.F) {
	f.Add(shipped)
	f.Add([]byte("lists:\n- name: a\n  written: note\n  terms: [x, {term: y}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := readLists("fuzz", strings.NewReader(string(data)))
		if err != nil {
			return
		}
		if l, err := compile(all, Note); err == nil {
			l.InText(("x y 国家级"))
		}
	})
}
