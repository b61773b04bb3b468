package detect

import (
	"math"
	"strconv"
	"strings"
)

var (
	chineseDigits = map[string]float64{
		"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9,
	}
	chineseUnits = map[string]float64{"十": 10, "百": 100, "千": 1000, "万": 10000}
	englishUnits = map[string]float64{"hundred": 100, "thousand": 1000, "million": 1e6}
	englishTens  = map[string]float64{
		"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
	}
)

const mostValue = 1e9

// readNumber reads the number that begins with the first of tokens, in digits or words, Chinese or English, and gives how
// many tokens it takes; 0: none. "nineteen ninety nine" is 19.99, as prices are said.
func readNumber(tokens []string) (value float64, taken int) {
	if len(tokens) == 0 {
		return 0, 0
	}
	tokens = tokens[:min(len(tokens), longestNumber)]
	switch first := tokens[0]; {
	case first[0] >= '0' && first[0] <= '9':
		value, err := strconv.ParseFloat(first, 64)
		if err != nil || value > mostValue || math.IsNaN(value) {
			return 0, 0
		}
		if len(tokens) > 1 && chineseUnits[tokens[1]] >= 1000 { // 3万
			return value * chineseUnits[tokens[1]], 2
		}
		return value, 1
	case isEnglishNumber(first):
		return englishNumber(tokens)
	}
	return chineseNumber(tokens)
}

// chineseNumber reads 一百九十九, 两千三, 三点五 and 一九九.
func chineseNumber(tokens []string) (value float64, taken int) {
	var total, section, digit, unit float64
	digits, units := "", false
	for taken < len(tokens) {
		t := tokens[taken]
		if d, ok := chineseDigits[t]; ok {
			digit = d
			digits += strconv.Itoa(int(d))
		} else if u, ok := chineseUnits[t]; ok {
			units = true
			if digit == 0 && taken == 0 {
				digit = 1 // 十五
			}
			if unit = u; u == 10000 {
				total, section = (total+section+digit)*u, 0
			} else {
				section += digit * u
			}
			digit = 0
		} else {
			break
		}
		taken++
	}
	switch {
	case taken == 0:
		return 0, 0
	case !units && len(digits) > 1: // 一九九
		value, _ = strconv.ParseFloat(digits, 64)
	case units && digit > 0 && unit > 10 && tokens[taken-2] != "零": // 两千三
		value = total + section + digit*unit/10
	default:
		value = total + section + digit
	}
	if taken+1 < len(tokens) && tokens[taken] == "点" {
		fraction := ""
		for i := taken + 1; i < len(tokens) && len(fraction) < 4; i++ {
			d, ok := chineseDigits[tokens[i]]
			if !ok {
				break
			}
			fraction += strconv.Itoa(int(d))
		}
		if fraction != "" {
			part, _ := strconv.ParseFloat("0."+fraction, 64)
			return value + part, taken + 1 + len(fraction)
		}
	}
	return value, taken
}

func isEnglishNumber(token string) bool {
	_, ok := englishValue(token)
	return ok || englishUnits[token] > 0
}

func englishValue(token string) (float64, bool) {
	if v, ok := englishTens[token]; ok {
		return v, true
	}
	for n, word := range numberWords {
		if word == token && n < 20 {
			return float64(n), true
		}
	}
	return 0, false
}

// englishNumber reads one hundred and fifty nine, and nineteen ninety nine.
func englishNumber(tokens []string) (value float64, taken int) {
	var parts []float64 // two of them: dollars and cents
	open := 0.          // of the part: what may still be added is less
	add := func(v float64) bool {
		switch {
		case len(parts) == 0 || open <= v && len(parts) == 1 && v >= 10 && parts[0] < 1000:
			parts = append(parts, v)
		case v < open && v > 0:
			parts[len(parts)-1] += v
		default:
			return false
		}
		open = 0
		if v >= 20 && v < 100 {
			open = 10
		}
		return true
	}
	for taken < len(tokens) {
		t := tokens[taken]
		if v, ok := englishValue(t); ok {
			if !add(v) {
				break
			}
		} else if u := englishUnits[t]; u > 0 && len(parts) < 2 {
			if len(parts) == 0 {
				parts = append(parts, 1)
			}
			parts[len(parts)-1] *= u
			open = u
		} else if t != "and" || taken+1 >= len(tokens) || open < 100 {
			break
		}
		taken++
	}
	if taken > 0 && tokens[taken-1] == "and" {
		taken--
	}
	if len(parts) == 2 {
		return parts[0] + parts[1]/100, taken
	}
	if len(parts) == 1 {
		return min(parts[0], mostValue), taken
	}
	return 0, 0
}

// money is an amount and, where it was said, its currency's sign.
type money struct {
	Amount float64
	Sign   string
}

func (m money) String() string {
	return m.Sign + strings.TrimSuffix(strconv.FormatFloat(m.Amount, 'f', 2, 64), ".00")
}

// percentOff gives by how much a price falls; negative where it rises.
func percentOff(was, now money) float64 {
	if was.Amount <= 0 {
		return 0
	}
	return 100 * (was.Amount - now.Amount) / was.Amount
}

var currencies = map[string]string{
	"块": "¥", "元": "¥", "yuan": "¥", "rmb": "¥", "dollar": "$", "dollars": "$", "buck": "$", "bucks": "$", "usd": "$",
	"euro": "€", "euros": "€", "pound": "£", "pounds": "£",
}

// readMoney reads an amount with its currency: 99块9, 九块九毛, 九十九元, nineteen dollars.
func readMoney(tokens []string) (m money, taken int) {
	value, taken := readNumber(tokens)
	if taken == 0 {
		return money{}, 0
	}
	m.Amount = value
	if taken == len(tokens) {
		return m, taken
	}
	sign, ok := currencies[tokens[taken]]
	if !ok {
		return m, taken
	}
	m.Sign = sign
	taken++
	if taken < len(tokens) && tokens[taken] == "钱" {
		return m, taken + 1
	}
	if sign != "¥" || taken == len(tokens) || value != math.Trunc(value) {
		return m, taken
	}
	if tenths, more := readNumber(tokens[taken : taken+1]); more == 1 && tenths < 100 && tenths == math.Trunc(tenths) {
		taken++
		if tenths < 10 {
			tenths *= 10
		}
		m.Amount += tenths / 100
		if taken < len(tokens) && (tokens[taken] == "毛" || tokens[taken] == "角") {
			taken++
		}
	}
	return m, taken
}

// readPrice reads a price as a shop shows it: "¥99", "$19.99", "99.00元".
func readPrice(f *folder, shown string) (money, bool) {
	if len(shown) > mostRemark {
		return money{}, false
	}
	var words []string
	for _, t := range f.tokens(shown) {
		words = append(words, t.text)
	}
	for i := range words {
		if m, taken := readMoney(words[i:]); taken > 0 {
			for _, sign := range []string{"¥", "￥", "$", "€", "£"} {
				if m.Sign == "" && strings.Contains(shown, sign) {
					m.Sign = strings.Replace(sign, "￥", "¥", 1)
				}
			}
			return m, true
		}
	}
	return money{}, false
}
