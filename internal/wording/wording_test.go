package wording

import (
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
)

func writer(t testing.TB) *Writer {
	t.Helper()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestSpokenNumbersAreWrittenAsFigures(t *testing.T) {
	w := writer(t)
	for heard, want := range map[string]string{
		"最后三分钟":        "最后3分钟",
		"最後三分鐘全場五折":    "最后3分钟全场5折",
		"打八五折":         "打85折",
		"三点五折":         "3.5折",
		"全场半价":         "全场半价",
		"第二件半价":        "第二件半价",
		"只要九十九块九":      "只要¥99.9",
		"九块九毛":         "¥9.9",
		"九十九块九毛九":      "¥99.99",
		"一百块三件":        "¥100三件",
		"五块钱":          "¥5",
		"只要两块":         "只要¥2",
		"切成两块":         "切成两块",
		"原价一百二十九现在九十九": "原价129现在99",
		"两千三":          "2300",
		"三百五十五":        "355",
		"三万":           "3万",
		"一万二":          "1.2万",
		"百分之三十的优惠":     "30%的优惠",
		"百分之百纯棉":       "百分之百纯棉",
		"满三百减五十":       "满300减50",
		"买一送一":         "买一送一",
		"三二一上链接":       "三二一上链接",
		"五四三二一":        "五四三二一",
		"双十一":          "双十一",
		"这十分好用":        "这十分好用",
		"十分钟":          "10分钟",
		"只剩十件":         "只剩10件",
		"只剩五件":         "只剩五件",
		"一起下单万一没有了千万别错过": "一起下单万一没有了千万别错过",
		"三四百块":                         "三四百块",
		"七天无理由":                        "7天无理由",
		"一天":                           "一天",
		"三折伞":                          "三折伞",
		"三号链接":                         "3号链接",
		"九十九美元":                        "$99",
		"九十九元":                         "¥99",
		"99块9":                         "¥99.9",
		"一九九":                          "一九九",
		"现在只要一九九":                      "现在只要199",
		"三点五分开始":                       "三点五分开始",
		"五百毫升":                         "500毫升",
		"三千块一两":                        "¥3000一两",
		"三万五一台":                        "3.5万一台",
		"七十八十块":                        "七十八十块",
		"四十五十块钱":                       "四十五十块钱",
		"三块五块":                         "三块五块",
		"六块七块的":                        "六块七块的",
		"十块八块的":                        "十块八块的",
		"百八十块":                         "百八十块",
		"九十八九块钱":                       "九十八九块钱",
		"五块二一斤":                        "¥5.2一斤",
		"五元一斤":                         "¥5一斤",
		"一百九十九块九两件":                    "¥199.9两件",
		"三十九块九三盒":                      "¥39.9三盒",
		"九块九十双":                        "九块九十双",
		"二十五六岁":                        "二十五六岁",
		"十七八岁":                         "十七八岁",
		"三十二三度":                        "三十二三度",
		"十一假期":                         "十一假期",
		"一亿五千万":                        "1.5亿",
		"十万块":                          "¥10万",
		"三十到五十块":                       "三十到五十块",
		"两千零三块":                        "¥2003",
		"一百十五块":                        "¥115",
		"万一":                           "万一",
		"千万别错过":                        "千万别错过",
		"成千上万":                         "成千上万",
		"five or six dollars":          "Five or six dollars",
		"forty five fifty dollars":     "Forty five fifty dollars",
		"last three minutes":           "Last 3 minutes",
		"nineteen ninety nine dollars": "$19.99",
		"the price drops to nineteen ninety nine": "The price drops to 19.99",
		"in nineteen ninety nine i was born":      "In nineteen ninety nine I was born",
		"nineteen dollars and ninety nine cents":  "$19.99",
		"twenty percent off":                      "20% off",
		"twenty-five percent off":                 "25% off",
		"fifty per cent off":                      "50% off",
		"one hundred percent effective":           "One hundred percent effective",
		"one hundred and fifty nine dollars":      "$159",
		"one thousand two hundred dollars":        "$1,200",
		"two million people":                      "2 million people",
		"only ten left":                           "Only 10 left",
		"only five left in stock":                 "Only 5 left in stock",
		"buy one get one free":                    "Buy one get one free",
		"two for the price of one":                "Two for the price of one",
		"ten nine eight seven":                    "Ten nine eight seven",
		"twenty second anniversary":               "Twenty second anniversary",
		"three point five inches":                 "3.5 inches",
		"it weighs five pounds":                   "It weighs five pounds",
		"one hundred and everything":              "100 and everything",
		"twenty twenty six":                       "Twenty twenty six",
	} {
		if got := w.Text(heard, Style{}); got != want {
			t.Errorf("%q: written %q, want %q", heard, got, want)
		}
	}
}

func TestTextIsWrittenInItsOwnMarksLettersAndSpaces(t *testing.T) {
	w := writer(t)
	for heard, want := range map[string]string{
		"Wow! 这个价格太炸裂了!":       "Wow! 这个价格太炸裂了！",
		"wow!这个价格":             "Wow! 这个价格",
		"全场５折！！ＶＩＰ专享":          "全场5折！！VIP 专享",
		"这个iPhone15只要99,真的":    "这个 iPhone15只要99，真的",
		"t恤":                   "T恤",
		"i'm sure i can":       "I'm sure I can",
		"THE PRICE DROPS NOW":  "The price drops now",
		"VIP":                  "VIP",
		"hello。everyone":       "Hello. Everyone",
		"好吃好吃好吃":               "好吃好吃好吃",
		"it is 12:30, a.m. ok": "It is 12:30, a.m. ok",
		"（限量）抢购":               "（限量）抢购",
		"really the the best":  "Really the the best",
		"what?no.":             "What? No.",
		"等等...真的":              "等等... 真的",
		"￥９９":                  "¥99",
		"，。！":                  "",
		" \t\n":                "",
	} {
		if got := w.Text(heard, Style{}); got != want {
			t.Errorf("%q: written %q, want %q", heard, got, want)
		}
	}
	if got := w.Text("the new iphone fifteen pro is here", Style{Names: []string{"iPhone", "15 Pro"}}); got != "The new iPhone 15 Pro is here" {
		t.Errorf("written %q", got)
	}
	if got := w.Text("and it goes on", Style{Continues: true}); got != "and it goes on" {
		t.Errorf("written %q", got)
	}
}

const ms = time.Millisecond

func word(text string, start, end int) domain.Word {
	return domain.Word{Text: text, Start: time.Duration(start) * ms, End: time.Duration(end) * ms, Confidence: 0.5}
}

func TestWordsKeepTheTimesOfWhatTheyStandForAndPausesBecomeMarks(t *testing.T) {
	w := writer(t)
	for name, c := range map[string]struct {
		heard []domain.Word
		until int
		want  []domain.Word
	}{
		"a price is one word": {
			[]domain.Word{word("now", 0, 200), word("nineteen", 500, 800), word("ninety", 800, 1000), word("nine", 1000, 1200), word("dollars", 1200, 1500)}, 1900,
			[]domain.Word{word("Now,", 0, 200), word("$19.99.", 500, 1500)},
		},
		"a line that was cut has no end": {
			[]domain.Word{word("and", 0, 200), word("then", 200, 400)}, 410,
			[]domain.Word{word("And", 0, 200), word("then", 200, 400)},
		},
		"a long pause ends a sentence": {
			[]domain.Word{word("do", 0, 100), word("you", 100, 200), word("like", 200, 300), word("it", 300, 400), word("i", 1100, 1200), word("do", 1200, 1300)}, 0,
			[]domain.Word{word("Do", 0, 100), word("you", 100, 200), word("like", 200, 300), word("it?", 300, 400), word("I", 1100, 1200), word("do", 1200, 1300)},
		},
		"no comma after an article": {
			[]domain.Word{word("the", 0, 100), word("price", 400, 600)}, 0,
			[]domain.Word{word("The", 0, 100), word("price", 400, 600)},
		},
		"chinese": {
			[]domain.Word{word("全场", 0, 200), word("五", 200, 300), word("折", 300, 400), word("好", 700, 800), word("吗", 800, 900)}, 1300,
			[]domain.Word{word("全", 0, 100), word("场", 100, 200), word("5", 200, 300), word("折，", 300, 400), word("好", 700, 800), word("吗？", 800, 900)},
		},
		"marks alone close the word before": {
			[]domain.Word{word("好", 0, 100), word("，", 100, 100), word("来", 100, 200)}, 0,
			[]domain.Word{word("好，", 0, 100), word("来", 100, 200)},
		},
		"nothing": {nil, 900, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := w.Words(c.heard, Style{Until: time.Duration(c.until) * ms}); !slices.Equal(got, c.want) {
				t.Errorf("written %v, want %v", got, c.want)
			}
		})
	}
}

