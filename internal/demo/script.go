// Package demo makes a sample shopping room: a script drawn from a seed, its picture and speech, and its audience. Nothing
// in the pipeline sees the script; it is what the pipeline's clips are held against.
package demo

import (
	"fmt"
	"math/rand/v2"
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
	Language string // "en" or "zh"
	Host     string
	Voice    string // flite's, or a variant of espeak-ng's Mandarin
	Product  string
	Price    string // at first
	Now      string // what the host says that it costs now, from the moment price_drop on
	Script   []Sentence
	Comments []Comment
	Length   time.Duration
}

// ShopChange is what the shop says of the product: that it is on the shelf, or that its price is another one.
type ShopChange struct {
	At     time.Duration
	Action string // as of an audience signal
	Price  string
}

// Shop gives what the shop says: the price falls when the host has said so.
func (r Room) Shop() []ShopChange {
	changes := []ShopChange{{Action: "listed", Price: r.Price}}
	for _, m := range r.Moments() {
		if m.Kind == "price_drop" {
			changes = append(changes, ShopChange{m.End, "priced", r.Now})
		}
	}
	return changes
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

// tongue is what a room needs to be held in a language.
type tongue struct {
	language          string
	hosts, voices     []string
	products          []product
	talk              []string // sentences that sell nothing
	chatter, outburst []string // of the audience: at all times, and after a moment
	phrase            func(kind string, p product, now price, one func([]string) string) string
	pace              func(sentence string) time.Duration // about how long it takes to say
}

// product is what a room sells, at prices that agree with all that its host may say.
type product struct {
	name  string
	price price
	falls []price  // to one of these
	off   []string // amounts that may come off it, as said
}

// price is one as it is shown and as it is said.
type price struct{ shown, said string }

// NewRoom draws an English room from a seed. Lengths of sentences are estimates until Synthesise has spoken them.
func NewRoom(seed uint64) Room { return newRoom(seed, english) }

// NewMandarinRoom draws a Mandarin room from a seed, as NewRoom does an English one.
func NewMandarinRoom(seed uint64) Room { return newRoom(seed, mandarin) }

func newRoom(seed uint64, t tongue) Room {
	pick := rand.New(rand.NewPCG(seed, seed^0x6c697665636c6970))
	product := t.products[pick.IntN(len(t.products))]
	now := product.falls[pick.IntN(len(product.falls))]
	room := Room{Language: t.language, Host: t.hosts[pick.IntN(len(t.hosts))], Voice: t.voices[pick.IntN(len(t.voices))],
		Product: product.name, Price: product.price.shown, Now: now.shown}
	kinds := []string{"flash_sale", "discount", "price_drop"}
	pick.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	lines := pick.Perm(len(t.talk))
	next := func() Sentence {
		line := t.talk[lines[0]]
		lines = append(lines[1:], lines[0])
		return Sentence{Text: line}
	}
	room.Script = append(room.Script, next(), next())
	for _, kind := range kinds {
		text := t.phrase(kind, product, now, func(list []string) string { return list[pick.IntN(len(list))] })
		room.Script = append(room.Script, Sentence{Text: text, Moment: kind}, next(), next())
		if pick.IntN(2) == 0 {
			room.Script = append(room.Script, next())
		}
	}
	for i := range room.Script {
		room.Script[i].Length = t.pace(room.Script[i].Text)
	}
	room.place(pick)
	return room
}

// place gives every sentence its time, from the lengths known, and lets the audience speak.
func (r *Room) place(pick *rand.Rand) {
	t := english
	if r.Language == mandarin.language {
		t = mandarin
	}
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
	for at := time.Second; at < r.Length; at += time.Duration(400+pick.IntN(1600)) * time.Millisecond {
		say(at, t.chatter)
	}
	for _, m := range r.Moments() {
		for range 20 + pick.IntN(15) {
			say(m.End+time.Duration(500+pick.IntN(4000))*time.Millisecond, t.outburst)
		}
	}
}
