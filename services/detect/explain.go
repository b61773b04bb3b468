package detect

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"liveclip/internal/domain"
)

//go:embed explain.html
var explainPage string

// Explain writes a page, self-contained and in English and Chinese, that shows what rules made of a room: the score's curve,
// what became a highlight and why, what nearly did and what it lacked, and the weights.
func Explain(w io.Writer, title string, rules *Rules, report Report) error {
	page, err := template.New("explain").Funcs(template.FuncMap{"clock": clockTime, "percent": percent, "times": times}).Parse(explainPage)
	if err != nil {
		return fmt.Errorf("explain %s: %w", title, err)
	}
	if err := page.Execute(w, explained(title, rules, report)); err != nil {
		return fmt.Errorf("explain %s: %w", title, err)
	}
	return nil
}

// explanation is what the page shows.
type explanation struct {
	Title      string
	Length     time.Duration
	Lag        time.Duration
	Threshold  float64
	Bias       float64
	Chart      chart
	Clips      []shownDecision
	Misses     []shownDecision
	Considered []named
	Taken      []named
	Health     []named
	Weights    []shownWeight
}

// named is a thing with its names and a value.
type named struct {
	English, Chinese, Value string
}

// String is the name in both languages.
func (n named) String() string { return strings.TrimSuffix(n.English+" · "+n.Chinese, " · ") }

type shownDecision struct {
	Decision
	Kind    named
	Latency time.Duration // from the last thing it needed to the decision
	Parts   []shownPart
	Lacked  []named
}

// shownPart is a feature's part in a sum.
type shownPart struct {
	named
	Value, Weight, Adds float64
}

type shownWeight struct {
	named
	Weight float64
}

const (
	mostClips  = 500
	mostMisses = 40
	missShare  = 0.4 // of the bar, from which what was not clipped is a near miss
	missApart  = 10 * time.Second
)

func explained(title string, rules *Rules, report Report) explanation {
	e := explanation{
		Title: title, Length: report.Length, Lag: report.Lag, Threshold: rules.Threshold, Bias: rules.Bias,
		Chart: draw(rules, report),
	}
	considered := map[outcome]int{}
	for _, d := range report.Decisions {
		considered[outcome(d.Outcome)]++
		if d.Outcome == string(outcomeFired) && len(e.Clips) < mostClips {
			e.Clips = append(e.Clips, rules.show(d))
		}
	}
	for _, o := range outcomes {
		if n := considered[o.outcome]; n > 0 {
			e.Considered = append(e.Considered, named{o.english, o.chinese, fmt.Sprint(n)})
		}
	}
	for _, d := range nearMisses(report) {
		e.Misses = append(e.Misses, rules.show(d))
	}
	for _, kind := range takenKinds {
		e.Taken = append(e.Taken, named{kind.english, kind.chinese, fmt.Sprint(report.Taken[kind.name])})
	}
	for _, f := range feeds {
		if health, known := report.Health[f.name]; known {
			e.Health = append(e.Health, named{f.name + ": " + string(health), feedChinese[f.name] + healthChinese[health], ""})
		}
	}
	for _, feature := range rules.features {
		if w := rules.weights[feature]; w != 0 {
			e.Weights = append(e.Weights, shownWeight{rules.name(feature), w})
		}
	}
	slices.SortStableFunc(e.Weights, func(a, b shownWeight) int { return cmp.Compare(b.Weight, a.Weight) })
	return e
}

// nearMisses gives what came near to its bar and made no highlight: of one moment the best, the best first.
func nearMisses(report Report) []Decision {
	var all []Decision
	for _, d := range report.Decisions {
		if d.Outcome != string(outcomeFired) && d.Outcome != string(outcomeSwallowed) && d.Highlight.Score >= missShare*min(d.Bar, 1) {
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b Decision) int { return cmp.Compare(b.Highlight.Score, a.Highlight.Score) })
	var kept []Decision
	for _, d := range all {
		same := func(w time.Duration) bool { return (w - d.Highlight.Window.Start).Abs() < missApart }
		if slices.ContainsFunc(kept, func(k Decision) bool { return same(k.Highlight.Window.Start) }) {
			continue
		}
		fired := slices.ContainsFunc(report.Decisions, func(f Decision) bool {
			return f.Outcome == string(outcomeFired) && f.Highlight.Window.Overlap(d.Highlight.Window) > 0
		})
		if !fired && len(kept) < mostMisses {
			kept = append(kept, d)
		}
	}
	return kept
}

// show gives a decision with what raised and lowered its score, and, where it made no highlight, what would have done.
func (r *Rules) show(d Decision) shownDecision {
	s := shownDecision{Decision: d, Kind: r.kind(d.Highlight.Kind), Latency: max(0, d.At-d.Needed)}
	for _, feature := range r.features {
		if v := d.Highlight.Features[feature]; v != 0 && r.weights[feature] != 0 {
			s.Parts = append(s.Parts, shownPart{r.name(feature), v, r.weights[feature], v * r.weights[feature]})
		}
	}
	slices.SortStableFunc(s.Parts, func(a, b shownPart) int { return cmp.Compare(b.Adds, a.Adds) })
	if d.Outcome != string(outcomeWeak) {
		return s
	}
	gap := logit(d.Bar) - logit(d.Highlight.Score)
	for _, feature := range r.features {
		w := r.weights[feature]
		if d.Highlight.Features[feature] == 0 && w >= gap && feature != absent && feature != alone && feature != awaited && feature != unheard {
			s.Lacked = append(s.Lacked, r.name(feature))
		}
	}
	return s
}

