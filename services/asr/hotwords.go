package asr

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"liveclip/internal/domain"
)

// Bounds of what recognisers are told to expect: their search carries all of it along.
const (
	mostHotwords   = 1000
	longestHotword = 60 // characters
)

// ErrHotwords is a list of hot words that holds more than can be expected; what comes first of it is used.
var ErrHotwords = errors.New("too many hot words")

// readHotwords reads a list, one a line, without those that no recogniser takes. The error says what was left out.
func readHotwords(r io.Reader) ([]string, error) {
	var words []string
	left := 0
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // no word is that long
			line = nil
			_, err = lines.ReadSlice('\n')
		}
		if word, ok := hotword(string(line)); ok {
			if len(words) < mostHotwords {
				words = append(words, word)
			} else {
				left++
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return words, fmt.Errorf("read hot words: %w", err)
		}
	}
	if left > 0 {
		return words, fmt.Errorf("%w: the first %d are expected, %d are not", ErrHotwords, len(words), left)
	}
	return words, nil
}

// hotword is a line without what surrounds it; a comment, and what is no text, is none.
func hotword(line string) (string, bool) {
	word := strings.Join(strings.Fields(line), " ")
	ok := word != "" && word[0] != '#' && utf8.ValidString(word) && utf8.RuneCountInString(word) <= longestHotword
	return word, ok
}

// readHotwordsFile is readHotwords of a file; empty: none.
func readHotwordsFile(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read hot words: %w", err)
	}
	defer f.Close()
	words, err := readHotwords(f)
	if err != nil {
		return words, fmt.Errorf("%s: %w", path, err)
	}
	return words, nil
}

// expectedHotwords are the words of a room: its products and what its operator said first, then the configured ones and those that
// make a highlight. Each once, no more than a recogniser can bear.
func expectedHotwords(room domain.Context, general ...[]string) []string {
	var out []string
	seen := map[string]bool{}
	add := func(text string) {
		if word, ok := hotword(text); ok && !seen[word] && len(out) < mostHotwords {
			seen[word] = true
			out = append(out, word)
		}
	}
	for _, p := range room.Products {
		add(p.Name)
	}
	for _, list := range append([][]string{room.Hotwords}, general...) {
		for _, word := range list {
			add(word)
		}
	}
	return out
}
