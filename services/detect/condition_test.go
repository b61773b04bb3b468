package detect

import (
	"strings"
	"testing"

	"liveclip/internal/domain"
	"liveclip/internal/strictyaml"
)

func withRules(t testing.TB, text string) *Rules {
	t.Helper()
	r, err := parseRules(testWords(t), strictyaml.New("r.yaml", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func foundUnder(t testing.TB, rules *Rules, lines ...finalLine) []decision {
	t.Helper()
	r := newRoom(t)
	r.rules = rules
	for _, l := range lines {
		r.say(l)
	}
	return r.finish(0)
}

func TestARuleOfOnesOwnCountsWhereItHolds(t *testing.T) {
	gift := said(60, 62, "there is a free gift")
	rules := withRules(t, "rules:\n- {name: gifts_count, when: 'keyword(\"gift\") && time.s > 30.0 && health.comments == \"missing\"', weight: 3, kind: gift}\n")
	got := highlights(foundUnder(t, rules, gift))
	if len(got) != 1 || got[0].Features["rule.gifts_count"] != 1 {
		t.Errorf("got %+v", got)
	}
	early := said(10, 12, "there is a free gift")
	if got := highlights(foundUnder(t, rules, early)); got != nil {
		t.Errorf("where it does not hold: got %+v", got)
	}
}

func TestARuleMayForbid(t *testing.T) {
	rules := withRules(t, "rules:\n- {name: warm_up, when: 'time.s < 60.0', veto: true}\n")
	got := foundUnder(t, rules, said(20, 23, "flash sale"))
	if len(got) != 1 || got[0].Outcome != outcomeVetoed || !strings.Contains(got[0].Why, "warm_up") {
		t.Errorf("got %+v", got)
	}
}

func TestAConditionThatCannotBeReadIsRefusedWithItsLineAndColumn(t *testing.T) {
	for when, want := range map[string]string{
		"coments.z > 3.0":                            "r.yaml:2: rules.0.when: column 1: undeclared reference to 'coments'",
		"comments.z >":                               "r.yaml:2: rules.0.when: column",
		"comments.z":                                 "must be true or false, is double",
		"keyword(\"nothing\")":                       "undeclared reference",
		"keyword(comments.z)":                        "must be a name in quotes",
		"[1,2,3].all(x, x > 0)":                      "undeclared reference",
		"comments.z > \"3\"":                         "found no matching overload",
		strings.Repeat("(", 100) + "true":            "column",
		"true || " + strings.Repeat("true || ", 400): "longer than 2000 bytes",
	} {
		text := "rules:\n- {name: a, weight: 1, when: '" + when + "'}\n"
		_, err := parseRules(testWords(t), strictyaml.New("r.yaml", []byte(text)))
		if err == nil || !strings.Contains(err.Error(), want) || !domain.IsPermanent(err) {
			t.Errorf("%.60q: got %v, want %q", when, err, want)
		}
	}
}

func TestAConditionThatCostsTooMuchDoesNotHold(t *testing.T) {
	text := "'" + strings.Repeat("a", 900) + "'"
	attack := "(" + text + "+" + text + ").matches(\"(a*)*(a*)*(a*)*b\") || true"
	rules := withRules(t, "rules:\n- {name: attack, weight: 20, when: \""+strings.ReplaceAll(attack, "\"", "\\\"")+"\"}\n")
	for _, d := range foundUnder(t, rules, said(60, 62, "there is a free gift")) {
		if d.Highlight.Features["rule.attack"] != 0 {
			t.Errorf("got %+v", d.Highlight)
		}
	}
}

func TestTwoRulesOrGroupsWithOneNameAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"rules:\n- {name: a, when: 'true'}\n- {name: a, when: 'true'}\n":                      `r.yaml:3: rules.1.name: "a" is named twice`,
		"more:\n- {name: a, weight: 1, phrases: [x]}\n- {name: a, weight: 1, phrases: [x]}\n": `r.yaml:3: more.1.name: "a" is named twice`,
	} {
		if _, err := parseRules(testWords(t), strictyaml.New("r.yaml", []byte(text))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzAConditionIsReadOrRefusedAndNeverHangs(f *testing.F) {
	env, err := conditionEnv(builtIn(f).features)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`keyword("flash_sale") && comments.z > 3.0`, `"a".matches("(a+)+$")`, `evidence("price.off") / 0.0 > 1.0`, `!!!!true`, `time.s > 1e308 * 10.0`} {
		f.Add(seed)
	}
	r := newRoom(f)
	f.Fuzz(func(t *testing.T, when string) {
		c, err := compile(env, ConditionRules{Name: "a", When: when})
		if err != nil {
			return
		}
		_, _ = c.holds(&moment{room: r})
	})
}
