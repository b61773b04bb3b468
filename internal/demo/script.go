// Package demo makes a sample shopping room: a script drawn from a seed, its picture and speech, and its audience. Nothing
// in the pipeline sees the script; it is what the pipeline's clips are held against.
package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Moment is something that sells, said at a known time.
type Moment struct {
	Kind  string
	Text  string
	Start time.Duration // media time, as spoken
	End   time.Duration
}

// Sentence is one thing the host says.
type Sentence struct {
	Text   string
	Moment string // its kind; empty: ordinary talk
	Start  time.Duration
	Length time.Duration // as spoken; known after synthesis
}

// Comment is one thing a viewer writes.
type Comment struct {
	At   time.Duration
	User string
	Text string
}

// Room is a sample shopping room.
type Room struct {
	Host     string
	Voice    string // flite's
	Product  string
	Price    string
	Script   []Sentence
	Comments []Comment
	Length   time.Duration
}

// Moments gives the sentences that sell.
func (r Room) Moments() []Moment {
	var moments []Moment
	for _, s := range r.Script {
		if s.Moment != "" {
			moments = append(moments, Moment{s.Moment, s.Text, s.Start, s.Start + s.Length})
		}
	}
	return moments
}

var (
	hosts    = []string{"Lily", "Mia", "Anna"}
	voices   = []string{"slt", "rms", "awb"}
	products = []struct{ name, price string }{
		{"the travel bag", "¥199"}, {"the coffee cup", "¥59"}, {"the winter coat", "¥399"}, {"the water bottle", "¥79"},
	}
	numbers = []string{"two", "three", "five"}
	percent = []string{"twenty", "thirty", "fifty"}
	dollars = []string{"nineteen", "twenty", "thirty"}
	talk    = []string{
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
	}
	chatter  = []string{"hi", "nice color", "what size is it", "从哪里发货", "主播好", "is it heavy", "好看", "晚上好", "can you show the back"}
	outburst = []string{"buying!!", "抢到了", "wow so cheap", "冲冲冲", "下单了", "这个价格太炸裂了", "I want two", "买买买", "take my money"}
)

// phrase words a selling moment; every call may word it otherwise.
func phrase(kind string, pick *rand.Rand) string {
	n := func(list []string) string { return list[pick.IntN(len(list))] }
	switch kind {
	case "flash_sale":
		return n([]string{
			fmt.Sprintf("last %s minutes", n(numbers)),
			fmt.Sprintf("only %s minutes left", n(numbers)),
			"this is your last chance we have only five left in stock",
		})
	case "discount":
		return n([]string{
			fmt.Sprintf("today we have %s percent off", n(percent)),
			fmt.Sprintf("%s percent off everything", n(percent)),
			"everything is half price today",
		})
	default: // price_drop
		return n([]string{
			fmt.Sprintf("now the price drops to %s dollars", n(dollars)),
			fmt.Sprintf("the price goes down to %s dollars", n(dollars)),
		})
	}
}

// NewRoom draws a room from a seed. Lengths of sentences are estimates until Synthesise has spoken them.
func NewRoom(seed uint64) Room {
	pick := rand.New(rand.NewPCG(seed, seed^0x6c697665636c6970))
	product := products[pick.IntN(len(products))]
	room := Room{Host: hosts[pick.IntN(len(hosts))], Voice: voices[pick.IntN(len(voices))], Product: product.name, Price: product.price}
	kinds := []string{"flash_sale", "discount", "price_drop"}
	pick.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	lines := pick.Perm(len(talk))
	next := func() Sentence {
		line := talk[lines[0]]
		lines = append(lines[1:], lines[0])
		return Sentence{Text: line}
	}
	room.Script = append(room.Script, next(), next())
	for _, kind := range kinds {
		room.Script = append(room.Script, Sentence{Text: phrase(kind, pick), Moment: kind}, next(), next())
		if pick.IntN(2) == 0 {
			room.Script = append(room.Script, next())
		}
	}
	for i := range room.Script {
		words := len(strings.Fields(room.Script[i].Text))
		room.Script[i].Length = time.Duration(words) * 270 * time.Millisecond
	}
	room.place(pick)
	return room
}

// place gives every sentence its time, from the lengths known, and lets the audience speak.
func (r *Room) place(pick *rand.Rand) {
	at := 1500 * time.Millisecond
	for i := range r.Script {
		r.Script[i].Start = at
		at += r.Script[i].Length + time.Duration(700+pick.IntN(500))*time.Millisecond
	}
	r.Length = at + 2*time.Second
	r.Comments = nil
	say := func(at time.Duration, lines []string) {
		r.Comments = append(r.Comments, Comment{at, fmt.Sprintf("viewer-%d", pick.IntN(5000)), lines[pick.IntN(len(lines))]})
	}
	for t := time.Second; t < r.Length; t += time.Duration(400+pick.IntN(1600)) * time.Millisecond {
		say(t, chatter)
	}
	for _, m := range r.Moments() {
		for range 20 + pick.IntN(15) {
			say(m.End+time.Duration(500+pick.IntN(4000))*time.Millisecond, outburst)
		}
	}
}
