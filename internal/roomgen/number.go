package roomgen

import (
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// fill puts values into a phrase's slots.
func (w *writer) fill(phrase string) string {
	if !strings.Contains(phrase, "{") {
		return phrase
	}
	small := 2 + w.d.IntN(40)
	off := 10 * (2 + w.d.IntN(6))
	return strings.NewReplacer("{p}", w.product.Name, "{host}", w.facts.Host,
		"{was}", w.number(w.was), "{now}", w.number(w.was-w.cut), "{cut}", w.number(max(5, w.cut)), "{n}", w.number(small),
		"{m}", w.number(1+w.d.IntN(5)), "{z}", w.number(w.tenths), "{off}", w.number(off)).Replace(phrase)
}

// number writes n as the room's recogniser does: in digits or in words.
func (w *writer) number(n int) string {
	switch {
	case w.facts.Digits:
		return itoa(n)
	case w.facts.Language == "zh":
		return chinese(n)
	}
	return english(n)
}

// chinese writes 0 to 9999.
func chinese(n int) string {
	digits := []string{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
	var b strings.Builder
	zero := false
	for _, place := range []struct {
		value int
		name  string
	}{{1000, "千"}, {100, "百"}, {10, "十"}, {1, ""}} {
		d := n / place.value % 10
		if d == 0 {
			zero = b.Len() > 0
			continue
		}
		if zero {
			b.WriteString("零")
			zero = false
		}
		if place.value != 10 || d != 1 || b.Len() != 0 {
			b.WriteString(digits[d])
		}
		b.WriteString(place.name)
	}
	if b.Len() == 0 {
		return digits[0]
	}
	return b.String()
}

// english writes 0 to 999.
func english(n int) string {
	small := strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	tens := strings.Fields("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
	switch {
	case n < 20:
		return small[n]
	case n < 100 && n%10 == 0:
		return tens[n/10]
	case n < 100:
		return tens[n/10] + " " + small[n%10]
	case n%100 == 0:
		return small[n/100] + " hundred"
	}
	return small[n/100] + " hundred " + english(n%100)
}
