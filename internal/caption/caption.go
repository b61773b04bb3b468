// Package caption cuts what was said into cues that can be read, and writes them as WebVTT and SubRip.
package caption

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
)

const (
	longest = 5 * time.Second         // of one cue, where words have times
	width   = 42                      // columns, at most; a Chinese character takes two
	full    = width * 2 / 3           // past it a cue ends with the sentence
	pause   = 1200 * time.Millisecond // between two words of one cue, at most
	least   = 800 * time.Millisecond  // a cue stands so long, if the next one lets it
)

// Cue is one subtitle of one line, in media time of a part of a cut (0 of what is whole) or in clip time.
type Cue struct {
	Part       int
	Start, End time.Duration
	Text       string
}

// Of cuts what can be heard inside a part's window into cues. None begins before the one before it ended.
func Of(part int, lines []domain.TranscriptLine, w domain.Window) []Cue {
	var cues []Cue
	said := w.Start
	for _, words := range Words(lines) {
		var c Cue
		flush := func() {
			if c.Text = strings.TrimSpace(c.Text); c.Text != "" {
				cues = append(cues, c)
			}
			c.Text = ""
		}
		for _, word := range words {
			if !Heard(word, w) {
				continue
			}
			start, end, next := max(word.Start, said), max(said, min(word.End, w.End)), wording.JoinTexts(c.Text, word.Text)
			if wording.Columns(next) > width || end-c.Start > longest || start-c.End > pause || wording.Columns(c.Text) > full && ends(c.Text) {
				flush()
				next = word.Text
			}
			if c.Text == "" {
				c.Part, c.Start = part, start
			}
			c.Text, c.End, said = next, end, end
		}
		flush()
	}
	return standing(cues)
}

// Words are those of each line, in order of time. Of a word that two lines in a row say at once, the second is left out. A
// line without word times has its text spread evenly over it.
func Words(lines []domain.TranscriptLine) [][]domain.Word {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b domain.TranscriptLine) int { return cmp.Compare(a.Start, b.Start) })
	all := make([][]domain.Word, 0, len(lines))
	var before []domain.Word
	for _, line := range lines {
		words := slices.Clone(line.Words)
		if len(words) == 0 {
			words = spread(line)
		}
		twice := func(w domain.Word) bool {
			return slices.ContainsFunc(before, func(b domain.Word) bool {
				return b.Start < w.End && w.Start < b.End && strings.EqualFold(b.Text, w.Text)
			})
		}
		before = slices.DeleteFunc(words, twice)
		all = append(all, before)
	}
	return all
}

// Heard tells whether any of a word can be heard inside w.
func Heard(word domain.Word, w domain.Window) bool {
	return w.Overlap(domain.Window{Start: word.Start, End: word.End}) > 0 || (word.Start == word.End && w.Start <= word.Start && word.Start < w.End)
}

// Said is the text of what was said inside w: of the words whose middle lies in it.
func Said(lines []domain.TranscriptLine, w domain.Window) string {
	var said strings.Builder
	for _, words := range Words(lines) {
		text := ""
		for _, word := range words {
			if middle := word.Start + (word.End-word.Start)/2; w.Start <= middle && middle < w.End {
				text = wording.JoinTexts(text, word.Text)
			}
		}
		if text == "" {
			continue
		}
		if last, _ := utf8.DecodeLastRuneInString(said.String()); said.Len() > 0 && (last < 0x80 || !unicode.IsPunct(last)) {
			said.WriteByte(' ') // a full-width mark brings its own
		}
		said.WriteString(text)
	}
	return said.String()
}

// spread gives a line's text word by word, each Chinese character by itself, as if all took equally long.
func spread(line domain.TranscriptLine) []domain.Word {
	var texts []string
	for _, field := range strings.Fields(line.Text) {
		from := 0
		for at, r := range field {
			if before, _ := utf8.DecodeLastRuneInString(field[:at]); at > 0 && (unicode.Is(unicode.Han, r) || unicode.Is(unicode.Han, before) && !unicode.IsPunct(r)) {
				texts, from = append(texts, field[from:at]), at
			}
		}
		texts = append(texts, field[from:])
	}
	words := make([]domain.Word, len(texts))
	length := max(0, line.End-line.Start)
	for i, text := range texts {
		at := func(i int) time.Duration { return line.Start + length/time.Duration(len(texts))*time.Duration(i) }
		words[i] = domain.Word{Text: text, Start: at(i), End: at(i + 1)}
	}
	return words
}

// ends tells whether a text ends where a speaker pauses.
func ends(text string) bool {
	last, _ := utf8.DecodeLastRuneInString(text)
	return strings.ContainsRune("，。！？、；,.!?;", last)
}

// standing lets short cues stand for a while.
func standing(cues []Cue) []Cue {
	for i := range cues {
		until := cues[i].Start + least
		if i+1 < len(cues) {
			until = min(until, cues[i+1].Start)
		}
		cues[i].End = max(cues[i].End, until)
	}
	return slices.DeleteFunc(cues, func(c Cue) bool { return c.End <= c.Start })
}