// kind gives what a kind of highlight is called.
func (r *Rules) kind(name string) named {
	for _, g := range r.Keywords {
		if g.Name == name {
			return named{g.english(), g.label(), name}
		}
	}
	if n, ok := kindNames[name]; ok {
		return named{n[0], n[1], name}
	}
	return named{name, "", name}
}

var kindNames = map[string][2]string{
	kindBurst: {"the audience reacts", "观众热议"}, kindProduct: {"product on show", "讲解商品"}, kindSoldOut: {"sold out", "售罄"},
	"discount": {"discount", "折扣"}, "price_drop": {"price drop", "降价"}, "flash_sale": {"flash sale", "限时抢购"}, // of signals, whatever groups there are
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

// name gives what a feature is called.
func (r *Rules) name(feature string) named {
	if n, ok := featureNames[feature]; ok {
		return named{n[0], n[1], feature}
	}
	for _, g := range r.Keywords {
		if featureOf(g.Name) == feature {
			return named{"words: " + g.english(), "话术：" + g.label(), feature}
		}
	}
	_, name, _ := strings.Cut(feature, ".")
	return named{"rule: " + name, "规则：" + name, feature}
}

var featureNames = map[string][2]string{
	"comments.absent": {"comments cannot confirm it", "评论无法佐证"}, "comments.awaited": {"nobody answered yet", "观众尚未反应"},
	"comments.burst": {"comment burst", "评论激增"}, "comments.surge": {"comment flood", "评论爆发"},
	"comments.buy": {"people want to buy", "购买意向"}, "comments.excited": {"people are excited", "观众兴奋"},
	"comments.complaint": {"people complain", "观众抱怨"}, "comments.laugh": {"people laugh in writing", "观众发笑"},
	"follows.burst": {"new followers", "关注激增"}, "gifts.burst": {"gifts", "礼物激增"}, "likes.burst": {"likes", "点赞激增"},
	"loudness.jump": {"it gets loud", "音量突增"}, "orders.burst": {"orders", "下单激增"}, "price.off": {"an offer in figures", "优惠幅度"},
	"product.listed": {"product put on the shelf", "商品上架"}, "product.priced": {"price cut in the shop", "商品改价"},
	"product.shown": {"product on show", "讲解商品"}, "product.sold_out": {"sold out", "商品售罄"},
	"sound.applause": {"applause", "掌声"}, "sound.laughter": {"laughter", "笑声"}, "scene.cut": {"the picture changes", "画面切换"},
	"comments.asked": {"the host asked for comments", "主播要求刷评论"}, "comments.keen": {"people want it or are excited", "想买或很兴奋"},
	"speech.absent": {"the host is not heard", "听不到主播"}, "speech.alone": {"on the host's words alone", "只凭主播的话"},
	"speech.call": {"calls to act", "催促下单"}, "speech.hint": {"words of an offer", "优惠用语"}, "speech.lead": {"calls for attention", "引起注意"},
	"speech.elsewhere": {"speaks of another time", "说的是别的时候"}, "urgency.countdown": {"a countdown", "倒数"},
	"voice.raised": {"the host speaks up", "主播提高嗓门"},
}

var outcomes = []struct {
	outcome          outcome
	english, chinese string
}{
	{outcomeFired, "became clips", "成为切片"}, {outcomeSwallowed, "of a moment that has its clip", "已有切片"}, {outcomeWeak, "below the threshold", "未达阈值"},
	{outcomeBarred, "over the hour's budget", "超出每小时条数"}, {outcomeVetoed, "forbidden by a rule", "规则禁止"},
}

var healthChinese = map[domain.Health]string{domain.HealthPresent: "有数据", domain.HealthQuiet: "无动静", domain.HealthMissing: "未接入"}

var feedChinese = map[string]string{
	signalComments: "评论", signalLikes: "点赞", signalGifts: "礼物", signalFollows: "关注", signalOrders: "订单", signalProduct: "商品",
}

var takenKinds = []struct{ name, english, chinese string }{
	{"line", "lines said", "话语"}, {"sound", "stretches of sound", "声音片段"}, {"comment", "comments", "评论"}, {"like", "likes", "点赞"},
	{"gift", "gifts", "礼物"}, {"follow", "follows", "关注"}, {"order", "orders", "订单"}, {"product", "product changes", "商品变化"},
}

func clockTime(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d:%02d.%d", s/3600, s/60%60, s%60, int(d.Milliseconds()/100%10))
}

func percent(v float64) string { return fmt.Sprintf("%.0f", 100*v) }

func times(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
