package wording

import (
	"math"
	"strconv"
	"strings"
)

var (
	chineseDigits = map[string]float64{
		"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9,
	}
	chineseUnits = map[string]float64{"十": 10, "百": 100, "千": 1000, "万": 1e4, "亿": 1e8}
	englishSmall = func() map[string]float64 {
		names := strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
		values := make(map[string]float64, len(names))
		for n, name := range names {
			values[name] = float64(n)
		}
		return values
	}()
	englishTens = map[string]float64{
		"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
	}
	englishUnits = map[string]float64{"hundred": 100, "thousand": 1000, "million": 1e6}
)

const (
	mostValue     = 1e12
	longestNumber = 12 // tokens
)

// number is one that was read.
type number struct {
	value float64
	taken int  // tokens; 0: there is none
	pair  bool // two numbers as a price is said: nineteen ninety nine
	plain bool // digit after digit, without a unit: 一九九
	about bool // said roughly, or not as numbers are: 三四百, 七十八十, 百八十; the value is only its size
}

// Number reads the number that begins with the first of tokens, in digits or words, Chinese or English, and gives how many
// tokens it takes; 0: none. A token is a Han character, a word in small letters, or the digits of one number. "nineteen ninety
// nine" is 19.99, as prices are said.
func Number(tokens []string) (value float64, taken int) {
	n := readNumber(tokens)
	return n.value, n.taken
}

func readNumber(tokens []string) number {
	if len(tokens) == 0 || tokens[0] == "" {
		return number{}
	}
	tokens = tokens[:min(len(tokens), longestNumber)]
	switch first := tokens[0]; {
	case first[0] >= '0' && first[0] <= '9':
		value, err := strconv.ParseFloat(strings.ReplaceAll(first, ",", ""), 64)
		if err != nil || value > mostValue || math.IsNaN(value) {
			return number{}
		}
		if len(tokens) > 1 && chineseUnits[tokens[1]] >= 1000 { // 3万
			return number{value: value * chineseUnits[tokens[1]], taken: 2}
		}
		return number{value: value, taken: 1}
	case isEnglishNumber(first):
		return englishNumber(tokens)
	}
	return chineseNumber(tokens)
}

func isEnglishNumber(token string) bool {
	_, ok := englishValue(token)
	return ok || englishUnits[token] > 0
}

func englishValue(token string) (float64, bool) {
	if v, ok := englishTens[token]; ok {
		return v, true
	}
	v, ok := englishSmall[token]
	return v, ok
}

// englishNumber reads one hundred and fifty nine, three point five, and nineteen ninety nine.
func englishNumber(tokens []string) number {
	type part struct{ total, section float64 } // in thousands, and what follows them
	var parts []part                           // two of them: dollars and cents
	open := 0.                                 // of the part: what may still be added is less
	add := func(v float64) bool {
		switch {
		case len(parts) == 0 || open <= v && len(parts) == 1 && v >= 10 && parts[0].total == 0 && parts[0].section < 1000:
			parts = append(parts, part{section: v})
		case v < open && v > 0:
			parts[len(parts)-1].section += v
		default:
			return false
		}
		open = 0
		if v >= 20 && v < 100 {
			open = 10
		}
		return true
	}
	taken := 0
	for taken < len(tokens) {
		t := tokens[taken]
		if v, ok := englishValue(t); ok {
			if !add(v) {
				break
			}
		} else if u := englishUnits[t]; u > 0 && len(parts) < 2 {
			if len(parts) == 0 {
				parts = append(parts, part{section: 1})
			}
			if p := &parts[0]; u == 100 && p.section < 100 {
				p.section *= u
			} else if u > 100 && p.section > 0 {
				p.total, p.section = p.total+p.section*u, 0
			} else {
				break
			}
			open = u
		} else if t != "and" || open < 100 || !isEnglishNumber(at(tokens, taken+1)) {
			break
		}
		taken++
	}
	switch len(parts) {
	case 1:
		fraction, more := englishFraction(tokens[taken:])
		return number{value: min(parts[0].total+parts[0].section, mostValue) + fraction, taken: taken + more}
	case 2:
		dollars, cents := parts[0].section, parts[1].section
		about := math.Mod(cents, 5) == 0 && cents > dollars && cents-dollars <= 10 // forty five fifty
		return number{value: dollars + cents/100, taken: taken, pair: true, about: about}
	}
	return number{}
}

// englishFraction reads point nine five.
func englishFraction(tokens []string) (fraction float64, taken int) {
	if len(tokens) < 2 || tokens[0] != "point" {
		return 0, 0
	}
	digits := ""
	for _, t := range tokens[1:min(len(tokens), 5)] {
		v, ok := englishSmall[t]
		if !ok || v > 9 {
			break
		}
		digits += strconv.Itoa(int(v))
	}
	if digits == "" {
		return 0, 0
	}
	fraction, _ = strconv.ParseFloat("0."+digits, 64)
	return fraction, 1 + len(digits)
}
