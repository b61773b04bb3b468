package wording

import (
	"slices"
	"strings"
)

var (
	measures = strings.Fields("minutes seconds hours days weeks months years pieces pairs items units sets boxes packs bottles inches feet grams kilos ounces liters litres miles meters metres left") //nolint:misspell // both ways of writing
	// costing: a pair of numbers behind one of these is a price; elsewhere it may be a year.
	costing  = strings.Fields("price prices priced pay costs cost drops drop down sale")
	ordinals = strings.Fields("first second third fourth fifth sixth seventh eighth ninth tenth")
)

// writtenEnglish writes "nineteen ninety nine dollars" as $19.99, "fifty percent" as 50%, "three minutes" as "3 minutes", and other
// numbers from ten on in figures. Numbers one after another stay: a countdown, a year.
func writtenEnglish(before, tokens []string) (text string, taken int) {
	n := readNumber(tokens)
	if n.taken == 0 || englishUnits[tokens[0]] > 0 || n.about {
		return "", max(1, n.taken)
	}
	alternatives := []string{"or", "to"} // five or six dollars
	if last := len(before) - 1; slices.Contains(alternatives, at(before, last)) && isEnglishNumber(at(before, last-1)) ||
		slices.Contains(alternatives, at(tokens, n.taken)) && isEnglishNumber(at(tokens, n.taken+1)) {
		return "", n.taken
	}
	next, figure := at(tokens, n.taken), tokens[0][0] < 0x80 && tokens[0][0] <= '9'
	switch {
	case next != "" && currencies[next] != "" && currencies[next] != "£" && n.value > 0: // pounds also weigh
		cents, more := centsOf(tokens[n.taken+1:])
		return inMillions(currencies[next], n, tokens, cents), n.taken + 1 + more
	case (next == "percent" || next == "percents") && !n.pair && n.value != 100 && n.value > 0:
		return plain(n.value) + "%", n.taken + 1
	case next == "per" && at(tokens, n.taken+1) == "cent" && !n.pair && n.value != 100 && n.value > 0:
		return plain(n.value) + "%", n.taken + 2
	case figure || n.value == 0 || next == "percent" || slices.Contains(ordinals, next):
		return "", n.taken
	case n.pair:
		if !slices.ContainsFunc(before, func(t string) bool { return slices.Contains(costing, t) }) || isEnglishNumber(next) {
			return "", n.taken
		}
		return strings.TrimPrefix(amount(Money{n.value, "$"}), "$"), n.taken
	case isEnglishNumber(next) || isEnglishNumber(at(before, len(before)-1)):
		return "", n.taken
	case n.value >= 10 || n.value != float64(int(n.value)) || n.value > 1 && slices.Contains(measures, next):
		return inMillions("", n, tokens, 0), n.taken
	}
	return "", n.taken
}

// centsOf reads "and ninety nine cents".
func centsOf(tokens []string) (cents float64, taken int) {
	if at(tokens, 0) == "and" {
		taken = 1
	}
	n := readNumber(tokens[taken:])
	if next := at(tokens, taken+n.taken); n.taken == 0 || n.value >= 100 || n.pair || next != "cents" && next != "cent" {
		return 0, 0
	}
	return n.value, taken + n.taken + 1
}

// inMillions writes "2 million" as it is said, and other values in figures.
func inMillions(sign string, n number, tokens []string, cents float64) string {
	switch {
	case n.taken > 0 && tokens[n.taken-1] == "million" && n.value < mostValue:
		return sign + plain(n.value/1e6) + " million"
	case sign != "":
		return amount(Money{n.value + cents/100, sign})
	case n.value >= 1e4:
		return grouped(n.value)
	}
	return plain(n.value)
}
