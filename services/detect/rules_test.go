package detect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/strictyaml"
)

func builtIn(t testing.TB) *Rules {
	t.Helper()
	r, err := LoadRules("")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAFileChangesWhatItNamesAndLeavesTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	text := "threshold: 0.5\nwindow: {after: 7s}\nkeywords:\n  - {name: sale, weight: 1, phrases: [sale]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := LoadRules(path)
	if err != nil {
		t.Fatal(err)
	}
	want := builtIn(t).Spec
	want.Threshold = 0.5
	want.Window.After = 7 * time.Second
	if got.Threshold != want.Threshold || got.Window != want.Window || got.Comments.Echo != want.Comments.Echo {
		t.Errorf("got %+v, want %+v", got.Spec, want)
	}
	if len(got.Keywords) != 1 || kindsIn(got, "a sale, fifty percent off") != "sale" {
		t.Errorf("keywords are %+v", got.Keywords)
	}
}

func TestAnEmptyFileIsTheBuiltInRules(t *testing.T) {
	got, err := parseRules(testWords(t), strictyaml.New("empty.yaml", []byte("# nothing\n")))
	if err != nil || len(got.Keywords) != len(builtIn(t).Keywords) {
		t.Errorf("got %v", err)
	}
}

func TestEveryFaultOfARulesFileIsToldWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"thresold: 0.5\n":                        `r.yaml:1: unknown key "thresold"`,
		"threshold: 0.5\nwindow:\n  befor: 2s\n": `r.yaml:3: unknown key "befor"`,
		"threshold: high\n":                      `r.yaml:1: must be a number, is "high"`,
		"threshold: [1]\n":                       "r.yaml:1: must be a number, is a list",
		"together: soon\n":                       `r.yaml:1: must be a length of time, such as 5s, is "soon"`,
		"weights: 3\n":                           `r.yaml:1: must be a mapping of keys to values, is "3"`,
		"leads: x\n":                             `r.yaml:1: must be a list, is "x"`,
		"threshold: [\n":                         "r.yaml:1: ",
		"\nthreshold: 2\n":                       "r.yaml:2: threshold: must be between 0.01 and 1, is 2",
		"threshold: .nan\n":                      "r.yaml:1: threshold: must be",
		"window:\n  after: -1s\n":                "r.yaml:2: window.after: must be between 0s and 1m0s, is -1s",
		"loudness:\n  least: 90\n":               "r.yaml:2: loudness.least: must be between 0 and 60, is 90",
		"weights:\n  comments:\n    brust: 1\n":  "r.yaml:3: weights.comments.brust: no signal gives it",
		"keywords: []\n":                         "r.yaml:1: keywords: must name at least one group",
		"keywords:\n- name: A b\n  weight: 1\n  phrases: [x]\n":                                   "r.yaml:2: keywords.0.name: must be lower-case",
		"keywords:\n- name: a\n  weight: 70\n  phrases: [x]\n":                                    "r.yaml:3: keywords.0.weight: must be between -20 and 20",
		"keywords:\n- name: a\n  weight: 1\n  phrases:\n  - ok\n  - '{x}'\n":                      "r.yaml:6: keywords.0.phrases.1: phrase \"{x}\": braces",
		"keywords:\n- {name: a, weight: 1, phrases: [x]}\n- {name: a, weight: 1, phrases: [x]}\n": `r.yaml:3: keywords.1.name: "a" is named twice`,
	} {
		_, err := parseRules(testWords(t), strictyaml.New("r.yaml", []byte(text)))
		if err == nil || !strings.Contains(err.Error(), want) || !domain.IsPermanent(err) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, err := parseRules(testWords(t), strictyaml.New("r.yaml", []byte("threshold: 2\ncomments: {echo: 2h, least: -3}\n")))
	if err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v", err)
	}
}

func TestAMissingRulesFileIsAFaultOfTheConfiguration(t *testing.T) {
	got := Config{Rules: filepath.Join(t.TempDir(), "none.yaml"), Group: "a b"}.Faults()
	if len(got) != 2 || !strings.HasPrefix(got[0], "detect.group: ") || !strings.Contains(got[1], "none.yaml") {
		t.Errorf("got %q", got)
	}
}

func TestTheDefaultsHaveNoFaults(t *testing.T) {
	if got := Defaults().Faults(); got != nil {
		t.Errorf("got %q", got)
	}
}

func FuzzRulesAreReadOrRefusedWithALine(f *testing.F) {
	f.Add(string(defaultRules))
	f.Add("threshold: 2\nkeywords:\n- name: a\n  phrases: ['(a|b']\n")
	f.Add("a: &a [*a]")
	with := testWords(f)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRules(with, strictyaml.New("r.yaml", []byte(text)))
		if err == nil {
			r.matcher.find(r.folder.tokens("last three minutes 全场5折"))
		} else if !strings.Contains(err.Error(), "r.yaml:") {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
