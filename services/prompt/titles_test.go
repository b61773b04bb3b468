package prompt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

// heard is a reason that rests on what the host said.
func heard(spoken, written string) domain.Reason {
	return domain.Reason{Signal: domain.SignalKeyword, Weight: 1, Phrases: []domain.Phrase{{Spoken: spoken, Written: written}}}
}

// at is a reason with a price that the host named.
func at(r domain.Reason, sign string, now float64) domain.Reason {
	r.Offer = domain.Offer{Now: now, Sign: sign}
	return r
}

// ends is a reason with the time that the host said is left.
func ends(r domain.Reason, left time.Duration) domain.Reason {
	r.Left = left
	return r
}

// moments are highlights as they come out of rooms.
var moments = []struct {
	name string
	room domain.Context
	h    domain.Highlight
	want string // as shown gives it
}{
	{"zh price drop, said and listed", domain.Context{Language: "zh", Host: "小美", Products: []domain.Product{{Name: "羽绒服", Price: "¥399"}}},
		domain.Highlight{Kind: "price_drop", Text: "降价了，现在只要¥199！", Reasons: []domain.Reason{at(heard("现在只要一百九十九元", "现在只要¥199"), "¥", 199)}},
		`降价了：羽绒服 ¥199 | 降价了，现在只要¥199！ | price_drop price=¥199 product=羽绒服 was=¥399`},
	{"zh price drop in the shop", domain.Context{Language: "zh"},
		domain.Highlight{Kind: "price_drop", Product: "7", Item: domain.Product{ID: "7", Name: "保温杯", Price: "¥39.9", Was: "¥59"}, Reasons: []domain.Reason{{Signal: "product", Offer: domain.Offer{Was: 59, Now: 39.9, Sign: "¥"}}}},
		`降价了：保温杯 ¥39.9 |  | price_drop price=¥39.9 product=保温杯 was=¥59`},
	{"zh price drop, no product", domain.Context{Language: "zh"},
		domain.Highlight{Kind: "price_drop", Text: "现在只要¥59.9", Reasons: []domain.Reason{at(heard("现在只要五十九块九", "现在只要¥59.9"), "¥", 59.9)}},
		`降价了：现在只要¥59.9 | 现在只要¥59.9 | price_drop price=¥59.9 product=好物`},
	{"zh price drop, only the word", domain.Context{Language: "zh"}, domain.Highlight{Kind: "price_drop", Text: "降价了", Reasons: []domain.Reason{heard("降价", "降价")}},
		`直播间降价了 | 降价了 | live_now host=主播 product=好物`},
	{"zh price drop, said dearer than listed", domain.Context{Language: "zh", Products: []domain.Product{{Name: "水杯", Price: "¥79"}}},
		domain.Highlight{Kind: "price_drop", Reasons: []domain.Reason{at(heard("只要一百七十九元", "只要¥179"), "¥", 179)}},
		`降价了：水杯 |  | live_now host=主播 product=水杯`},
	{"en price drop", domain.Context{Language: "en", Host: "Mia", Products: []domain.Product{{Name: "the coffee cup", Price: "$39"}}},
		domain.Highlight{Kind: "price_drop", Text: "The price goes down to $20.", Reasons: []domain.Reason{at(heard("the price goes down to twenty dollars", "The price goes down to $20"), "$", 20)}},
		`Price drop: the coffee cup $20 | The price goes down to $20. | price_drop price=$20 product=the coffee cup was=$39`},
	{"en price drop in another currency than the shop's", domain.Context{Language: "en", Products: []domain.Product{{Name: "the coffee cup", Price: "¥59"}}},
		domain.Highlight{Kind: "price_drop", Reasons: []domain.Reason{at(heard("now only twenty dollars", "now only $20"), "$", 20)}},
		`Price drop: the coffee cup |  | live_now host=our host product=the coffee cup`},
	{"en price drop, no product", domain.Context{Language: "en"},
		domain.Highlight{Kind: "price_drop", Reasons: []domain.Reason{at(heard("now only nineteen ninety nine", "Now only $19.99"), "$", 19.99)}},
		`Price drop: now only $19.99 |  | price_drop price=$19.99 product=today's pick`},
	{"zh flash sale with a clock", domain.Context{Language: "zh", Host: "大强", Products: []domain.Product{{Name: "旅行包", Price: "¥199"}}},
		domain.Highlight{Kind: "flash_sale", Text: "最后3分钟！", Reasons: []domain.Reason{ends(heard("最后三分钟", "最后3分钟"), 3*time.Minute)}},
		`限时抢购：旅行包 | 最后3分钟！ | countdown countdown=180 price=¥199 product=旅行包`},
	{"zh flash sale, no product", domain.Context{Language: "zh"}, domain.Highlight{Kind: "flash_sale", Reasons: []domain.Reason{ends(heard("最后三分钟", "最后3分钟"), 3*time.Minute)}},
		`限时抢购：最后3分钟 |  | countdown countdown=180 product=好物`},
	{"zh room, English words, no product", domain.Context{Language: "zh"}, domain.Highlight{Kind: "flash_sale", Text: "flash sale", Reasons: []domain.Reason{heard("flash sale", "flash sale")}},
		`限时抢购进行中 | flash sale | live_now host=主播 product=好物`},
	{"en flash sale, no product", domain.Context{Language: "en"},
		domain.Highlight{Kind: "flash_sale", Text: "Only 5 minutes left.", Reasons: []domain.Reason{ends(heard("only five minutes left", "Only 5 minutes left"), 5*time.Minute)}},
		`Flash sale: only 5 minutes left | Only 5 minutes left. | countdown countdown=300 product=today's pick`},
	{"en flash sale, nothing known", domain.Context{Language: "en"}, domain.Highlight{Kind: "flash_sale"},
		`Flash sale now on |  | live_now host=our host product=today's pick`},
	{"mixed discount", domain.Context{}, domain.Highlight{Kind: "discount", Text: "Wow! 全场5折", Reasons: []domain.Reason{heard("全场五折", "全场5折")}},
		`限时折扣：全场5折 | Wow! 全场5折 | live_now host=主播 product=好物`},
	{"en discount, a product in Chinese", domain.Context{Language: "en", Products: []domain.Product{{Name: "保温杯", Price: "¥59"}}}, domain.Highlight{Kind: "discount", Reasons: []domain.Reason{heard("half price", "half price")}},
		`On offer: 保温杯 |  | price_drop price=¥59 product=保温杯`},
	{"zh sold out", domain.Context{Language: "zh"},
		domain.Highlight{Kind: "scarcity", Product: "3", Item: domain.Product{ID: "3", Name: "【官方旗舰店】2026冬季新款韩版宽松显瘦百搭轻薄长款羽绒服女加厚保暖外套", Price: "¥399"}, Reasons: []domain.Reason{{Signal: "product"}}},
		`手慢无：2026冬季新款韩版宽松显瘦百搭轻薄长款羽绒服女加厚保… |  | last_chance price=¥399 product=【官方旗舰店】2026冬季新款韩版宽松显瘦百搭轻薄长款羽绒服女加厚保暖外套`},
	{"en nearly gone, a long name", domain.Context{Language: "en", Products: []domain.Product{{Name: "Stainless Steel Vacuum Insulated Water Bottle with Straw Lid 40 oz", Price: "$29.99"}}},
		domain.Highlight{Kind: "scarcity", Reasons: []domain.Reason{heard("only five left", "only 5 left")}},
		`Going fast: Stainless Steel Vacuum Insulated Water Bottle… |  | last_chance price=$29.99 product=Stainless Steel Vacuum Insulated Water Bottle with Straw Lid`},
	{"zh comment burst", domain.Context{Language: "zh", Products: []domain.Product{{Name: "iPhone 17 Pro", Price: "¥7999"}}}, domain.Highlight{Kind: "burst", Reasons: []domain.Reason{{Signal: "comments"}}},
		`直播间热议：iPhone 17 Pro | `},
	{"en comment burst, nothing known", domain.Context{Language: "en"}, domain.Highlight{Kind: "burst", Reasons: []domain.Reason{{Signal: "comments"}}},
		`The live room is buzzing | `},
	{"zh countdown", domain.Context{Language: "zh", Products: []domain.Product{{Name: "面膜 5片装", Price: "¥9.9"}}},
		domain.Highlight{Kind: "flash_sale", Text: "五四三二一上链接", Reasons: []domain.Reason{{Signal: "urgency", Phrases: []domain.Phrase{{Spoken: "五四三二一", Written: "五四三二一"}}}}},
		`限时抢购：面膜 5片装 | 五四三二一上链接 | live_now host=主播 product=面膜 5片装`},
	{"zh sports", domain.Context{Language: "zh", Category: "足球", Host: "老詹"}, domain.Highlight{Kind: "goal", Text: "绝杀！", Reasons: []domain.Reason{heard("绝杀", "绝杀")}},
		`进球瞬间：绝杀 | 绝杀！`},
	{"en sports", domain.Context{Language: "en", Category: "sports"}, domain.Highlight{Kind: "play", Reasons: []domain.Reason{heard("what a save", "What a save")}},
		`Great play: what a save | `},
	{"zh sports, the crowd alone", domain.Context{Language: "zh", Category: "足球"}, domain.Highlight{Kind: "burst", Reasons: []domain.Reason{{Signal: "sound"}}},
		`直播间沸腾了 | `},
	{"zh talk", domain.Context{Language: "zh", Category: "脱口秀", Host: "小雨"}, domain.Highlight{Kind: "answer", Reasons: []domain.Reason{heard("有人问我", "有人问我")}},
		`小雨回答观众提问 | `},
	{"en talk, no host", domain.Context{Language: "en", Category: "talk"}, domain.Highlight{Kind: "story", Reasons: []domain.Reason{heard("the truth is", "The truth is")}},
		`Told live on air | `},
	{"zh gift", domain.Context{Language: "zh", Products: []domain.Product{{Name: "面霜", Price: "¥129"}}}, domain.Highlight{Kind: "gift", Reasons: []domain.Reason{heard("买一送一", "买一送一")}},
		`下单有礼：面霜 | `},
	{"zh recap", domain.Context{Language: "zh", Host: "小美"}, domain.Highlight{Kind: "recap"},
		`小美直播精华 | `},
	{"a kind of the user's own", domain.Context{Language: "zh"}, domain.Highlight{Kind: "mystery", Reasons: []domain.Reason{heard("盲盒", "盲盒")}},
		`直播片段：盲盒 | `},
	{"an event of before", domain.Context{Language: "zh"}, domain.Highlight{Kind: "discount", Reasons: []domain.Reason{{Signal: "keyword", Detail: `discount: "立减¥20"`, Chinese: "折扣：“立减¥20”"}}},
		`直播间限时折扣 |  | live_now host=主播 product=好物`},
}

