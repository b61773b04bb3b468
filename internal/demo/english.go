package demo

import (
	"fmt"
	"strings"
	"time"
)

var english = tongue{
	language: "en",
	hosts:    []string{"Lily", "Mia", "Anna"},
	voices:   []string{"slt", "rms", "awb"},
	products: []product{
		{name: "the travel bag", price: price{"$59", "fifty nine"}, falls: dollars},
		{name: "the coffee cup", price: price{"$35", "thirty five"}, falls: dollars},
		{name: "the winter coat", price: price{"$89", "eighty nine"}, falls: dollars},
		{name: "the water bottle", price: price{"$39", "thirty nine"}, falls: dollars},
	},
	talk: []string{
		"this one is made of soft cotton and it comes in many sizes",
		"let me show you the inside so that you can see how it is made",
		"many people ask how to wash it and the answer is by hand in cold water",
		"my sister has used hers every day for a year and it still looks new",
		"you can put it on the table in the kitchen or take it to the office",
		"hello to everyone who is here for the first time this evening",
		"we will look at the size and then i will try it on for you",
		"the blue one is the color that i like and the green one is for my mother",
		"it is light so you can carry it all day and it does not hurt your back",
		"tell me where you are from and what the weather is like there",
	},
	chatter:  []string{"hi", "nice color", "what size is it", "从哪里发货", "主播好", "is it heavy", "好看", "晚上好", "can you show the back"},
	outburst: []string{"buying!!", "抢到了", "wow so cheap", "冲冲冲", "下单了", "这个价格太炸裂了", "I want two", "买买买", "take my money"},
	phrase:   englishPhrase,
	pace: func(sentence string) time.Duration {
		return time.Duration(len(strings.Fields(sentence))) * 270 * time.Millisecond
	},
}

var dollars = []price{{"$19", "nineteen"}, {"$20", "twenty"}, {"$30", "thirty"}}

// englishPhrase words a selling moment; every call may word it otherwise.
func englishPhrase(kind string, _ product, now price, one func([]string) string) string {
	number := func() string { return one([]string{"two", "three", "five"}) }
	percent := func() string { return one([]string{"twenty", "thirty", "fifty"}) }
	switch kind {
	case "flash_sale":
		return one([]string{
			fmt.Sprintf("last %s minutes", number()),
			fmt.Sprintf("only %s minutes left", number()),
			"this is your last chance we have only five left in stock",
		})
	case "discount":
		return one([]string{
			fmt.Sprintf("today we have %s percent off", percent()),
			fmt.Sprintf("%s percent off everything", percent()),
			"everything is half price today",
		})
	default: // price_drop
		return one([]string{
			fmt.Sprintf("now the price drops to %s dollars", now.said),
			fmt.Sprintf("the price goes down to %s dollars", now.said),
		})
	}
}
