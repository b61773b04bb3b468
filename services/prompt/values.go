package prompt

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
	"liveclip/internal/note"
)

const (
	longestValue = 60   // characters of a variable's value
	longestTitle = 80   // characters
	longestText  = 2000 // characters of what was said

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
	product := productOf(room, h)
	v.give("host", room.Host)
	v.give("category", room.Category)
	v.give("product", product.Name)
	v.give("price", product.Price)
	v.give("was", product.Was)
	v.given["picture"] = clean(product.Image, longestAddress)
	v.give("text", h.Text)
	v.give("kind", h.Kind)
	v.give("countdown", countdown(h))
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
	if name == "text" || name == "kind" { // said, not given by anybody
		return
	}
	switch n := utf8.RuneCountInString(value); {
	case n > longestValue:
		*v.notes = append(*v.notes, note.CutTo.Say(name, n, longestValue))
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) || !utf8.ValidString(value):
		*v.notes = append(*v.notes, note.NoControls.Say(name))
	}
}

// titled words a title by the highlight's kind. Where nobody knows the product, the words that fired say what it is about.
func (v values) titled(h domain.Highlight) string {
	title, words := v.library.text(v.library.titles, h.Kind, v), fired(h)
	if v.given["product"] != "" || words == "" || strings.Contains(strings.ToLower(title), strings.ToLower(words)) {
		return title
	}
	about := v
	about.given = maps.Clone(v.given)
	about.given["product"] = clean(words, longestValue)
	return v.library.text(v.library.titles, h.Kind, about)
}

// fired are the host's words that a rule fired on, of the reason that weighs most (`Discount: "half price"`); empty: none did.
func fired(h domain.Highlight) string {
	for _, reason := range h.Reasons {
		_, quoted, _ := strings.Cut(reason.Detail, ": ")
		if quoted, err := strconv.QuotedPrefix(quoted); err == nil && reason.Signal == "keyword" {
			words, _ := strconv.Unquote(quoted)
			return words
		}
	}
	return ""
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
	t, ok := texts[kind]
	if !ok {
		t = texts[other]
	}
	return t[v.language].fill(v.of)
}

var spokenSpan = regexp.MustCompile(`(?i)([0-9]{1,3}|[a-z]+|[零一二两三四五六七八九十]{1,3})[\s-]*(minutes?|seconds?|分钟|分鐘|秒)`)

// countdown is the number of seconds that the highlight's reasons name ("last three minutes": "180"); empty: none.
func countdown(h domain.Highlight) string {
	for _, reason := range h.Reasons {
		m := spokenSpan.FindStringSubmatch(reason.Detail)
		if m == nil {
			continue
		}
		n, ok := smallNumber(strings.ToLower(m[1]))
		if unit := strings.ToLower(m[2]); ok && (unit[0] == 'm' || strings.HasPrefix(unit, "分")) {
			n *= 60
		}
		if ok && n > 0 {
			return strconv.Itoa(n)
		}
	}
	return ""
}

// smallNumber reads digits, an English word or Chinese numerals below a hundred, as they are spoken of minutes.
func smallNumber(s string) (int, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return n, true
	}
	words := map[string]int{
		"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
		"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
	}
	if n, ok := words[s]; ok {
		return n, true
	}
	digits := map[rune]int{'零': 0, '一': 1, '二': 2, '两': 2, '三': 3, '四': 4, '五': 5, '六': 6, '七': 7, '八': 8, '九': 9}
	total, digit := 0, 0
	for i, r := range s {
		d, ok := digits[r]
		switch {
		case ok:
			digit = d
		case r != '十':
			return 0, false
		case i == 0:
			total = 10
		default:
			total, digit = digit*10, 0
		}
	}
	return total + digit, true
}
