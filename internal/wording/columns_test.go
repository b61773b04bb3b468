package wording

import "testing"

func TestATextIsAsWideAsItsCharacters(t *testing.T) {
	for text, want := range map[string]int{
		"":           0,
		"iPhone 17":  9,
		"保温杯":        6,
		"¥99 保温杯…":   11,
		"有：（缺）":      10,
		"「全场5折」":     11,
		"ＡＢ１":        6,
		"ｱｲ":         2, // half-width
		"かな カナ":      9,
		"한국":         4,
		"🔥hot":       5,
		"❤\uFE0F":    1, // it asks for the coloured form
		"e\u0301té":  3,
		"\u200Bzero": 4,
	} {
		if got := Columns(text); got != want {
			t.Errorf("%q has %d columns, not %d", text, got, want)
		}
	}
}
