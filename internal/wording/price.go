package wording

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

const longestPrice = 240 // bytes

var priceSigns = map[rune]string{'¥': "元", '$': "dollars", '€': "euros", '£': "pounds", '塊': "块", '圓': "元", '圆': "元", '錢': "钱"}

// ReadPrice reads a price as a shop shows it: "¥99", "$19.99", "99.00元", "九块九". It is the first amount of the text.
func ReadPrice(shown string) (Money, bool) {
	if len(shown) > longestPrice {
		return Money{}, false
	}
	var tokens []string
	before := "" // the sign that stands before a number
	runes := []rune(width.Fold.String(shown))
	for i := 0; i < len(runes); {
		r, next := runes[i], i+1
		switch name := priceSigns[r]; {
		case name != "" && !isHan(r):
			before = name
		case name != "":
			tokens = append(tokens, name)
		case unicode.IsDigit(r):
			for next < len(runes) && (unicode.IsDigit(runes[next]) || next+1 < len(runes) && strings.ContainsRune(".,", runes[next]) && unicode.IsDigit(runes[next+1])) {
				next++
			}
			tokens = append(tokens, strings.ReplaceAll(string(runes[i:next]), ",", ""))
			if before != "" {
				tokens = append(tokens, before)
			}
			before = ""
		case isHan(r):
			tokens = append(tokens, string(r))
		case isLatin(r):
			for next < len(runes) && isLatin(runes[next]) {
				next++
			}
			tokens = append(tokens, strings.ToLower(string(runes[i:next])))
		}
		i = next
	}
	for i := range tokens {
		if m, taken := ReadMoney(tokens[i:]); taken > 0 {
			return m, true
		}
	}
	return Money{}, false
}
