package demo

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// mandarin is spoken by espeak-ng and says only what the small model that comes with liveclip may know: its card tells.
var mandarin = tongue{
	language: "zh",
	hosts:    []string{"小美", "小雨", "大强"},
	voices:   []string{"f3", "m3", "Alicia"},
	products: []product{
		{"旅行包", price{"¥199", "一百九十九"}, []price{{"¥89.9", "八十九块九"}, {"¥99.9", "九十九块九"}, {"¥99", "九十九元"}}, []string{"二十", "五十", "一百"}},
		{"保温杯", price{"¥59", "五十九"}, []price{{"¥39.9", "三十九块九"}, {"¥29.9", "二十九块九"}, {"¥39", "三十九元"}}, []string{"十", "二十"}},
		{"羽绒服", price{"¥399", "三百九十九"}, []price{{"¥199", "一百九十九元"}, {"¥299", "二百九十九元"}}, []string{"五十", "一百"}},
		{"水杯", price{"¥79", "七十九"}, []price{{"¥39.9", "三十九块九"}, {"¥49.9", "四十九块九"}, {"¥59", "五十九元"}}, []string{"十", "二十"}},
	},
	talk: []string{
		"这款面料很柔软里面是纯棉的",
		"我给大家看一下里面的细节",
		"洗的时候不要用热水就可以了",
		"我妹妹每天都在用还是很好看",
		"可以放在厨房里也可以带去办公室",
		"欢迎新来的朋友先看一下颜色",
		"我先给大家介绍一下成分",
		"我个人更喜欢蓝色妈妈喜欢绿色",
		"这个很轻便放在包里也不占地方",
		"你们那边天气怎么样从哪里来",
	},
	chatter:  []string{"主播好", "从哪里发货", "好看", "晚上好", "有黑色吗", "多大尺码", "hi", "第一次来", "能看一下背面吗"},
	outburst: []string{"抢到了", "冲冲冲", "下单了", "这个价格太炸裂了", "买买买", "已拍", "太便宜了吧", "wow", "我要两件"},
	phrase:   mandarinPhrase,
	pace: func(sentence string) time.Duration {
		return time.Duration(utf8.RuneCountInString(sentence)) * 300 * time.Millisecond
	},
}

// mandarinPhrase words a selling moment; every call may word it otherwise. Numbers are written as they are said.
func mandarinPhrase(kind string, p product, now price, one func([]string) string) string {
	switch kind {
	case "flash_sale":
		return one([]string{
			fmt.Sprintf("最后%s分钟！全场五折！", one([]string{"两", "三", "五"})),
			fmt.Sprintf("还剩最后%s分钟！大家抓紧时间！", one([]string{"两", "三", "五"})),
			"只剩最后五件了！错过今天就没有了！",
		})
	case "discount":
		return one([]string{
			fmt.Sprintf("今天全场%s折！", one([]string{"三", "五", "八"})),
			"今天全场五折！第二件半价！",
			fmt.Sprintf("现在下单立减%s元！", one(p.off)),
		})
	default: // price_drop
		return one([]string{
			fmt.Sprintf("平时卖%s，现在只要%s！", p.price.said, now.said),
			fmt.Sprintf("降价了！现在只要%s！", now.said),
		})
	}
}
