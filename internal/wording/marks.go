package wording

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// Pauses that are heard as a mark, and that of an utterance's end.
const (
	commaPause = 220 * time.Millisecond
	stopPause  = 600 * time.Millisecond
	endPause   = 150 * time.Millisecond // less, and the line was cut while somebody spoke
)

// mark puts marks where somebody paused and none is written.
func mark(pieces []piece, until time.Duration) {
	sentence := 0
	for i := range pieces {
		p := &pieces[i]
		next, gap := until, endPause
		if i+1 < len(pieces) {
			next, gap = pieces[i+1].Start, stopPause
		}
		switch pause := next - p.End; {
		case p.after != "" || !unicode.IsLetter(p.last()) && !unicode.IsDigit(p.last()) && p.last() != '%':
		case pause >= gap:
			p.after = "."
			if asks(pieces[sentence : i+1]) {
				p.after = "?"
			}
		case i+1 < len(pieces) && pause >= commaPause && !leadsOn(*p) && pieces[i+1].before == "":
			p.after = ","
		}
		if strings.ContainsAny(p.after, ".?!。？！") {
			sentence = i + 1
		}
	}
}

var leading = strings.Fields("the a an of to and or but for with in on at is are was my your our this that it's i we you very so 的 地 得 把 被 和 跟 与 在 是 我 你 这 那 很 最 就 才 只 不")

// leadsOn tells words after which a breath is no comma.
func leadsOn(p piece) bool { return slices.Contains(leading, strings.ToLower(p.Text)) }

var questions = [][]string{
	{"do", "you"}, {"did", "you"}, {"have", "you"}, {"can", "you"}, {"can", "i"}, {"could", "you"}, {"would", "you"}, {"will", "you"},
	{"are", "you"}, {"is", "it"}, {"is", "this"}, {"is", "that"}, {"is", "there"}, {"are", "there"}, {"what", "is"}, {"what", "are"},
	{"what", "do"}, {"what's"}, {"where", "is"}, {"where", "are"}, {"who", "is"}, {"who", "wants"}, {"how", "much"}, {"how", "many"},
	{"how", "do"}, {"how", "are"}, {"why", "is"}, {"why", "do"}, {"why", "are"},
}

// asks tells questions that show themselves: 吗 at the end, "do you" at the beginning.
func asks(sentence []piece) bool {
	if len(sentence) == 0 || sentence[len(sentence)-1].Text == "吗" {
		return len(sentence) > 0
	}
	return slices.ContainsFunc(questions, func(q []string) bool {
		if len(sentence) <= len(q) {
			return false
		}
		for i, word := range q {
			if !strings.EqualFold(sentence[i].Text, word) {
				return false
			}
		}
		return true
	})
}

var (
	widths = strings.NewReplacer(",", "，", ".", "。", "!", "！", "?", "？", ";", "；", ":", "：")
	narrow = strings.NewReplacer("，", ",", "。", ".", "！", "!", "？", "?", "；", ";", "：", ":")
)

// widen writes every mark as wide as what it follows.
func widen(pieces []piece) {
	for i := range pieces {
		p := &pieces[i]
		switch {
		case p.after == "" || strings.Contains(p.after, "..") || p.Text == "":
		case chinese(pieces, i):
			p.after = widths.Replace(p.after)
		default:
			p.after = narrow.Replace(p.after)
		}
	}
}

// chinese tells whether a piece is part of Chinese text: a figure is what its neighbours are.
func chinese(pieces []piece, i int) bool {
	if r := pieces[i].last(); isHan(r) || isLatin(r) {
		return isHan(r)
	}
	return i > 0 && isHan(pieces[i-1].last()) || i+1 < len(pieces) && isHan(pieces[i+1].first())
}
