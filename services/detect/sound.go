package detect

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"

	"github.com/mozillazg/go-pinyin"
)

//go:embed rules/homophones.txt
var homophoneLines string

// sounds takes tokens for the same that a recogniser may take for one another: Han characters of the same or nearly the same
// syllable, tones aside, and English words of the same stem or that sound alike. Safe for concurrent use.
type sounds struct {
	alike map[string]string // the first of an English word's homophones, by stem
}

func newSounds() *sounds {
	s := &sounds{alike: map[string]string{}}
	for line := range strings.Lines(homophoneLines) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		for _, w := range words {
			s.alike[stem(w)] = stem(words[0])
		}
	}
	return s
}

// Distances of two tokens with the same key.
const (
	apartSyllable = 0.15 // another character of the same syllable
	apartNear     = 0.3  // of a syllable that many speakers do not tell from it
	apartStem     = 0.05 // another form of the word
	apartWord     = 0.3  // a word that sounds alike
	apartNumber   = 0.15 // "{n}" by its sound: 武 for 五, "for" for four
)

func (s *sounds) key(token string) string {
	if syllable := syllableOf(token); syllable != "" {
		return "~" + nearly(syllable) // no word begins so
	}
	root := stem(token)
	if first, ok := s.alike[root]; ok {
		return first
	}
	return root
}

func (s *sounds) number(token string) bool {
	if isNumber(token) {
		return true
	}
	syllable := syllableOf(token)
	if syllable == "" {
		switch token {
		case "to", "too", "for", "won", "ate", "tree", "free", "sex", "tan", "forty", "dirty", "fifth":
			return true
		}
		return false
	}
	_, ok := digitSounds[nearly(syllable)]
	return ok
}

// apart gives how far two tokens of one key are from each other.
func (s *sounds) apart(a, b string) float64 {
	if a == b {
		return 0
	}
	x, y := syllableOf(a), syllableOf(b)
	switch {
	case x != "" && x == y:
		return apartSyllable
	case x != "":
		return apartNear
	case stem(a) == stem(b):
		return apartStem
	}
	return apartWord
}

// likeness compares what was heard with the phrase it was taken for: how far apart they are, a token in the mean, and how
// many tokens are the phrase's own.
func (s *sounds) likeness(p phrase, heard []token) (apart float64, own int) {
	parts := p.over(len(heard))
	for i, part := range parts {
		switch d := s.apart(part, heard[i].text); {
		case part == numberMark:
			if isNumber(heard[i].text) || joinsNumbers(heard[i].text) {
				own++
			} else {
				apart += apartNumber
			}
		case d == 0:
			own++
		default:
			apart += d
		}
	}
	return apart / float64(len(heard)), own
}

// meant gives the phrase in place of what was heard, number by number.
func (s *sounds) meant(p phrase, heard []string) []string {
	out := slices.Clone(heard)
	for i, part := range p.over(len(heard)) {
		if part != numberMark {
			out[i] = part
		} else if digit, ok := digitSounds[nearly(syllableOf(heard[i]))]; ok && !isNumber(heard[i]) {
			out[i] = digit
		}
	}
	return out
}

// over gives the phrase's part for each of n tokens that match it. Which of several numbers took how many tokens does not
// matter much: the last takes what the others left.
func (p phrase) over(n int) []string {
	more := n - len(p)
	out := make([]string, 0, n)
	for i, part := range p {
		out = append(out, part)
		if part == numberMark && !slices.Contains(p[i+1:], numberMark) {
			out = append(out, slices.Repeat([]string{numberMark}, more)...)
		}
	}
	return out
}

// digitSounds are the numerals by their syllable, folded.
var digitSounds = map[string]string{
	"yi": "一", "er": "二", "lian": "两", "san": "三", "si": "四", "wu": "五", "liu": "六", "qi": "七", "ba": "八", "jiu": "九",
	"bai": "百", "ban": "半",
}

// syllableOf gives a Han character's syllable without its tone, as it is read most often; empty for any other token.
func syllableOf(token string) string {
	runes := []rune(token)
	if len(runes) != 1 || !unicode.Is(unicode.Han, runes[0]) {
		return ""
	}
	if read := pinyin.SinglePinyin(runes[0], pinyin.Args{Style: pinyin.Normal}); len(read) > 0 {
		return read[0]
	}
	return ""
}

// nearly folds syllables that many speakers, and so recognisers, do not tell apart: zh and z, n and l, h and f, -ng and -n.
func nearly(syllable string) string {
	for _, pair := range [...][2]string{{"zh", "z"}, {"ch", "c"}, {"sh", "s"}} {
		if rest, ok := strings.CutPrefix(syllable, pair[0]); ok {
			syllable = pair[1] + rest
			break
		}
	}
	switch {
	case strings.HasPrefix(syllable, "n"), strings.HasPrefix(syllable, "r") && len(syllable) > 2:
		syllable = "l" + syllable[1:]
	case strings.HasPrefix(syllable, "f"):
		syllable = "h" + syllable[1:]
	}
	if len(syllable) > 3 || strings.HasSuffix(syllable, "ing") {
		syllable = strings.TrimSuffix(syllable, "g")
	}
	return syllable
}

// stem takes the endings of an English word off: "dropping", "dropped", "drops" and "drop" are one.
func stem(word string) string {
	if len(word) < 4 || word[0] < 'a' || word[0] > 'z' {
		return word
	}
	root := word
	for _, ending := range [...]string{"ing", "ied", "ies", "ed", "es", "s"} {
		cut, ok := strings.CutSuffix(root, ending)
		if !ok || len(cut) < 3 || strings.HasSuffix(root, "ss") {
			continue
		}
		root = cut
		if strings.HasPrefix(ending, "ie") {
			root += "y"
		}
		break
	}
	if n := len(root); n > 3 && root[n-1] == root[n-2] && root != word && root[n-1] != 'l' && root[n-1] != 's' {
		root = root[:n-1]
	}
	if len(root) > 3 {
		root = strings.TrimSuffix(root, "e")
	}
	return root
}
