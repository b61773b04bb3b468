package detect

import (
	"fmt"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

// product follows what the shop does with its products: which one is on show, what it costs, when it is sold out.
type product struct {
	Shown  domain.Product
	Since  time.Duration    // when it came on show
	Before domain.Product   // the one before it
	Prices map[string]money // last known, by ID
}

const mostProducts = 500

// productFeatures are the weights that a product signal has, by what happened.
var productFeatures = map[domain.ProductAction]string{
	domain.ProductShown:   "product.shown",
	domain.ProductListed:  "product.listed",
	domain.ProductPriced:  "product.priced",
	domain.ProductSoldOut: "product.sold_out",
}

func (p *product) take(h happening, _ *room) []evidence {
	if h.Shop == nil {
		return nil
	}
	s := h.Shop.Signal
	before, known := p.Prices[s.Item.ID]
	now, told := wording.ReadPrice(s.Item.Price)
	if told {
		p.price(s.Item.ID, now)
	}
	feature, counts := productFeatures[s.Action]
	if !counts {
		if s.Action == domain.ProductHidden && p.Shown.ID == s.Item.ID {
			p.show(domain.Product{}, h.At)
		}
		return nil
	}
	e := evidence{
		Signal: signalProduct, Feature: feature, Value: 1, Source: h.Shop.Source,
		Moment: domain.Window{Start: h.At, End: h.At},
	}
	name := s.Item.Name
	if name == "" {
		name = s.Item.ID
	}
	switch s.Action {
	case domain.ProductShown:
		if p.Shown.ID == s.Item.ID && s.Item.ID != "" {
			return nil // told again
		}
		p.show(s.Item, h.At)
		e.Kind, e.Detail, e.Chinese = kindProduct, fmt.Sprintf("%q is shown", name), fmt.Sprintf("开始讲解“%s”", name)
	case domain.ProductListed:
		e.Kind, e.Detail, e.Chinese = kindProduct, fmt.Sprintf("%q is put on the shelf", name), fmt.Sprintf("“%s”上架", name)
	case domain.ProductPriced:
		off := 0.
		if known && told {
			off = percentOff(before, now)
		}
		if told && p.Shown.ID == s.Item.ID {
			p.Shown.Was, p.Shown.Price = "", s.Item.Price
			if off > 0 {
				p.Shown.Was = before.String()
			}
		}
		if off <= 0 {
			return nil // a price that rises sells nothing
		}
		e.Kind, e.Value = "price_drop", 0.5+0.5*ramp(off, 0, 50)
		e.Offer = offer{was: before, now: now, off: off}.named()
		e.Detail = fmt.Sprintf("price of %q falls from %s to %s, %.0f%% off", name, before, now, off)
		e.Chinese = fmt.Sprintf("“%s”从 %s 降到 %s，降 %.0f%%", name, before, now, off)
	case domain.ProductSoldOut:
		e.Kind, e.Detail, e.Chinese = kindSoldOut, fmt.Sprintf("%q is sold out", name), fmt.Sprintf("“%s”售罄", name)
	}
	return []evidence{e}
}

func (p *product) show(item domain.Product, at time.Duration) {
	p.Before, p.Shown, p.Since = p.Shown, item, at
}

// shownEarly is how long before its product comes on show a host may speak of it.
const shownEarly = 3 * time.Second

// at gives the product that was on show at a media time not long ago; zero: none, or unknown.
func (p *product) at(at time.Duration) domain.Product {
	if at < p.Since-shownEarly {
		return p.Before
	}
	return p.Shown
}

// price remembers what a product costs.
func (p *product) price(id string, m money) {
	if p.Prices == nil {
		p.Prices = map[string]money{}
	}
	if _, known := p.Prices[id]; known || len(p.Prices) < mostProducts {
		p.Prices[id] = m
	}
}

func (p *product) values(give func(string, float64)) {
	shown := 0.
	if p.Shown.ID != "" {
		shown = 1
	}
	give("product.on_show", shown)
}
