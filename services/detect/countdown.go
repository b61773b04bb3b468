package detect

import (
	"fmt"
	"strconv"
	"strings"

	"liveclip/internal/domain"
)

// countdown hears a host count down: three numbers or more, each one less than the one before. It remembers nothing.
type countdown struct{}

const leastCounted = 3

func (*countdown) take(h happening, _ *room) []evidence {
	if h.Line == nil {
		return nil
	}
	l := h.Line
	var out []evidence
	for i := 0; i < len(l.spoken); {
		last, from := countedDown(l.spoken[i:])
		if last < 0 {
			i++
			continue
		}
		if last += i; last >= l.carried {
			e := l.evidence(i, last)
			e.Signal, e.Feature, e.Kind, e.Value = signalUrgency, "urgency.countdown", "flash_sale", 1
			e.Phrases = []domain.Phrase{l.phrase(i, last)}
			e.Detail = fmt.Sprintf("counts down from %d", from)
			e.Chinese = fmt.Sprintf("从 %d 倒数", from)
			out = append(out, e)
		}
		i = last + 1
	}
	return out
}

func (*countdown) values(func(string, float64)) {}

// countedDown gives the last token of a countdown that begins with the first one, and where it begins; -1 where none does.
// Words between two numbers are let pass: "three, two, and one".
func countedDown(said []timedToken) (last, from int) {
	from, ok := smallNumber(said[0].Token)
	if !ok || from > 60 {
		return -1, 0
	}
	last, now, numbers := 0, from, 1
	for i := 1; i < len(said) && i-last <= 2; i++ {
		n, ok := smallNumber(said[i].Token)
		if !ok {
			continue
		}
		if n != now-1 || said[i].Start-said[last].End > carriedPause {
			break
		}
		last, now = i, n
		numbers++
	}
	if numbers < leastCounted {
		return -1, 0
	}
	return last, from
}

const digits = "零一二三四五六七八九十"

var numberWords = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty")

// smallNumber reads one token of 0 to 60.
func smallNumber(token string) (int, bool) {
	if n, err := strconv.Atoi(token); err == nil {
		return n, n >= 0 && n <= 60
	}
	for n, word := range numberWords {
		if word == token {
			return n, true
		}
	}
	if len(token) == len("一") {
		if at := strings.Index(digits, token); at >= 0 {
			return at / len("一"), true
		}
	}
	return 0, false
}
