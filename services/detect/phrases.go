package detect

import "strings"

// Phrases are those of the built-in rules, or of the operator's, that are plain words: what a recogniser does well to expect.
func (c Config) Phrases() ([]string, error) {
	book, err := LoadBook(c.Rules, c.Preset)
	if err != nil {
		return nil, err
	}
	var plain []string
	for _, g := range book.Of("").Keywords {
		for _, phrase := range g.Phrases {
			if !strings.ContainsAny(phrase, "{}<>[]()|*?") {
				plain = append(plain, phrase)
			}
		}
	}
	return plain, nil
}
