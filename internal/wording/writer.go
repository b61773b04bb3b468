package wording

import (
	"time"

	"liveclip/internal/domain"
)

// Style is what is known of a line.
type Style struct {
	Until     time.Duration // where its sound ends, media time: a pause before it ends the sentence; 0: more follows
	Continues bool          // its first word is not a sentence's first
	Names     []string      // as they are written: iPhone
}

// Writer is safe for concurrent use.
type Writer struct{ simplified map[rune]rune }

// New loads the table of traditional characters.
func New() (*Writer, error) {
	simplified, err := Simplified()
	if err != nil {
		return nil, err
	}
	return &Writer{simplified}, nil
}

// Words gives the words to show, in order.
func (w *Writer) Words(heard []domain.Word, s Style) []domain.Word {
	pieces := w.pieces(heard)
	if len(pieces) == 0 {
		return nil
	}
	pieces = figures(pieces)
	mark(pieces, s.Until)
	widen(pieces)
	capitalise(pieces, s)
	words := make([]domain.Word, len(pieces))
	for i, p := range pieces {
		words[i] = p.Word
		words[i].Text = p.before + p.Text + p.after
	}
	return words
}

// Text is what is shown of a text without times.
func (w *Writer) Text(text string, s Style) string {
	s.Until = 0
	return Join(w.Words([]domain.Word{{Text: text}}, s))
}
