package wording

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

var (
	// ordinal: a numeral behind one of these names something, or is only about right.
	ordinal = strings.Split("第双初几周期拜统唯老数好星零", "")
	// priced: what follows is a price.
	priced = strings.Fields("只要 到手 价 卖 只需 仅需 减 降 省 便宜 才 满 补贴 券 付")
	// folded: what is folded, and no discount.
	folded = strings.Split("伞屏叠页手床椅布痕扇门", "")
	// units are measured in, so that even one numeral before them is written as a figure.
	units = strings.Fields("分钟 秒 小时 公斤 斤 克 千克 毫升 升 米 厘米 毫米 寸 英寸 码 岁 倍 度 瓦 天 号链接")
	// measured after 一 many of them mean something else.
	unitsOfOne = strings.Fields("分钟 秒 小时 号链接")
	// ten of these are counted.
	tens  = strings.Split("件个份单位名瓶支盒包箱套双条张款台只次人袋片罐对组杯碗本颗枚倍", "")
	signs = map[string]string{"美元": "$", "美金": "$", "欧元": "€", "英镑": "£"}
)

// writtenChinese writes 百分之三十 as 30%, 九十九块九 as ¥99.9, 八五折 as 85折, 三分钟 as 3分钟 and 一百二十九 as 129; 一起, 三件,
// 第二件 and 三二一 stay.
func writtenChinese(before, tokens []string) (text string, taken int) {
	if len(tokens) > 3 && strings.Join(tokens[:3], "") == "百分之" {
		n := readNumber(tokens[3:])
		if n.taken == 0 || n.value == 100 || n.value == 0 { // 百分之百 is a word
			return "", 3 + n.taken
		}
		return plain(n.value) + "%", 3 + n.taken
	}
	n := readNumber(tokens)
	if n.taken == 0 || slices.Contains(ordinal, at(before, len(before)-1)) || n.about || between(before, tokens[n.taken:]) {
		return "", max(1, n.taken)
	}
	if text, taken := writtenMoney(before, tokens, n); taken > 0 {
		return text, taken
	}
	if n.value == 0 {
		return "", n.taken
	}
	rest := strings.Join(tokens[n.taken:min(len(tokens), n.taken+4)], "")
	first := at(tokens, n.taken)
	figure := tokens[0][0] < 0x80
	switch {
	case figure:
		return "", n.taken
	case first == "折":
		if slices.Contains(folded, at(tokens, n.taken+1)) || n.value >= 100 {
			return "", n.taken
		}
		return plain(n.value), n.taken
	case n.value == 11 && hasAny(rest, []string{"假", "黄金周", "国庆"}): // 十一
		return "", n.taken
	case measured(n, tokens[0], rest):
		return plain(n.value), n.taken
	case slices.Contains(tokens[:n.taken], "点"): // 三点五分 is a time of day
		return "", n.taken
	case n.plain:
		if n.taken >= 3 && hasAny(strings.Join(before, ""), priced) && !slices.Contains(counted, first) {
			return plain(n.value), n.taken
		}
		return "", n.taken
	case n.taken == 1 && n.value == 10 && slices.Contains(tens, first), n.taken > 1 && n.value >= 10 && first != "几":
		return large(n.value), n.taken
	}
	return "", n.taken
}

// between tells either end of 三十到五十块: its amount is neither.
func between(before, after []string) bool {
	to := []string{"到", "至"}
	last := len(before) - 1
	_, digit := chineseDigits[at(before, last-1)]
	return slices.Contains(to, at(before, last)) && (digit || chineseUnits[at(before, last-1)] > 0) ||
		slices.Contains(to, at(after, 0)) && len(after) > 1 && chineseNumber(after[1:]).taken > 0
}

// measured tells a number before a unit that it is measured in.
func measured(n number, first, rest string) bool {
	of := units
	if n.taken == 1 && first == "一" {
		of = unitsOfOne
	}
	return slices.ContainsFunc(of, func(unit string) bool {
		after, found := strings.CutPrefix(rest, unit)
		return found && (unit != "秒" || !strings.HasPrefix(after, "杀")) && readNumber(strings.Split(after, "")).taken == 0
	})
}

func writtenMoney(before, tokens []string, n number) (text string, taken int) {
	if sign := signs[at(tokens, n.taken)+at(tokens, n.taken+1)]; sign != "" {
		return amount(Money{n.value, sign}), n.taken + 2
	}
	if roughly(tokens[n.taken:]) {
		return "", n.taken + 3
	}
	m, taken, sure := readMoney(tokens)
	if unit := at(tokens, n.taken); taken == n.taken || unit != "块" && unit != "元" {
		return "", 0
	}
	cue := hasAny(strings.Join(before[max(0, len(before)-4):], ""), priced)
	if m.Amount == 0 || !sure && !cue || strings.Contains("旦宵素", cmp.Or(at(tokens, taken), "-")) { //nolint:gocritic // 元旦, 元宵, 元素
		return "", taken
	}
	return amount(m), taken
}

// roughly tells what follows the number of 十块八块, and of 九块九十双, which may be ten pairs or ninety.
func roughly(after []string) bool {
	if at(after, 0) != "块" && at(after, 0) != "元" {
		return false
	}
	if _, digit := chineseDigits[at(after, 1)]; !digit {
		return false
	}
	next := at(after, 2)
	return next == at(after, 0) || next == "十" && slices.Contains(counted, at(after, 3))
}

// large writes 三万 and 一万二 in ten thousands, 一亿五千万 in hundred millions.
func large(v float64) string {
	switch {
	case v >= 1e8 && math.Mod(v, 1e6) == 0:
		return plain(v/1e8) + "亿"
	case v >= 1e4 && math.Mod(v, 100) == 0:
		return plain(v/1e4) + "万"
	}
	return plain(v)
}
