package prompt

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	"liveclip/internal/wording"
)

const (
	longestValue = 60   // characters of a variable's value
	longestTitle = 80   // characters
	longestText  = 2000 // characters of what was said
	widestTitle  = 60   // columns of a title that liveclip words: what platforms show, thirty Chinese characters
	leastName    = 12   // columns that a product's name keeps in a title

	longestAddress = 2048 // of a picture
)

// languageOf is the language of a clip's words: the room's, as set or as its products and host are named, or that of what
// was said, or Chinese.
func languageOf(room domain.Context, said string) string {
	han := func(r rune) bool { return unicode.Is(unicode.Han, r) }
	language := strings.ToLower(room.Spoken())
	if strings.HasPrefix(language, "zh") || language == "" && (said == "" || strings.ContainsFunc(said, han)) {
		return "zh"
	}
	return "en"
}

// productOf is the product a highlight speaks of: the one on show, else the longest name in what was said, else the only one that
// the room has. Zero: nobody knows, and no product's price is told as another's.
func productOf(room domain.Context, h domain.Highlight) domain.Product {
	onShow := slices.IndexFunc(room.Products, func(p domain.Product) bool { return p.ID != "" && p.ID == h.Product })
	switch {
	case onShow >= 0:
		return asTold(room.Products[onShow], h.Item)
	case h.Item.Name != "":
		return h.Item
	}
	said, named := strings.ToLower(h.Text), domain.Product{}
	for _, p := range room.Products {
		if len(p.Name) > len(named.Name) && strings.Contains(said, strings.ToLower(p.Name)) {
			named = p
		}
	}
	if named.Name == "" && h.Product == "" && len(room.Products) == 1 {
		return room.Products[0]
	}
	return named
}

// asTold is a product of the room at the price that the room's feed tells.
func asTold(p, item domain.Product) domain.Product {
	if item.Price != "" && item.Price != p.Price {
		p.Price, p.Was = item.Price, item.Was
	}
	p.Name, p.Image = cmp.Or(p.Name, item.Name), cmp.Or(p.Image, item.Image)
	return p
}

// values gives the variables of one highlight's templates. Title and action are filled in once known.
type values struct {
	library  *library
	language string
	given    map[string]string
	notes    *[]string // what was cut or cleaned
}

func (l *library) values(room domain.Context, h domain.Highlight) values {
	v := values{l, languageOf(room, h.Text), map[string]string{}, new([]string)}
	for name, value := range room.Extra {
		v.give(name, value)
	}
	product := asSaid(productOf(room, h), h)
	v.give("host", room.Host)
	v.give("category", room.Category)
	v.give("product", product.Name)
	v.give("price", product.Price)
	v.give("was", product.Was)
	v.given["picture"] = clean(product.Image, longestAddress)
	v.give("text", h.Text)
	v.give("kind", h.Kind)
	v.give("countdown", countdown(h))
	if words := fired(h); speaks(words, v.language) {
		v.give("words", inSentence(words))
	}
	v.give("action", l.text(l.actions, h.Kind, v))
	title := h.Title
	if clean(title, longestTitle) == "" {
		title = v.titled(h)
	}
	v.given["title"] = clean(title, longestTitle)
	return v
}

func (v values) give(name, value string) {
	v.given[name] = clean(value, longestValue)
	if name == "text" || name == "words" || name == "kind" { // said, not given by anybody
		return
	}
	switch n := utf8.RuneCountInString(value); {
	case n > longestValue:
		*v.notes = append(*v.notes, note.CutTo.Say(name, n, longestValue))
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) || !utf8.ValidString(value):
		*v.notes = append(*v.notes, note.NoControls.Say(name))
	}
}

// titled words a title by the highlight's kind. Where nobody knows the product, the words that fired say what it is about; where
// these, or another name, are not known either, it is a title that needs none.
func (v values) titled(h domain.Highlight) string {
	l := v.library
	title := l.of(l.titles, h.Kind, v.language)
	v.given = maps.Clone(v.given)
	if words := v.given["words"]; v.given["product"] == "" && !strings.Contains(title.fill(v.of), words) {
		v.given["product"], v.given["price"] = words, "" // they tell it, where they do
	}
	if l.bare != nil && title.lacks(v.given) {
		title = l.of(l.bare, h.Kind, v.language)
	}
	text := title.fill(v.of)
	if over := wording.Columns(text) - widestTitle; over > 0 && v.given["product"] != "" {
		v.given["product"] = shortened(v.given["product"], max(wording.Columns(v.given["product"])-over, leastName))
		text = title.fill(v.of)
	}
	return text
}

// over is v with what the room itself gave, in whatever language it did.
func (v values) over(room values) values {
	for _, name := range []string{"host", "product", "price", "was", "picture", "category", "countdown"} {
		if value := room.given[name]; value != "" {
			v.given[name] = value
		}
	}
	return v
}

// of gives a variable's value, or the library's default for it in the clip's language.
func (v values) of(name string) string {
	if value := v.given[name]; value != "" {
		return value
	}
	return v.library.defaults[name][v.language]
}

// text fills the text for a kind, or for every other one, in the clip's language.
func (l *library) text(texts map[string]map[string]template, kind string, v values) string {
	return l.of(texts, kind, v.language).fill(v.of)
}

// of is the template for a kind, or for every other one.
func (l *library) of(texts map[string]map[string]template, kind, language string) template {
	t, ok := texts[kind]
	if !ok {
		t = texts[other]
	}
	return t[language]
}
