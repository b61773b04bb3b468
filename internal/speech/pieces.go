package speech

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
)

// piece is one token as a model gave it. Models tell when a token was noticed, not when it ends.
type piece struct {
	text string
	at   time.Duration
}

// spelling is how a model's tokens make words.
type spelling struct {
	continued bool // "hel@@" goes on with the next token; without it, a token that begins with a space begins a word
	lower     bool // what is heard is written in capitals, which says nothing
}

func newSpelling(tokens []string) spelling {
	var s spelling
	upper := false
	for _, t := range tokens {
		s.continued = s.continued || strings.HasSuffix(t, "@@")
		if strings.HasPrefix(t, "<") {
			continue
		}
		for _, r := range t {
			upper = upper || r >= 'A' && r <= 'Z'
			s.lower = s.lower || r >= 'a' && r <= 'z'
		}
	}
	s.lower = upper && !s.lower
	return s
}

const (
	lastPiece = 240 * time.Millisecond // how long a token sounds when none follows soon
	longPiece = 400 * time.Millisecond // at most
)

// words puts tokens together: each Chinese character is a word, Latin letters up to the next space are one. text is what the
// model gives for all of it; tokens that do not spell it (bytes of some models) only give their times.
func (s spelling) words(pieces []piece, text string, length time.Duration) []domain.Word {
	b := builder{spelling: s}
	for _, p := range pieces {
		b.add(p)
	}
	b.flush()
	if bare(b.spelt.String()) != bare(text) {
		b.words = spread(pieces, text)
	}
	b.words = slices.DeleteFunc(b.words, func(w domain.Word) bool { return w.Start >= length }) // of the silence after it
	for i := range b.words {
		w := &b.words[i]
		if s.lower {
			w.Text = strings.ToLower(w.Text)
		}
		end := w.End + lastPiece
		if i+1 < len(b.words) && b.words[i+1].Start < w.End+longPiece {
			end = max(b.words[i+1].Start, w.Start)
		}
		w.End = min(end, length)
	}
	return b.words
}

// builder makes words of tokens; a word's End is when its last token was noticed.
type builder struct {
	spelling
	words []domain.Word
	spelt strings.Builder
	word  domain.Word
	bytes []byte // of a character that came byte by byte
	open  bool   // the next token goes on with the word
}

func (b *builder) add(p piece) {
	text := strings.ReplaceAll(p.text, "▁", " ")
	if v, ok := byteToken(text); ok {
		b.bytes = append(b.bytes, v)
		if !utf8.FullRune(b.bytes) {
			return
		}
		text, b.bytes = string(b.bytes), nil
	} else if strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">") { // "<unk>", "<sos/eos>"
		return
	}
	b.spelt.WriteString(strings.TrimSuffix(text, "@@"))
	first, _ := utf8.DecodeRuneInString(text)
	if first == ' ' || unspaced(first) || b.continued && !b.open {
		b.flush()
	}
	onward := strings.HasSuffix(text, "@@")
	for i, part := range strings.Fields(strings.TrimSuffix(text, "@@")) {
		if i > 0 {
			b.flush()
		}
		if b.word.Text == "" {
			b.word.Start = p.at
		}
		b.word.Text += part
		b.word.End = p.at
	}
	b.open = onward
	if last, _ := utf8.DecodeLastRuneInString(text); unspaced(last) || last == ' ' {
		b.flush()
	}
}

func (b *builder) flush() {
	if b.word.Text != "" {
		b.words = append(b.words, b.word)
	}
	b.word = domain.Word{}
}

// byteToken reads "<0xE4>".
func byteToken(text string) (byte, bool) {
	if len(text) != 6 || !strings.HasPrefix(text, "<0x") || text[5] != '>' {
		return 0, false
	}
	v, err := strconv.ParseUint(text[3:5], 16, 8)
	return byte(v), err == nil
}

// unspaced: written without spaces around it.
func unspaced(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) }

func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '▁' {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// spread lays the words of a text over the times of its tokens.
func spread(pieces []piece, text string) []domain.Word {
	var b builder
	runes := utf8.RuneCountInString(text)
	i := 0
	for _, r := range text {
		at := time.Duration(0)
		if len(pieces) > 0 {
			at = pieces[min(len(pieces)-1, i*len(pieces)/runes)].at
		}
		b.add(piece{string(r), at})
		i++
	}
	b.flush()
	return b.words
}
