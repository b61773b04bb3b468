package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"liveclip/internal/domain"
)

// offer is what a price expression comes to.
type offer struct {
	first, last int     // tokens
	off         float64 // per cent
	minus       money   // taken off; zero: none said
	was, now    money   // zero amount: not said
}

// prices reads discounts and prices as values: 五折, 半价, 立减50, "was 200, now 99". It remembers the newest.
type prices struct {
	Off float64 // per cent
	Now float64
	Was float64
}

func (p *prices) take(h happening, _ *room) []evidence {
	if h.Line == nil {
		return nil
	}
	var out []evidence
	for _, o := range h.Line.offers {
		if o.off < leastOff && o.minus.Amount == 0 {
			continue
		}
		p.Off, p.Now, p.Was = o.off, o.now.Amount, o.was.Amount
		e := h.Line.evidence(o.first, o.last)
		e.Signal, e.Feature, e.Kind = signalPrice, "price.off", o.kind()
		e.Value = 0.3 + 0.7*ramp(o.off, leastOff, 50)
		e.Detail, e.Chinese = o.describe()
		e.Phrases, e.Offer = []domain.Phrase{h.Line.phrase(o.first, o.last)}, o.named()
		out = append(out, e)
	}
	return out
}

const leastOff = 5 // per cent; less is no offer

func (p *prices) values(give func(string, float64)) {
	give("price.percent_off", p.Off)
	give("price.now", p.Now)
	give("price.was", p.Was)
}

// compare takes a price that was named for that of the product on show, and what is known of it for what it was.
func (p *product) compare(o *offer) {
	was, known := p.Prices[p.Shown.ID]
	if !known || o.was.Amount > 0 {
		return
	}
	if o.now.Amount > 0 && o.now.Amount < was.Amount && o.now.Amount >= was.Amount/20 {
		o.was, o.off = was, max(o.off, percentOff(was, o.now))
	}
	if o.minus.Amount > 0 && o.off == 0 && o.minus.Amount < was.Amount {
		o.off = 100 * o.minus.Amount / was.Amount
	}
}

func (o offer) kind() string {
	if o.now.Amount > 0 {
		return "price_drop"
	}
	return "discount"
}

// named is the offer in figures.
func (o offer) named() domain.Offer {
	n := domain.Offer{Was: o.was.Amount, Now: o.now.Amount, Off: math.Round(o.off)}
	if n.Now > 0 {
		n.Sign = cmp.Or(o.now.Sign, o.was.Sign)
	}
	return n
}

func (o offer) describe() (english, chinese string) {
	o.was.Sign = cmp.Or(o.was.Sign, o.now.Sign)
	switch {
	case o.now.Amount > 0:
		return fmt.Sprintf("from %s to %s, %.0f%% off", o.was, o.now, o.off), fmt.Sprintf("从 %s 到 %s，优惠 %.0f%%", o.was, o.now, o.off)
	case o.off > 0:
		return fmt.Sprintf("%.0f%% off", o.off), fmt.Sprintf("优惠 %.0f%%", o.off)
	}
	return o.minus.String() + " off", "立减 " + o.minus.String()
}

// understood gives the line's tokens, and in place of what only sounds like a phrase the phrase: 武则 is 五折.
func (l *spokenLine) understood(r *Rules) []string {
	words := make([]string, len(l.spoken))
	for i, s := range l.spoken {
		words[i] = s.Token
	}
	for _, a := range l.alike {
		copy(words[a.first:a.last+1], r.sounds.meant(a.phrase, words[a.first:a.last+1]))
	}
	return words
}

// reader looks for one kind of expression that begins with the first of words; before are those in front.
type reader func(before, words []string) (o offer, taken int)

var readers = []reader{readFold, readPercent, readHalf, readFree, readFull, readMinus, readDrop}

// readOffers gives the offers in a text, in order. One that is denied is none.
func readOffers(words []string) []offer {
	var out []offer
	for i := 0; i < len(words); {
		step := 1
		for _, read := range readers {
			o, taken := read(words[:i], words[i:])
			if taken == 0 {
				continue
			}
			if o.first, o.last = i, i+taken-1; !isDenied(words[:i]) {
				out = append(out, o)
			}
			step = taken
			break
		}
		i += step
	}
	return out
}

