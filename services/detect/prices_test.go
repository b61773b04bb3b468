package detect

import (
	"math"
	"strings"
	"testing"
)

func tokensOf(f *folder, text string) []string {
	var words []string
	for _, t := range f.tokens(text) {
		words = append(words, t.text)
	}
	return words
}

func TestOffersAreReadAsValues(t *testing.T) {
	f := testFolder(t)
	for text, want := range map[string]string{
		"今天全场五折":                                         "50% off",
		"打8.5折":                                          "15% off",
		"全场八五折":                                          "15% off",
		"第二件半价":                                          "25% off",
		"打对折":                                            "50% off",
		"百分之三十的优惠":                                       "30% off",
		"满三百减五十":                                         "17% off",
		"买二送一":                                           "33% off",
		"立减50":                                           "50 off",
		"直降一百元":                                          "¥100 off",
		"原价199现在只要99":                                    "from 199 to 99, 50% off",
		"从一百九十九降到九十九块":                                   "from ¥199 to ¥99, 50% off",
		"原价两千三 现在一千八":                                    "from 2300 to 1800, 22% off",
		"原价十九块九现在九块九":                                    "from ¥19.9 to ¥9.9, 50% off",
		"fifty percent off":                              "50% off",
		"50% off everything":                             "50% off",
		"half the price":                                 "50% off",
		"buy one get one free":                           "50% off",
		"save twenty dollars":                            "$20 off",
		"it was 200 and now 150":                         "from 200 to 150, 25% off",
		"from fifty dollars down to thirty dollars":      "from $50 to $30, 40% off",
		"was nineteen ninety nine now only nine dollars": "from $19.99 to $9, 55% off",
		"one hundred and fifty dollars off":              "$150 off",
		"这款三折伞很轻便":                                       "",
		"今天没有打五折":                                        "",
		"there is no half price":                         "",
		"七十分钟续航":                                         "",
		"百分之九十的棉":                                        "",
		"she was born in 1999 now in paris for 20 years": "",
	} {
		var got []string
		for _, o := range readOffers(tokensOf(f, text)) {
			if o.off >= leastOff || o.minus.Amount > 0 {
				english, _ := o.describe()
				got = append(got, english)
			}
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestNumbersAreReadInDigitsAndWords(t *testing.T) {
	f := testFolder(t)
	for text, want := range map[string]float64{
		"1,299": 1299, "十": 10, "十五": 15, "九十九": 99, "一百零五": 105, "两千三": 2300, "三万": 30000, "3万": 30000, "一九九": 199,
		"三点五": 3.5, "twenty": 20, "one hundred and fifty nine": 159, "nineteen ninety nine": 19.99, "two thousand": 2000, "seventeen": 17,
	} {
		got, taken := readNumber(tokensOf(f, text))
		if math.Abs(got-want) > 1e-9 || taken != len(f.tokens(text)) {
			t.Errorf("%q: got %v of %d tokens, want %v", text, got, taken, want)
		}
	}
}

func FuzzOffersStayWithinTheText(f *testing.F) {
	folder := testFolder(f)
	for _, seed := range []string{"原价199现在只要99块9", "百分之", "was 5 to to 3", "满满满减", "nineteen ninety nine hundred", "点点五", "一百百百", "9999999999999999999折", "50% and 半", "对折"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := tokensOf(folder, text)
		for _, o := range readOffers(words) {
			if o.first < 0 || o.last < o.first || o.last >= len(words) {
				t.Fatalf("offer %+v of %d tokens", o, len(words))
			}
			if math.IsNaN(o.off) || o.off < -1e12 || o.off > 100 {
				t.Fatalf("offer %+v", o)
			}
			_, _ = o.describe()
		}
	})
}
