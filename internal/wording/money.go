package wording

import (
	"math"
	"slices"
	"strings"
)

// Money is an amount and, where it was said, its currency's sign.
type Money struct {
	Amount float64
	Sign   string // "¥", "$", "€", "£"
}

// String is the amount as it is printed: ¥99.9, $19.90.
func (m Money) String() string {
	if m.Sign == "" {
		return plain(math.Round(m.Amount*100) / 100)
	}
	return amount(m)
}

var currencies = map[string]string{
	"块": "¥", "元": "¥", "yuan": "¥", "rmb": "¥", "dollar": "$", "dollars": "$", "buck": "$", "bucks": "$", "usd": "$",
	"euro": "€", "euros": "€", "pound": "£", "pounds": "£",
}

// counted are what Chinese counts things by: a numeral before one of them counts, and is no price's tenth.
var counted = strings.Split("件个份单位名瓶支盒包箱套双条张款台只次人袋片罐对组杯碗本颗枚斤克天年月号折分小秒倍层色米寸码岁", "")

// ReadMoney reads an amount with its currency: 99块9, 九块九毛, 九十九元, nineteen dollars. Its tokens are those of Number.
func ReadMoney(tokens []string) (m Money, taken int) {
	m, taken, _ = readMoney(tokens)
	return m, taken
}

// readMoney tells, too, whether the amount can be nothing but money: 块 alone also counts pieces.
func readMoney(tokens []string) (m Money, taken int, sure bool) {
	n := readNumber(tokens)
	if taken = n.taken; taken == 0 {
		return Money{}, 0, false
	}
	m.Amount = n.value
	if taken == len(tokens) {
		return m, taken, false
	}
	sign, ok := currencies[tokens[taken]]
	if !ok {
		return m, taken, false
	}
	m.Sign = sign
	sure = tokens[taken] != "块" || n.value >= 10 || n.value != math.Trunc(n.value)
	taken++
	if taken < len(tokens) && tokens[taken] == "钱" {
		return m, taken + 1, true
	}
	if sign != "¥" || n.value != math.Trunc(n.value) {
		return m, taken, sure
	}
	if tenths, more := tenthsOf(tokens[taken:]); more > 0 {
		return Money{m.Amount + tenths, sign}, taken + more, true
	}
	return m, taken, sure
}

// tenthsOf reads what follows 块: 九, 九毛, 九九; not the number of what the money buys: 一两, 九 of 九两件, 三 of 三盒.
func tenthsOf(tokens []string) (amount float64, taken int) {
	first, second := at(tokens, 0), at(tokens, 1)
	counts := func(i int) bool { return slices.Contains(counted, at(tokens, i)) }
	if first == "两" || first == "十" || first == "一" && second == "两" && !counts(2) {
		return 0, 0
	}
	tenths, taken := Number(tokens[:min(1, len(tokens))])
	if taken == 0 || tenths >= 100 || tenths != math.Trunc(tenths) {
		return 0, 0
	}
	if tenths < 10 {
		tenths *= 10
		if more, ok := chineseDigits[second]; ok && second != "两" && !counts(2) {
			tenths, taken = tenths+more, 2
		}
	}
	next := at(tokens, taken)
	switch {
	case next == "毛" || next == "角":
		if more, ok := chineseDigits[at(tokens, taken+1)]; ok && !counts(taken+2) {
			return (tenths + more) / 100, taken + 2
		}
		return tenths / 100, taken + 1
	case counts(taken), chineseUnits[next] > 0, currencies[next] != "":
		return 0, 0
	}
	return tenths / 100, taken
}

// at is empty outside.
func at(tokens []string, i int) string {
	if i < 0 || i >= len(tokens) {
		return ""
	}
	return tokens[i]
}
