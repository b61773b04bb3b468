package wording

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"liveclip/internal/domain"
)

// figures writes spoken numbers in figures.
func figures(pieces []piece) []piece {
	pieces = apart(pieces)
	tokens := make([]string, len(pieces))
	for i, p := range pieces {
		tokens[i] = strings.ToLower(p.Text)
	}
	out := make([]piece, 0, len(pieces))
	for i := 0; i < len(pieces); {
		from, to := phrase(pieces, i)
		text, taken := written(tokens[from:i], tokens[i:to])
		taken = max(1, min(taken, to-i))
		if text == "" {
			out = append(out, pieces[i:i+taken]...)
		} else {
			out = append(out, joined(pieces[i:i+taken], text))
		}
		i += taken
	}
	return out
}

// apart cuts twenty-five.
func apart(pieces []piece) []piece {
	var out []piece
	for _, p := range pieces {
		tens, ones, found := strings.Cut(strings.ToLower(p.Text), "-")
		if v, ok := englishSmall[ones]; !found || englishTens[tens] == 0 || !ok || v == 0 || v > 9 {
			out = append(out, p)
			continue
		}
		middle := p.Start + (p.End-p.Start)/2
		a := piece{domain.Word{Text: p.Text[:len(tens)], Start: p.Start, End: middle, Confidence: p.Confidence}, p.before, ""}
		b := piece{domain.Word{Text: p.Text[len(tens)+1:], Start: middle, End: p.End, Confidence: p.Confidence}, "", p.after}
		out = append(out, a, b)
	}
	return out
}

// phrase gives where what surrounds piece i without a mark begins and ends, not further than a number and its unit reach.
func phrase(pieces []piece, i int) (from, to int) {
	from, to = i, i+1
	for from > 0 && i-from < 6 && pieces[from-1].after == "" && pieces[from].before == "" {
		from--
	}
	for to < len(pieces) && to-i < 2*longestNumber && pieces[to-1].after == "" && pieces[to].before == "" {
		to++
	}
	return from, to
}

// joined makes one piece of several.
func joined(pieces []piece, text string) piece {
	first, last := pieces[0], pieces[len(pieces)-1]
	sure := 0.0
	for _, p := range pieces {
		sure += p.Confidence / float64(len(pieces))
	}
	return piece{domain.Word{Text: text, Start: first.Start, End: max(first.Start, last.End), Confidence: min(1, sure)}, first.before, last.after}
}

// written gives how the first taken tokens are written; empty: as they are.
func written(before, tokens []string) (text string, taken int) {
	r := []rune(tokens[0])
	switch {
	case len(r) == 0:
		return "", 1
	case unicode.IsDigit(r[0]):
		if text, taken := writtenChinese(before, tokens); text != "" {
			return text, taken
		}
		return writtenEnglish(before, tokens)
	case isHan(r[0]):
		return writtenChinese(before, tokens)
	}
	return writtenEnglish(before, tokens)
}

// plain writes a value without more digits than it needs.
func plain(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e4)/1e4, 'f', -1, 64)
}

// grouped writes a value with its thousands apart.
func grouped(v float64) string {
	whole, fraction, _ := strings.Cut(plain(v), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}

// amount writes ¥99.9 and $19.90, as each is printed.
func amount(m Money) string {
	if m.Sign == "¥" {
		if m.Amount >= 1e5 && math.Mod(m.Amount, 1000) == 0 {
			return m.Sign + large(m.Amount)
		}
		return m.Sign + plain(math.Round(m.Amount*100)/100)
	}
	text := grouped(math.Trunc(m.Amount))
	if cents := int(math.Round((m.Amount - math.Trunc(m.Amount)) * 100)); cents > 0 && cents < 100 {
		text += "." + strconv.Itoa(cents/10) + strconv.Itoa(cents%10)
	}
	return m.Sign + text
}

// hasAny tells whether a text holds one of several.
func hasAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}
