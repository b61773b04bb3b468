package detect

import "testing"

// likened gives what the built-in rules hear in a text by its sound only, by group name.
func likened(r *Rules, text string) string {
	tokens := r.folder.tokens(text)
	names := ""
	seen := map[int]bool{}
	for _, a := range r.soundsLike(tokens, r.matcher.find(tokens)) {
		if !seen[a.group] {
			names += " " + r.Keywords[a.group].Name
		}
		seen[a.group] = true
	}
	return names
}

func TestWhatOnlySoundsLikeAPhraseIsHeard(t *testing.T) {
	r := builtIn(t)
	for text, want := range map[string]string{
		"今天全场武则":                 " discount",
		"今天全厂五哲":                 " discount",
		"显时抢购开始了":                " flash_sale",
		"最厚三秒钟":                  " flash_sale",
		"苦存告急":                   " scarcity",
		"the prize is dropping":  "",
		"武则天是唐朝人":                "",
		"我们先看颜色":                 "",
		"这个武器很好用":                "",
		"全场观众都站起来":               "",
		"the deal of the day is": "",
	} {
		if got := likened(r, text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestAPhraseHeardByItsSoundIsReadAsWhatWasMeant(t *testing.T) {
	line := said(20, 23, "今 天 全 场 武 则")
	got := found(t, line)
	if len(got) != 1 || got[0].Kind != "discount" || got[0].Features["price.off"] == 0 {
		t.Fatalf("got %+v", got)
	}
	if v := got[0].Features["keyword.discount"]; v >= 1 || v < 0.8 {
		t.Errorf("its value is %v, must be less than one and not by much", v)
	}
}

func TestFormsOfAWordHaveOneStem(t *testing.T) {
	for _, words := range [][]string{
		{"drop", "drops", "dropped", "dropping"}, {"price", "prices", "priced", "pricing"}, {"sale", "sales"}, {"sell", "sells", "selling"},
	} {
		for _, w := range words[1:] {
			if stem(w) != stem(words[0]) {
				t.Errorf("%s has the stem %s, %s has %s", w, stem(w), words[0], stem(words[0]))
			}
		}
	}
}

func FuzzLikenessIsBounded(f *testing.F) {
	r := builtIn(f)
	f.Add("今天全场武则 最后三分钟 for to minutes")
	f.Fuzz(func(t *testing.T, text string) {
		tokens := r.folder.tokens(text)
		for _, a := range r.soundsLike(tokens, nil) {
			if a.first < 0 || a.last >= len(tokens) || a.apart < 0 || a.apart > 1 {
				t.Fatalf("%+v of %d tokens", a, len(tokens))
			}
		}
	})
}
