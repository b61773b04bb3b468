package roomgen

import (
	"strings"

	"liveclip/internal/domain"
)

// shop gives what is not written: products, orders, likes, gifts, follows and how many watch.
func (m *Maker) shop(seed uint64, f Facts, s script) []arrival {
	d := newDraw(seed, "shop")
	var out []arrival
	put := func(at float64, signal domain.AudienceSignal) {
		if at >= 0 && at < m.c.Length {
			signal.ID = string(signal.Kind) + itoa(len(out))
			out = append(out, arrival{at, at + d.in(m.c.Crowd.Delay), signal})
		}
	}
	if !f.NoProducts {
		m.products(d, s, put)
	}
	if !f.NoOrders {
		m.orders(d, s, put)
	}
	if !f.NoLikes {
		m.likes(d, f, s, put)
	}
	for _, at := range d.times(m.c.GiftRate, m.c.Length) {
		put(at, domain.AudienceSignal{Kind: domain.SignalGift, User: "g" + itoa(d.IntN(f.Users)), Text: "rose", Count: int64(1 + d.IntN(10))})
	}
	for _, at := range d.times(m.c.Distract.Gifts/3600, m.c.Length) {
		user := "g" + itoa(d.IntN(f.Users))
		for range 3 + d.IntN(12) { // a combo
			put(at+8*d.Float64(), domain.AudienceSignal{Kind: domain.SignalGift, User: user, Text: "rocket", Count: int64(10 + d.IntN(90))})
		}
	}
	for _, at := range d.times(m.c.FollowRate, m.c.Length) {
		put(at, domain.AudienceSignal{Kind: domain.SignalFollow, User: "f" + itoa(d.IntN(1<<20)), Count: 1})
	}
	viewers := f.Users
	for at := 5.; at < m.c.Length; at += 10 {
		viewers = max(10, viewers+int(d.normal(float64(f.Users)/60)))
		put(at, domain.AudienceSignal{Kind: domain.SignalViewers, Count: int64(viewers)})
	}
	return out
}

func (m *Maker) products(d draw, s script, put func(float64, domain.AudienceSignal)) {
	c := m.c.Shop
	event := func(at float64, p domain.Product, action domain.ProductAction) {
		put(at, domain.AudienceSignal{Kind: domain.SignalProduct, Count: 1, Item: p, Action: action})
	}
	for _, p := range s.shown {
		if d.chance(c.Shown) {
			event(p.at+d.normal(2), p.product, domain.ProductShown)
		}
	}
	for _, t := range s.truths {
		if t.Kind == "price" && d.chance(c.Priced) {
			p := t.Product
			mark, _, _ := strings.Cut(p.Price, strings.TrimLeft(p.Price, "¥$"))
			p.Price = mark + itoa(9+d.IntN(20))
			event(t.announcedAt+d.in(c.PricedAt), p, domain.ProductPriced)
		}
		if (t.Kind == "scarcity" || t.Kind == "flash") && !t.Cold && d.chance(c.SoldOut) {
			event(t.Said+d.in(c.SoldOutAfter), t.Product, domain.ProductSoldOut)
		}
	}
}

func (m *Maker) orders(d draw, s script, put func(float64, domain.AudienceSignal)) {
	c := m.c.Shop
	order := func(at float64) { put(at, domain.AudienceSignal{Kind: domain.SignalOrder, Count: 1}) }
	for _, at := range d.times(c.OrderRate, m.c.Length) {
		order(at)
	}
	for _, t := range s.truths {
		if t.Cold || t.Kind == "reveal" {
			continue
		}
		for range int(d.in(c.Orders)) {
			order(t.Said + d.in(c.OrderLag))
		}
	}
}

func (m *Maker) likes(d draw, f Facts, s script, put func(float64, domain.AudienceSignal)) {
	c := m.c.Likes
	usual := d.in(c.Usual)
	every := d.in(c.Every)
	type rise struct{ from, to, gain float64 }
	var rises []rise
	for _, t := range s.truths {
		if !t.Cold && d.chance(c.AtMoments) {
			rises = append(rises, rise{t.Said + f.Lag*0.7, t.Said + f.Lag*0.7 + 15, d.in(c.Gain)})
		}
	}
	for at := d.after(every); at < m.c.Length; at += d.after(every) {
		mean := usual
		for _, r := range rises {
			if at >= r.from && at < r.to {
				mean *= r.gain
			}
		}
		put(at, domain.AudienceSignal{Kind: domain.SignalLike, User: "l" + itoa(d.IntN(f.Users)), Count: int64(1 + d.poisson(mean))})
	}
}
