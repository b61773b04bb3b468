package wording

import (
	"slices"
	"strconv"
)

// numeral is a Chinese number on the way of being read, from its greatest unit to its least.
type numeral struct {
	total   float64 // in ten thousands and more, read
	section float64 // below ten thousand, read
	digit   float64 // before its unit; -1: none
	unit    float64 // the last below ten thousand in this section; 0: none
	large   float64 // the last from ten thousand on; 0: none
	zero    bool    // 零 was said since the last unit
	units   bool
	digits  string // all of them
	about   bool
}

// chineseNumber reads 一百九十九, 两千三, 三万五 of 三万五一台, 三点五 and 一九九.
func chineseNumber(tokens []string) number {
	n, taken := numeral{digit: -1}, 0
	for ; taken < len(tokens); taken++ {
		if d, ok := chineseDigits[tokens[taken]]; ok {
			if n.units && n.digit > 0 && d != n.digit+1 && slices.Contains(counted, at(tokens, taken+1)) {
				break // of what is counted: 三万五 一台
			}
			n.addDigit(d)
		} else if u, ok := chineseUnits[tokens[taken]]; ok {
			n.addUnit(u)
		} else {
			break
		}
	}
	if taken == 0 {
		return number{}
	}
	read := number{taken: taken, about: n.about}
	if !n.units && len(n.digits) > 1 { // 一九九
		read.value, _ = strconv.ParseFloat(n.digits, 64)
		read.plain = true
	} else {
		read.value = min(n.value(), mostValue)
	}
	if fraction, more := chineseFraction(tokens[taken:]); more > 0 {
		read.value, read.taken, read.plain = read.value+fraction, taken+more, false
	}
	return read
}

func (n *numeral) addDigit(d float64) {
	n.digits += strconv.Itoa(int(d))
	if d == 0 && n.units {
		n.zero = true
		return
	}
	n.about = n.about || n.units && n.digit > 0 // 二十五六
	n.digit = d
}

func (n *numeral) addUnit(u float64) {
	n.about = n.about || len(n.digits) > 1 && !n.units // 三四百
	if u >= 1e4 {
		whole := n.section + max(0, n.digit)
		n.about = n.about || whole == 0 || n.large > 0 && u >= n.large // 万一, 三万五万
		n.total += whole * u
		n.large, n.section, n.unit = u, 0, 0
	} else {
		switch {
		case n.digit < 0 && u == 10 && n.unit != 10:
			n.digit = 1 // 十五, 一百十五
		case n.digit < 0:
			n.about, n.digit = true, 1 // 百八十
		}
		if n.unit > 0 && u >= n.unit { // 七十八十
			n.about, n.section = true, 0
		}
		n.section, n.unit = n.section+n.digit*u, u
	}
	n.digit, n.zero, n.units = -1, false, true
}

// value counts a digit after a unit as it is said: 两千三 is 2300, 两千零三 2003.
func (n *numeral) value() float64 {
	ones := max(0, n.digit)
	last := n.unit
	if last == 0 {
		last = n.large
	}
	if last > 10 && !n.zero {
		ones *= last / 10
	}
	return n.total + n.section + ones
}

// chineseFraction reads 点五.
func chineseFraction(tokens []string) (fraction float64, taken int) {
	if len(tokens) < 2 || tokens[0] != "点" {
		return 0, 0
	}
	digits := ""
	for _, t := range tokens[1:min(len(tokens), 5)] {
		d, ok := chineseDigits[t]
		if !ok {
			break
		}
		digits += strconv.Itoa(int(d))
	}
	if digits == "" {
		return 0, 0
	}
	fraction, _ = strconv.ParseFloat("0."+digits, 64)
	return fraction, 1 + len(digits)
}
