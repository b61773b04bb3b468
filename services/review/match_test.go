package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func shippedLists(t testing.TB) *lists {
	t.Helper()
	l, err := loadLists(nil, severityPerson)
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
		for _, m := range l.find(l.normal.text(c.text)) {
			if m.list != "trade" {
				found = append(found, m.term)
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
		got, _ := l.clean(text)
		if got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestMaskingKeepsTheLength(t *testing.T) {
	l := shippedLists(t)
	if got := l.mask("这是国家级好茶"); got != "这是***好茶" {
		t.Errorf("mask gives %q", got)
	}
}

func TestSpokenTermsCarryTheTimeOfTheirFirstWordAndLieInsideTheWindow(t *testing.T) {
	l := shippedLists(t)
	word := func(text string, start, end int) domain.Word {
		return domain.Word{Text: text, Start: time.Duration(start) * time.Second, End: time.Duration(end) * time.Second}
	}
	lines := []domain.TranscriptLine{{
		Start: 0, End: 20 * time.Second,
		Words: []domain.Word{word("cures", 1, 2), word("with", 11, 12), word("guaranteed", 12, 13), word("returns", 13, 14), word("cocaine", 21, 22)},
	}, {
		Start: 15 * time.Second, End: 16 * time.Second, Text: "这是最佳选择",
	}}
	got := l.spoken(lines, domain.Window{Start: 10 * time.Second, End: 20 * time.Second})
	want := []domain.Finding{
		{List: "investment", Term: "guaranteed returns", Where: inTranscript, At: 12 * time.Second, Severity: severityPerson},
		{List: "absolute", Term: "最佳", Where: inTranscript, At: 15 * time.Second, Severity: severityPerson},
	}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("found %+v, want %+v", got, want)
	}
}

func TestAListOfOnesOwnReplacesTheShippedOneOfItsName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lists.yaml")
	if err := os.WriteFile(file, []byte("lists:\n- name: absolute\n  written: note\n  terms: [mine, {term: ours, written: block, spoken: block}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := loadLists([]string{file}, severityNote)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range l.find(l.normal.text("mine ours 国家级")) {
		got = append(got, m.term+" "+m.written+" "+m.spoken)
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
		if _, err := loadLists([]string{file}, severityPerson); err == nil || !strings.Contains(err.Error(), want) {
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
		cleaned, _ := l.clean(s)
		if left := l.forbidden(cleaned); len(left) > 0 {
			t.Errorf("clean(%q) = %q still carries %v", s, cleaned, left)
		}
		l.mask(s)
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
		if l, err := compile(all, severityNote); err == nil {
			l.find(l.normal.text("x y 国家级"))
		}
	})
}
