package roomgen

import (
	"maps"
	"slices"
	"strings"

	"liveclip/internal/domain"
)

// recognisedWord is a word as the recogniser took it.
type recognisedWord struct {
	text       string
	confidence float64
}

// listener hears sentences with the errors of a room's recogniser.
type listener struct {
	m     *Maker
	d     draw
	facts Facts
	words []string // that are easily misheard, in order
	alike map[rune][]rune
}

func (m *Maker) listener(seed uint64, f Facts) *listener {
	l := &listener{m: m, d: newDraw(seed, "hear"), facts: f, alike: map[rune][]rune{}}
	l.words = slices.Sorted(maps.Keys(m.p.Mishear.Zh.Words))
	for _, group := range m.p.Mishear.Zh.Alike {
		for _, r := range group {
			l.alike[r] = []rune(group)
		}
	}
	return l
}

func (l *listener) right(text string) recognisedWord {
	return recognisedWord{text, 0.72 + 0.27*l.d.Float64()}
}
func (l *listener) wrong(text string) recognisedWord {
	return recognisedWord{text, 0.3 + 0.55*l.d.Float64()}
}

// hear gives the words of a sentence: characters in Chinese.
func (l *listener) hear(text string) []recognisedWord {
	if l.facts.Language == "zh" {
		return l.zh(text)
	}
	return l.en(text)
}

func (l *listener) zh(text string) []recognisedWord {
	e := l.facts.WordErrors
	for _, word := range l.words {
		if strings.Contains(text, word) && l.d.chance(min(0.5, 2.5*e)) {
			text = strings.Replace(text, word, l.d.of(l.m.p.Mishear.Zh.Words[word]), 1)
		}
	}
	random := []rune(l.m.p.Mishear.Zh.Random)
	var out []recognisedWord
	for _, r := range text {
		switch at := l.d.Float64() / e; {
		case at < 0.55: // another that sounds alike, where one is known
			if others := l.alike[r]; len(others) > 0 && l.d.chance(0.8) {
				r = others[l.d.IntN(len(others))]
			} else if r > 0x7f {
				r = random[l.d.IntN(len(random))]
			}
			out = append(out, l.wrong(string(r)))
		case at < 0.8:
		case at < 1:
			out = append(out, l.right(string(r)), l.wrong(string(random[l.d.IntN(len(random))])))
		default:
			out = append(out, l.right(string(r)))
		}
	}
	return out
}

func (l *listener) en(text string) []recognisedWord {
	e := l.facts.WordErrors
	known := l.m.p.Mishear.En
	var out []recognisedWord
	for _, word := range strings.Fields(text) {
		rate := e
		if slices.Contains(known.Drop, word) {
			rate *= 1.3
		}
		switch at := l.d.Float64() / rate; {
		case at < 0.6:
			if others := known.Words[word]; len(others) > 0 {
				for w := range strings.FieldsSeq(l.d.of(others)) {
					out = append(out, l.wrong(w))
				}
			} else {
				out = append(out, l.wrong(l.d.of(known.Random)))
			}
		case at < 0.8:
		case at < 1:
			out = append(out, l.right(word), l.wrong(l.d.of(known.Random)))
		default:
			out = append(out, l.right(word))
		}
	}
	return out
}

// lines gives what was heard, a line a breath, and when each became known.
func (l *listener) lines(sentences []sentence, behind func(float64) float64) ([]domain.TranscriptLine, []float64) {
	var lines []domain.TranscriptLine
	var came []float64
	last := 0.
	for from := 0; from < len(sentences); {
		to := from + 1
		for to < len(sentences) && sentences[to].together {
			to++
		}
		if line, ok := l.line(sentences[from:to], len(lines)); ok {
			end := sentences[to-1].end
			last = max(last, end+l.d.in(l.m.c.Speech.Delay)+behind(end))
			lines, came = append(lines, line), append(came, last)
		}
		from = to
	}
	return lines, came
}

func (l *listener) line(sentences []sentence, number int) (domain.TranscriptLine, bool) {
	line := domain.TranscriptLine{ID: "line-" + itoa(number), Final: true, Start: media(sentences[0].start),
		End: media(sentences[len(sentences)-1].end), Engine: "made", Language: l.facts.Language}
	var text strings.Builder
	between, comma := " ", ", "
	if l.facts.Language == "zh" {
		between, comma = "", "，"
	}
	for _, s := range sentences {
		words := l.hear(s.text)
		step := (s.end - s.start) / float64(max(1, len(words)))
		for i, w := range words {
			switch {
			case text.Len() == 0:
			case i == 0 && l.facts.Punctuated:
				text.WriteString(comma)
			default:
				text.WriteString(between)
			}
			text.WriteString(w.text)
			line.Words = append(line.Words, domain.Word{Text: w.text, Start: media(s.start + float64(i)*step),
				End: media(s.start + float64(i+1)*step), Confidence: w.confidence})
		}
	}
	line.Text = text.String()
	return line, len(line.Words) > 0
}