// shown is all that a viewer reads of a plan: its title, its text, and the words of its opening.
func shown(p domain.Plan) string {
	parts := []string{p.Title, p.Text}
	if s := p.Shots[0]; s.Kind == domain.ShotTemplate {
		opening := []string{s.Template}
		for _, field := range slices.Sorted(maps.Keys(s.Fields)) {
			if field != "language" {
				opening = append(opening, fmt.Sprintf("%s=%s", field, s.Fields[field]))
			}
		}
		parts = append(parts, strings.Join(opening, " "))
	}
	return strings.Join(parts, " | ")
}

func TestWhatAViewerReadsIsFitToBePublished(t *testing.T) {
	cfg := Defaults()
	cfg.Opening = openingAuto
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			m.h.ID, m.h.Window = "h", domain.Window{End: seconds(10)}
			p := shipped(t).plan(cfg, m.room, m.h)
			if got := shown(p); got != m.want {
				t.Errorf("got\n%s, want\n%s", got, m.want)
			}
			if wording.Columns(p.Title) > widestTitle || strings.Contains(p.Title, "  ") {
				t.Errorf("the title is no title: %q", p.Title)
			}
		})
	}
}

func TestATitleIsNoTemplateAndARequestsOwnIsKept(t *testing.T) {
	l := shipped(t)
	for name, c := range map[string]struct {
		room  domain.Context
		h     domain.Highlight
		title string
	}{
		"words that name a variable": {domain.Context{Language: "en"}, domain.Highlight{Kind: "discount", Reasons: []domain.Reason{heard("", `${host} "half" price`)}}, `On offer: ${host} "half" price`},
		"a name that is no template": {domain.Context{Language: "en", Products: []domain.Product{{Name: "${host} bag"}}}, sale, "Flash sale: ${host} bag"},
		"a request's own title":      {room, domain.Highlight{Kind: "manual", Title: " My\nclip ${host} ", By: "op"}, "My clip ${host}"},
		"a request's empty title":    {room, domain.Highlight{Kind: "manual", Title: "\x00 ", By: "op"}, "A moment from the live room"},
		"English was said":           {domain.Context{}, domain.Highlight{Kind: "discount", Text: "half price"}, "On offer in the live room"},
		"nothing was said":           {domain.Context{}, domain.Highlight{Kind: "burst"}, "直播间沸腾了"},
		"a name without a space":     {domain.Context{Language: "en", Products: []domain.Product{{Name: strings.Repeat("x", 90)}}}, sale, "Flash sale: " + strings.Repeat("x", 47) + "…"},
	} {
		if got := l.plan(Defaults(), c.room, c.h).Title; got != c.title {
			t.Errorf("%s: got %q, want %q", name, got, c.title)
		}
	}
}