func TestAmountsAreReadWithTheirCurrency(t *testing.T) {
	for tokens, want := range map[string]Money{
		"九 十 九 块 九": {99.9, "¥"}, "99 块 9": {99.9, "¥"}, "九 块 九 毛 九": {9.99, "¥"}, "一 百 块 三 件": {100, "¥"}, "三 百 块 五 折": {300, "¥"},
		"nineteen ninety nine dollars": {19.99, "$"}, "twenty": {20, ""}, "off": {},
	} {
		if got, _ := ReadMoney(strings.Fields(tokens)); got != want {
			t.Errorf("%q: read %v, want %v", tokens, got, want)
		}
	}
}

func FuzzWritingTwiceChangesNothing(f *testing.F) {
	w := writer(f)
	for _, seed := range []string{"全場五折！ last three minutes, 50% off", "一百二十九块九毛九三二一", "１,299.5\xff½ don’t", "（“a”）,，.", "I'M HERE twenty-five-six", "百分之 百 分 之 五", "$5 百 万 万 2 million yuan"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		once := w.Text(text, Style{})
		if twice := w.Text(once, Style{}); twice != once {
			t.Errorf("%q: written %q, then %q", text, once, twice)
		}
		var words []domain.Word
		for i, field := range strings.Fields(text) {
			words = append(words, word(field, i*300, i*300+(i*70)%290))
		}
		last := time.Duration(0)
		for _, shown := range w.Words(words, Style{Until: time.Hour}) {
			if shown.Text == "" || shown.Start < last || shown.End < shown.Start {
				t.Fatalf("%q: word %v after %v", text, shown, last)
			}
			last = shown.Start
		}
	})
}

func TestPricesOfAShopAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"¥99": "¥99", "$19.99": "$19.99", "99块9": "¥99.9", "￥1,299.00": "¥1299", "九块九": "¥9.9", "89元": "¥89", "１９９元": "¥199", "199": "199", "US$ 1,200": "$1,200",
		"九十九塊": "¥99", "券后¥59.9起": "¥59.9", "免费": "", "": "", "¥": "",
	} {
		got := ""
		if m, ok := ReadPrice(text); ok {
			got = m.String()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzPricesOfAShop(f *testing.F) {
	for _, seed := range []string{"¥99", "$19.99", "99块9", "￥1,299.00", "九块九", "1,,2..3", "¥¥$9", strings.Repeat("9", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, ok := ReadPrice(text); ok && !(m.Amount >= 0 && m.Amount <= mostValue*1e8) {
			t.Errorf("%q is %v", text, m)
		}
	})
}