var denials = []string{"不", "没", "别", "no", "not", "isnt", "never", "without", "wont", "wasnt", "dont"}

// isDenied tells whether what follows is said not to be: 不打五折.
func isDenied(before []string) bool {
	near := before[max(0, len(before)-3):]
	return slices.ContainsFunc(near, func(w string) bool { return slices.Contains(denials, w) })
}

// starts tells whether words begin with all of these.
func starts(words []string, with ...string) bool {
	return len(words) >= len(with) && slices.Equal(words[:len(with)], with)
}

func oneOf(words []string, at int, of ...string) bool {
	return at >= 0 && at < len(words) && slices.Contains(of, words[at])
}

// readFold reads 五折, 八五折, 8.5折; not 三折伞.
func readFold(_, words []string) (o offer, taken int) {
	v, n := readNumber(words)
	if n == 0 || !oneOf(words, n, "折") || oneOf(words, n+1, "伞", "屏", "叠", "页", "手", "床", "椅", "布", "痕", "扇", "门") {
		return offer{}, 0
	}
	if v < 10 {
		v *= 10
	}
	if v <= 0 || v >= 100 {
		return offer{}, 0
	}
	return offer{off: 100 - v}, n + 1
}

// readPercent reads fifty percent off, 百分之三十的优惠, save 20 percent.
func readPercent(before, words []string) (o offer, taken int) {
	if starts(words, "百", "分", "之") {
		v, n := readNumber(words[3:])
		at := 3 + n
		if oneOf(words, at, "的") {
			at++
		}
		if n == 0 || v >= 100 || !starts(words[min(at, len(words)):], "优", "惠") && !starts(words[min(at, len(words)):], "折", "扣") {
			return offer{}, 0
		}
		return offer{off: v}, at + 2
	}
	v, n := readNumber(words)
	if n == 0 || v <= 0 || v >= 100 || !oneOf(words, n, "percent", "percents") {
		return offer{}, 0
	}
	switch of := n + 1; {
	case starts(words[of:], "优", "惠"), starts(words[of:], "折", "扣"):
		return offer{off: v}, of + 2
	case starts(words[of:], "的", "优", "惠"), starts(words[of:], "的", "折", "扣"):
		return offer{off: v}, of + 3
	case oneOf(words, n+1, "off", "discount", "less", "cheaper", "reduction"):
		return offer{off: v}, n + 2
	case oneOf(before, len(before)-1, "save"):
		return offer{off: v}, n + 1
	}
	return offer{}, 0
}

// readHalf reads 半价, 对折, half price; the second at half price is a quarter off.
func readHalf(before, words []string) (o offer, taken int) {
	switch {
	case starts(words, "半", "价"), starts(words, "half", "price"), starts(words, "half", "off"):
		o, taken = offer{off: 50}, 2
	case starts(words, "half", "the", "price"):
		o, taken = offer{off: 50}, 3
	case starts(words, "对", "折") && oneOf(before, len(before)-1, "打", "场"):
		o, taken = offer{off: 50}, 2
	default:
		return offer{}, 0
	}
	if n := len(before); n >= 3 && before[n-3] == "第" && before[n-2] == "二" {
		o.off = 25
	}
	return o, taken
}

// readFree reads 买一送一 and buy one get one.
func readFree(_, words []string) (o offer, taken int) {
	if !oneOf(words, 0, "买", "buy") {
		return offer{}, 0
	}
	buy, n := readNumber(words[1:])
	if n == 0 || !oneOf(words, 1+n, "送", "赠", "免", "得", "get") {
		return offer{}, 0
	}
	free, m := readNumber(words[2+n:])
	if m == 0 || buy <= 0 || free <= 0 || buy > 100 || free > 100 {
		return offer{}, 0
	}
	return offer{off: 100 * free / (buy + free)}, 2 + n + m
}

