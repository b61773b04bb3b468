// Package errorrate compares what was heard with what was said: errors of words and characters, and of words' times.
package errorrate

import (
	"strings"
	"time"
	"unicode"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

// Rate is errors (substituted, left out, put in) of what was said.
type Rate struct{ Errors, Said int }

// Add adds another's.
func (r *Rate) Add(o Rate) { r.Errors, r.Said = r.Errors+o.Errors, r.Said+o.Said }

// Share is the error rate: 0 is perfect, more than 1 possible.
func (r Rate) Share() float64 {
	if r.Said == 0 {
		return 0
	}
	return float64(r.Errors) / float64(r.Said)
}

// Scorer compares texts as they are written, so that "nineteen dollars" and "$19" are the same; marks, case and spaces do not
// count.
type Scorer struct{ writer *wording.Writer }

// New takes the writer by which both are written.
func New(w *wording.Writer) Scorer { return Scorer{w} }

// Words and Characters give the errors.
func (s Scorer) Words(said, heard string) Rate { return rate(s.units(said), s.units(heard)) }

// Characters compares without spaces.
func (s Scorer) Characters(said, heard string) Rate {
	return rate(letters(s.units(said)), letters(s.units(heard)))
}

// units are words in small letters, and single characters of scripts written without spaces.
func (s Scorer) units(text string) []string {
	var units []string
	for _, w := range s.writer.Words([]domain.Word{{Text: text}}, wording.Style{Continues: true}) {
		if u := bare(w.Text); u != "" {
			units = append(units, u)
		}
	}
	return units
}

// bare is a word without marks around it, in small letters.
func bare(word string) string {
	return strings.ToLower(strings.TrimFunc(word, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSymbol(r) && r != '%'
	}))
}

func letters(units []string) []string {
	var out []string
	for _, r := range strings.Join(units, "") {
		out = append(out, string(r))
	}
	return out
}

func rate(said, heard []string) Rate {
	errors := 0
	for _, p := range align(said, heard) {
		if p.said < 0 || p.heard < 0 || said[p.said] != heard[p.heard] {
			errors++
		}
	}
	return Rate{errors, len(said)}
}

// pair is a unit said and the one heard for it; -1: none.
type pair struct{ said, heard int }

const most = 5000 // units of one text: alignment takes the square

// align gives the pairs of the cheapest alignment, in order.
func align(said, heard []string) []pair {
	said, heard = said[:min(len(said), most)], heard[:min(len(heard), most)]
	width := len(heard) + 1
	cost := make([]int32, (len(said)+1)*width)
	for i := range len(said) + 1 {
		for j := range width {
			switch {
			case i == 0:
				cost[j] = int32(j)
			case j == 0:
				cost[i*width] = int32(i)
			default:
				same := int32(1)
				if said[i-1] == heard[j-1] {
					same = 0
				}
				cost[i*width+j] = min(cost[(i-1)*width+j-1]+same, cost[(i-1)*width+j]+1, cost[i*width+j-1]+1)
			}
		}
	}
	var pairs []pair
	for i, j := len(said), len(heard); i > 0 || j > 0; {
		here := cost[i*width+j]
		switch {
		case i > 0 && j > 0 && (here == cost[(i-1)*width+j-1] && said[i-1] == heard[j-1] || here == cost[(i-1)*width+j-1]+1 && said[i-1] != heard[j-1]):
			i, j = i-1, j-1
			pairs = append(pairs, pair{i, j})
		case i > 0 && here == cost[(i-1)*width+j]+1:
			i--
			pairs = append(pairs, pair{i, -1})
		default:
			j--
			pairs = append(pairs, pair{-1, j})
		}
	}
	for a, b := 0, len(pairs)-1; a < b; a, b = a+1, b-1 {
		pairs[a], pairs[b] = pairs[b], pairs[a]
	}
	return pairs
}

// Times gives how far the starts and ends of words that were heard right are from the truth. A time of the truth that is
// negative is not known.
func Times(said, heard []domain.Word) []time.Duration {
	texts := func(words []domain.Word) []string {
		out := make([]string, len(words))
		for i, w := range words {
			out[i] = bare(w.Text)
		}
		return out
	}
	a, b := texts(said), texts(heard)
	var off []time.Duration
	for _, p := range align(a, b) {
		if p.said < 0 || p.heard < 0 || a[p.said] != b[p.heard] {
			continue
		}
		if at := said[p.said].Start; at >= 0 {
			off = append(off, (heard[p.heard].Start - at).Abs())
		}
		if at := said[p.said].End; at >= 0 {
			off = append(off, (heard[p.heard].End - at).Abs())
		}
	}
	return off
}
