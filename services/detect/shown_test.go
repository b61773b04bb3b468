package detect

import (
	"strings"
	"testing"
)

// What is said is shown with numbers as they are written, in one room so and in another as the recogniser wrote it.
func TestALineIsUnderstoodTheSameInWordsAndAsItIsShown(t *testing.T) {
	r := builtIn(t)
	for spoken, shown := range map[string]string{
		"今天全场五折":                                                   "今天全场5折",
		"今天全场八点五折":                                                 "今天全场8.5折",
		"最后三分钟抓紧下单":                                                "最后3分钟抓紧下单",
		"只剩二十单了":                                                   "只剩20单了",
		"原价一百九十九现在到手价九十九块九":                                        "原价199现在到手价99块9",
		"满三百减五十":                                                   "满300减50",
		"直接立减五十块":                                                  "直接立减50块",
		"百分之三十的优惠":                                                 "30%的优惠",
		"现在只要九十九块九":                                                "现在只要99.9元",
		"只要十九块九":                                                   "只要¥19.9",
		"everything is fifty percent off":                          "everything is 50% off",
		"now only nineteen dollars":                                "now only $19",
		"it was fifty dollars now it is just nineteen ninety nine": "it was $50 now it is just $19.99",
		"only twenty left":                                         "only 20 left",
		"last three minutes":                                       "last 3 minutes",
		"save twenty dollars":                                      "save $20",
		"buy one get one free":                                     "buy 1 get 1 free",
	} {
		kinds, offers := kindsIn(r, spoken), offersIn(r, spoken)
		if kinds == "" && offers == "" {
			t.Errorf("%q: nothing is found in it", spoken)
		}
		if got := kindsIn(r, shown); got != kinds {
			t.Errorf("%q is %q, %q is %q", spoken, kinds, shown, got)
		}
		if got := offersIn(r, shown); got != offers {
			t.Errorf("%q offers %q, %q offers %q", spoken, offers, shown, got)
		}
	}
}

func offersIn(r *Rules, text string) string {
	var words, out []string
	for _, t := range r.folder.tokens(text) {
		words = append(words, t.text)
	}
	for _, o := range readOffers(words) {
		english, _ := o.describe()
		out = append(out, strings.NewReplacer("$", "", "¥", "").Replace(english))
	}
	return strings.Join(out, "; ")
}

// What a small recogniser makes of Mandarin: some characters wrong by their sound, some dropped, some added.
func TestAMomentIsNoticedInMandarinThatIsHeardBadly(t *testing.T) {
	for _, heard := range [][]string{
		{"姐妹门注意了", "今天全场武则直街打折", "敢紧去拍一号连接", "秒没啊"},
		{"最厚三分中抓紧下丹", "点下面小黄车", "手快有"},
		{"苦存只剩二十单", "卖完就不补火了", "赶快去怕"},
		{"原价一百九十九现在到首价九十九", "不要犹预直接拍"},
	} {
		lines := make([]heardLine, 0, len(heard))
		for i, text := range heard {
			lines = append(lines, heardLine{float64(20 + 3*i), text})
		}
		got := found(t, spell(lines)...)
		if len(got) != 1 {
			t.Errorf("%q: got %d highlights %+v", heard, len(got), got)
		}
	}
	for _, calm := range [][]string{
		{"这款面双的质地非常清薄", "早晚各一次就可以", "敏感鸡也能用"},
		{"我门家都是正品", "发货一般四十八小时", "尺吗问题问客服"},
	} {
		var lines []heardLine
		for i, text := range calm {
			lines = append(lines, heardLine{float64(20 + 3*i), text})
		}
		if got := found(t, spell(lines)...); len(got) != 0 {
			t.Errorf("%q: got %+v", calm, got)
		}
	}
}

type heardLine struct {
	at   float64
	text string
}

// spell makes lines whose words are single characters, as recognisers of Mandarin give them.
func spell(lines []heardLine) []finalLine {
	var out []finalLine
	for _, l := range lines {
		h := said(l.at, l.at+2.5, strings.Join(strings.Split(l.text, ""), " "))
		h.Line.Text = l.text
		h.Line.Language = "zh"
		out = append(out, h)
	}
	return out
}
