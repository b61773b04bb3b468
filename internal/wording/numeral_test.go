package wording

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// spoken says a whole number as people say it; short leaves the last unit of 三百五十 out.
func spoken(v int, short bool) string {
	digits := strings.Split("零一二三四五六七八九", "")
	section := func(v int) string {
		text, zero := "", false
		for _, u := range []struct {
			of   int
			name string
		}{{1000, "千"}, {100, "百"}, {10, "十"}, {1, ""}} {
			d := v / u.of % 10
			if d == 0 {
				zero = text != ""
				continue
			}
			if zero {
				text += "零"
			}
			if zero = false; d == 1 && u.of == 10 && text == "" {
				text += u.name // 十五
				continue
			}
			text += digits[d] + u.name
		}
		return text
	}
	text := section(v % 10000)
	if v >= 10000 {
		if v%10000 > 0 && v%10000 < 1000 {
			text = "零" + text
		}
		text = section(v/10000) + "万" + text
	}
	switch {
	case short && v%10 == 0 && v%100 > 0 && v%1000 > 100:
		return strings.TrimSuffix(text, "十")
	case short && v%100 == 0 && v%1000 > 0 && v%10000 > 1000:
		return strings.TrimSuffix(text, "百")
	}
	return text
}

// Whatever is sold beside it, a price is written as what was said, or left in words.
func TestAPriceIsWrittenAsWhatWasSaid(t *testing.T) {
	w := writer(t)
	rapid.Check(t, func(t *rapid.T) {
		price := rapid.IntRange(10, 99_999).Draw(t, "price")
		said := spoken(price, rapid.Bool().Draw(t, "short")) + "块"
		tenths := rapid.IntRange(0, 9).Draw(t, "tenths")
		want := strconv.Itoa(price)
		if tenths > 0 {
			said += string([]rune("零一二三四五六七八九")[tenths])
			want += "." + strconv.Itoa(tenths)
		}
		sold := rapid.SampledFrom([]string{"", "钱", "一台", "两件", "三盒", "一斤", "到手", "起"}).Draw(t, "sold")
		if tenths > 0 && sold == "钱" {
			sold = ""
		}
		got := w.Text("只要"+said+sold, Style{})
		if sold == "钱" {
			sold = ""
		}
		if got != "只要¥"+want+sold {
			t.Fatalf("%s%s: written %s, want ¥%s", said, sold, got, want)
		}
	})
}

func FuzzNumber(f *testing.F) {
	f.Add("三万五一台百八十")
	f.Fuzz(func(t *testing.T, said string) {
		tokens := strings.Split(said, "")
		if n := readNumber(tokens); n.taken < 0 || n.taken > len(tokens) || n.value < 0 || n.value > mostValue+1 {
			t.Errorf("%q: %+v", said, n)
		}
	})
}
