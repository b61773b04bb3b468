package detect

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func testWords(t testing.TB) words {
	t.Helper()
	w, err := newWords()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func testFolder(t testing.TB) *folder { return testWords(t).folder }

func folded(f *folder, text string) string {
	var parts []string
	for _, t := range f.tokens(text) {
		parts = append(parts, t.text)
	}
	return strings.Join(parts, " ")
}

func TestTextsThatSoundAlikeFoldAlike(t *testing.T) {
	f := testFolder(t)
	for name, texts := range map[string][2]string{
		"full and half width":        {"全场５折！", "全场5折"},
		"traditional and simplified": {"最後三分鐘，限時搶購", "最后三分钟 限时抢购"},
		"upper and lower case":       {"FLASH Sale", "flash sale"},
		"full-width letters":         {"ＦＬＡＳＨ　ｓａｌｅ", "flash sale"},
		"accents":                    {"Café", "cafe"},
		"punctuation":                {"flash-sale!!!", "flash sale"},
		"an apostrophe":              {"don’t", "dont"},
		"a percent sign":             {"50% off", "50 percent off"},
		"a thousands comma":          {"1,299元", "1299元"},
		"spaces between characters":  {"全 场 五 折", "全场五折"},
	} {
		t.Run(name, func(t *testing.T) {
			if a, b := folded(f, texts[0]), folded(f, texts[1]); a != b {
				t.Errorf("%q folds to %q, %q to %q", texts[0], a, texts[1], b)
			}
		})
	}
}

func TestTokensPointToTheirPlaceInTheText(t *testing.T) {
	f := testFolder(t)
	text := "全場５折 ½ price\xff 3.5kg 好"
	var got []string
	for _, token := range f.tokens(text) {
		got = append(got, text[token.from:token.to])
	}
	if want := "全|場|５|折|½|½|price|3.5|kg|好"; strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
}

// kindsIn gives what the built-in rules hear in a text, by group name.
func kindsIn(r *Rules, text string) string {
	var kinds []string
	seen := map[string]bool{}
	for _, m := range r.matcher.find(r.folder.tokens(text)) {
		name := "asked"
		switch {
		case m.group < len(r.Keywords):
			name = r.Keywords[m.group].Name
		case m.group > r.asked:
			continue
		}
		if !seen[name] {
			kinds = append(kinds, name)
		}
		seen[name] = true
	}
	return strings.Join(kinds, " ")
}

func TestTheBuiltInRulesHearSellingMoments(t *testing.T) {
	r := builtIn(t)
	for text, want := range map[string]string{
		"最后三分钟！":                                      "flash_sale",
		"最後３分鐘":                                       "flash_sale",
		"最后十五分钟":                                      "flash_sale",
		"限時搶購馬上開搶":                                    "flash_sale",
		"今天全场五折":                                      "discount",
		"全场５折！":                                       "discount",
		"全場八五折":                                       "discount",
		"打3.5折":                                       "discount",
		"第二件半價":                                       "discount",
		"满三百减五十":                                      "discount",
		"现在只要九十九":                                     "price_drop",
		"直接降价":                                        "price_drop",
		"只剩最后五件":                                      "scarcity",
		"库存告急":                                        "scarcity",
		"来抽奖了":                                        "gift",
		"大家在公屏扣1":                                     "asked",
		"last three minutes":                          "flash_sale",
		"This is a FLASH SALE, everyone":              "flash_sale",
		"only 5 minutes left":                         "flash_sale",
		"fifty percent off everything":                "discount",
		"50% off":                                     "discount",
		"everything is half price":                    "discount",
		"buy one get one free":                        "discount",
		"it is a price drop now":                      "price_drop",
		"we are dropping the price":                   "price_drop",
		"the price is down to nineteen dollars":       "price_drop",
		"now only one hundred and fifty nine dollars": "price_drop",
		"only twenty left in stock":                   "scarcity",
		"there is a free gift":                        "gift",
		"the offer ends tonight":                      "flash_sale",
		"three more minutes to go":                    "flash_sale",
		"this price is for today only":                "flash_sale",
		"it is forty percent cheaper":                 "discount",
		"there is an extra discount":                  "discount",
		"it was fifty dollars and now it is thirty":   "price_drop",
		"the price falls to twenty":                   "price_drop",
		"we are running low":                          "scarcity",
		"the blue ones are selling fast":              "scarcity",
	} {
		if got := kindsIn(r, text); got != want {
			t.Errorf("%q: heard %q, want %q", text, got, want)
		}
	}
}

func TestTheBuiltInRulesHearNothingInOrdinaryTalk(t *testing.T) {
	r := builtIn(t)
	for _, text := range []string{
		"欢迎来到直播间", "这款三折伞很轻便", "把它对折放进包里", "我们不降价", "今天没有打五折", "最后一个问题", "最后一件事",
		"这个定时器有倒计时功能", "面料一共有三层", "一百块左右的预算", "七十分钟续航",
		"welcome to the show", "the battery can last thirty minutes", "it is ready in only five minutes",
		"made from just two pieces of wood", "the price is what it is", "there is no flash sale today",
		"this bag has two pockets and one strap", "we will not drop the price", "about half of you asked for blue",
		"the last time we tried it", "fold it in half",
		"the sale of the house took a year", "the bus leaves in five minutes", "there are three minutes of music in it",
		"i am running out of words", "it dries in less time", "only one of them is mine", "it is the best in the house", "ninety percent of the fabric is cotton",
	} {
		if got := kindsIn(r, text); got != "" {
			t.Errorf("%q: heard %q", text, got)
		}
	}
}

// What a recogniser of 2014 made of synthetic voices that spoke what the first words of each group promise.
func TestTheBuiltInRulesHearWhatARecogniserMakesOfThem(t *testing.T) {
	r := builtIn(t)
	for kind, texts := range map[string][]string{
		"flash_sale": {
			"last three minutes", "only three minutes left", "harriet the last three minutes",
			"this is the last three minutes of the surreal", "limited time offer", "flash sale", "last to minutes",
			"will last three minutes", "only five minutes will have to",
		},
		"discount": {
			"fifty percent off everything", "everything is fifty percent off", "today we have fifty percent off",
			"half price today", "everything is half price today", "half the price for you today",
			"you buy one and get one free", "by one day one free", "twenty percent discount", "save thirty dollars today",
			"two for the price of one", "dirty percent off",
		},
		"price_drop": {
			"the price drops to nineteen dollars", "now the price drops to nineteen dollars",
			"the price goes down to twenty dollars", "this is the lowest price of the air",
		},
		"scarcity": {
			"only ten left", "there are only ten left", "we have only five left in stock",
			"this is your last chance we have only five left in stock", "last chance to bite",
		},
		"gift": {"free shipping today", "free shipping for everyone"},
		"": {
			"this jacket is made of soft cotton and keeps you warm in the winter",
			"many of our friends asked about the size of these shoes",
			"the kitchen at home was quiet and the children were playing outside",
			"we traveled to the mountains last summer and it was beautiful",
			"let me show you the inside of this back in the light",
			"my mother likes to cook with this pen every morning",
			"many people ask how to wash it and the answer is by hand in cold water",
			"hello to everyone who is here for the first time this evening",
			"it is light so you can carry it all day and it does not hurt your back",
		},
	} {
		for _, text := range texts {
			if got := kindsIn(r, text); got != kind {
				t.Errorf("%q: heard %q, want %q", text, got, kind)
			}
		}
	}
}

func TestEnglishMatchesWholeWordsOnly(t *testing.T) {
	r := builtIn(t)
	for _, text := range []string{"flash sales-man", "flashsale", "a flash saleroom", "percentoff"} {
		if got := kindsIn(r, text); strings.Contains(got, "discount") || (got != "" && !strings.Contains(text, "sales")) {
			t.Errorf("%q: heard %q", text, got)
		}
	}
}

func TestAPhraseThatCannotBeReadIsRefused(t *testing.T) {
	f := testFolder(t)
	for text, want := range map[string]string{
		"":                            "nothing to look for",
		"!!!":                         "nothing to look for",
		"{n}":                         "nothing to look for",
		"a {n}{n}":                    "two {n} in a row",
		"a{n}b{n}c{n}d{n}":            "more than 3 {n}",
		"a {m}":                       "braces other than {n}",
		"(a":                          "alternatives are written",
		"a)":                          "alternatives are written",
		"((a|b)|c)":                   "alternatives are written",
		strings.Repeat("a", 201):      "longer than",
		strings.Repeat("(a|b|c)", 20): "stands for more than",
	} {
		if _, err := f.parsePhrases(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %q", text, err, want)
		}
	}
}

// slowFind looks for every phrase at every token: what find must agree with.
func slowFind(entries []entry, tokens []token) map[match]bool {
	found, not := map[match]bool{}, []match{}
	for i, e := range entries {
		for at := range tokens {
			for _, end := range slowEnds(e.phrase, tokens, at) {
				if m := (match{e.group, at, end - 1, i}); e.not {
					not = append(not, m)
				} else {
					found[m] = true
				}
			}
		}
	}
	for m := range found {
		if denied(m, not) {
			delete(found, m)
		}
	}
	return found
}

// slowEnds gives every token before which a phrase that begins at token i may end.
func slowEnds(parts phrase, tokens []token, i int) []int {
	if len(parts) == 0 {
		return []int{i}
	}
	if parts[0] != numberMark {
		if i == len(tokens) || tokens[i].text != parts[0] {
			return nil
		}
		return slowEnds(parts[1:], tokens, i+1)
	}
	var ends []int
	for n := numberRun(tokens[i:], isNumber); n > 0; n-- {
		if isNumber(tokens[i+n-1].text) {
			ends = append(ends, slowEnds(parts[1:], tokens, i+n)...)
		}
	}
	return ends
}

func TestTheAutomatonFindsWhatASearchAtEveryTokenFinds(t *testing.T) {
	f := testFolder(t)
	words := rapid.SampledFrom([]string{"last", "three", "five", "fifty", "minutes", "percent", "off", "五", "折", "最", "后", "3", "a", "aa"})
	rapid.Check(t, func(t *rapid.T) {
		phraseOf := func(label string) string {
			parts := rapid.SliceOfN(rapid.OneOf(words, rapid.Just("{n}")), 1, 4).Draw(t, label)
			return strings.Join(parts, " ")
		}
		var entries []entry
		for i := range rapid.IntRange(1, 12).Draw(t, "phrases") {
			if parsed, err := f.parsePhrases(phraseOf("phrase")); err == nil {
				entries = append(entries, entry{parsed[0], i % 3, i%5 == 4})
			}
		}
		tokens := f.tokens(strings.Join(rapid.SliceOfN(words, 0, 30).Draw(t, "text"), " "))
		got := map[match]bool{}
		for _, m := range newMatcher(literally{}, entries).find(tokens) {
			got[m] = true
		}
		want := slowFind(entries, tokens)
		if len(got) != len(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		for m := range want {
			if !got[m] {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
	})
}

func FuzzTokensStayWithinTheTextAndMatchesWithinTheTokens(f *testing.F) {
	r := builtIn(f)
	f.Add("全場５折！ last three minutes, 50% off")
	f.Add("１,299.5\xff½ don’t ａ̈")
	f.Fuzz(func(t *testing.T, text string) {
		tokens := r.folder.tokens(text)
		for _, token := range tokens {
			if token.from < 0 || token.from >= token.to || token.to > len(text) || token.text == "" {
				t.Fatalf("token %+v of %d bytes", token, len(text))
			}
			if utf8.ValidString(text) && !utf8.ValidString(text[token.from:token.to]) {
				t.Fatalf("token %+v cuts a character", token)
			}
		}
		for _, m := range r.matcher.find(tokens) {
			if m.first < 0 || m.first > m.last || m.last >= len(tokens) {
				t.Fatalf("match %+v of %d tokens", m, len(tokens))
			}
		}
	})
}
