package ops

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
	opsv1 "liveclip/proto/ops/v1"
)

// Bounds of what an operator says of a room.
const (
	maxText     = 200 // characters of a name, a price, a title
	maxProducts = 200
	maxExtra    = 50
	maxHotwords = 1000
)

// checkText refuses what no name, price or title holds.
func checkText(what, text string) error {
	if n := utf8.RuneCountInString(text); n > maxText {
		return unprocessable("%s: longer than %d characters, has %d", what, maxText, n)
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return unprocessable("%s: holds the control character %U", what, r)
		}
	}
	return nil
}

// checkEngine refuses an engine that is not among the known ones, where they are known.
func (s *Service) checkEngine(c *opsv1.Context) error {
	if name := c.GetEngine(); name != "" && len(s.Engines) > 0 && !slices.Contains(s.Engines, name) {
		return unprocessable("context.engine: must be one of %s, is %.80q", strings.Join(s.Engines, ", "), name)
	}
	return nil
}

func checkContext(c *opsv1.Context) error {
	if c == nil {
		return nil
	}
	texts := map[string]string{"context.host": c.GetHost(), "context.category": c.GetCategory(), "context.language": c.GetLanguage(), "context.engine": c.GetEngine()}
	if len(c.Products) > maxProducts {
		return unprocessable("context.products: more than %d, are %d", maxProducts, len(c.Products))
	}
	if len(c.Extra) > maxExtra {
		return unprocessable("context.extra: more than %d, are %d", maxExtra, len(c.Extra))
	}
	if len(c.Hotwords) > maxHotwords {
		return unprocessable("context.hotwords: more than %d, are %d", maxHotwords, len(c.Hotwords))
	}
	for _, word := range c.Hotwords {
		if err := checkText("context.hotwords", word); err != nil {
			return err
		}
	}
	for what, text := range texts {
		if err := checkText(what, text); err != nil {
			return err
		}
	}
	for _, p := range c.Products {
		for what, text := range map[string]string{"id": p.GetId(), "name": p.GetName(), "price": p.GetPrice(), "was": p.GetWas()} {
			if err := checkText("context.products."+what, text); err != nil {
				return err
			}
		}
		if len(p.GetImage()) > maxSource {
			return unprocessable("context.products.image: longer than %d bytes", maxSource)
		}
	}
	for key, text := range c.Extra {
		if err := checkText("context.extra", key); err != nil {
			return err
		}
		if err := checkText("context.extra."+key, text); err != nil {
			return err
		}
	}
	return nil
}

// mergeContext lays the given context over the known one; an empty value takes a variable out of Extra.
func mergeContext(known *domain.Context, given *opsv1.Context) {
	if given == nil {
		return
	}
	if given.Host != nil {
		known.Host = *given.Host
	}
	if given.Category != nil {
		known.Category = *given.Category
	}
	if given.Language != nil {
		known.Language = *given.Language
	}
	if given.Engine != nil {
		known.Engine = *given.Engine
	}
	if len(given.Hotwords) > 0 {
		known.Hotwords = given.Hotwords
	}
	if given.Vertical != nil {
		known.Vertical = *given.Vertical
	}
	if len(given.Products) > 0 {
		known.Products = nil
		for _, p := range given.Products {
			known.Products = append(known.Products, productFromMessage(p))
		}
	}
	for key, value := range given.Extra {
		if value == "" {
			delete(known.Extra, key)
			continue
		}
		if known.Extra == nil {
			known.Extra = map[string]string{}
		}
		known.Extra[key] = value
	}
}

func productFromMessage(p *opsv1.Product) domain.Product {
	return domain.Product{ID: p.GetId(), Name: p.GetName(), Price: p.GetPrice(), Image: p.GetImage(), Was: p.GetWas()}
}

func sameContext(a, b domain.Context) bool {
	if len(a.Extra) == 0 && len(b.Extra) == 0 {
		a.Extra, b.Extra = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func contextMessage(c domain.Context) *opsv1.Context {
	m := &opsv1.Context{Host: &c.Host, Category: &c.Category, Language: &c.Language, Extra: c.Extra, Hotwords: c.Hotwords}
	if c.Engine != "" {
		m.Engine = &c.Engine
	}
	if c.Vertical {
		m.Vertical = &c.Vertical
	}
	for _, p := range c.Products {
		m.Products = append(m.Products, &opsv1.Product{Id: p.ID, Name: p.Name, Price: p.Price, Image: p.Image, Was: p.Was})
	}
	return m
}