// readFull reads 满300减50.
func readFull(_, words []string) (o offer, taken int) {
	if !oneOf(words, 0, "满") {
		return offer{}, 0
	}
	full, n := readMoney(words[1:])
	at := 1 + n
	if oneOf(words, at, "立") {
		at++
	}
	if n == 0 || !oneOf(words, at, "减") {
		return offer{}, 0
	}
	minus, m := readMoney(words[at+1:])
	if m == 0 || minus.Amount <= 0 || minus.Amount >= full.Amount {
		return offer{}, 0
	}
	return offer{off: 100 * minus.Amount / full.Amount, minus: minus}, at + 1 + m
}

// readMinus reads 立减50, 直降一百, save twenty dollars, twenty dollars off.
func readMinus(_, words []string) (o offer, taken int) {
	at := 0
	switch {
	case starts(words, "立", "减"), starts(words, "直", "降"), starts(words, "再", "减"), starts(words, "便", "宜"):
		at = 2
	case oneOf(words, 0, "save"):
		at = 1
	}
	m, n := readMoney(words[at:])
	if n == 0 || m.Amount <= 0 {
		return offer{}, 0
	}
	if at == 0 { // "twenty dollars off"
		if m.Sign == "" || !oneOf(words, n, "off") {
			return offer{}, 0
		}
		return offer{minus: m}, n + 1
	}
	if at == 1 && m.Sign == "" {
		return offer{}, 0
	}
	return offer{minus: m}, at + n
}

const dropReach = 14 // tokens from what it was to what it is

// readDrop reads 原价199现在99, 从199降到99, was 200 now 99, from 50 down to 30, 现在只要99.
func readDrop(_, words []string) (o offer, taken int) {
	at := 0
	switch {
	case starts(words, "原", "价"), starts(words, "平", "时"), starts(words, "之", "前"):
		at = 2
	case oneOf(words, 0, "was", "from", "从"):
		at = 1
	case starts(words, "used", "to", "be"):
		at = 3
	}
	for at > 0 && oneOf(words, at, "是", "卖", "要") {
		at++
	}
	if at > 0 {
		was, n := readMoney(words[at:])
		if n > 0 {
			if now, next := readNow(words, at+n); next > 0 && now.Amount < was.Amount {
				return offer{was: was, now: now, off: percentOff(was, now)}, next
			}
		}
		return offer{}, 0
	}
	if now, next := nowPrice(words); next > 0 {
		return offer{now: now}, next
	}
	return offer{}, 0
}

var nowWords = []string{"现", "今", "到", "降", "只", "now", "to", "just", "only", "today"}

// readNow looks for what something costs now, not far behind what it cost.
func readNow(words []string, at int) (now money, next int) {
	for i := at; i < min(len(words), at+dropReach); i++ {
		if !slices.Contains(nowWords, words[i]) {
			continue
		}
		for j := i + 1; j < min(len(words), i+5); j++ {
			if m, n := readMoney(words[j:]); n > 0 {
				return m, j + n
			}
		}
	}
	return money{}, 0
}

// nowPrice reads 现在只要99, 到手价九块九, now only nineteen dollars.
func nowPrice(words []string) (now money, next int) {
	var at int
	switch {
	case starts(words, "现", "在"), starts(words, "今", "天"), starts(words, "到", "手"), starts(words, "券", "后"), starts(words, "直", "播"):
		at = 2
	case starts(words, "drops", "to"), starts(words, "down", "to"), starts(words, "now", "only"), starts(words, "now", "just"):
		at = 2
	case oneOf(words, 0, "now", "只", "仅"):
		at = 1
	default:
		return money{}, 0
	}
	sure := false
	for at < min(len(words), 6) && oneOf(words, at, "只", "要", "需", "价", "仅", "是", "到", "just", "only", "it", "is", "its") {
		sure = sure || oneOf(words, at, "要", "需", "价")
		at++
	}
	if m, n := readMoney(words[at:]); n > 0 && (sure || m.Sign != "") {
		return m, at + n
	}
	return money{}, 0
}
