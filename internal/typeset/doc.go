// Package typeset measures, breaks and draws text, Chinese and Latin, in one font file: text fits its box by what the font
// says, not by a guess. Measuring reads a few tables; outlines are read when text is drawn.
package typeset
