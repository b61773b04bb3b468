// Package note has the sentences that services leave for an operator: why a clip waits for a person, what was made otherwise
// than ordered, how an engine is. Each is there in English and in Chinese.
//
// What is written down is the English, its values in place: logs, records and the command line read so. Chinese says such a
// text in Chinese, by the same sentences; so old records are read in both languages, too, and a writer has one thing to say.
//
// Failures of the system's are said by sentences, too (fault.go): what to do, and behind it, in brackets, the original.
package note

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Sentence is one in both languages. The English has fmt's verbs for its values, the Chinese names them as %[1]s, %[2]s, ….
type Sentence struct{ English, Chinese string }

// Say gives the sentence in English. An error among the values is said plainly.
func (s Sentence) Say(values ...any) string { return fmt.Sprintf(s.English, plainly(values)...) }

// Errorf is fmt.Errorf with the sentence; an error among the values is said plainly, and wrapped where the English has %w.
func (s Sentence) Errorf(values ...any) error { return fmt.Errorf(s.English, plainly(values)...) }

func plainly(values []any) []any {
	said := slices.Clone(values)
	for i, value := range said {
		if err, ok := value.(error); ok {
			said[i] = Plain(err)
		}
	}
	return said
}

const (
	joint  = "; " // between the notes of one text
	cause  = ": " // before what went wrong beneath
	causes = 8    // that are looked at in one text
)

// Join puts several notes into one text.
func Join(notes []string) string { return strings.Join(notes, joint) }

// Book is a set of sentences. Of two that one text could be, the one that says more of it comes first.
type Book []Sentence

// Chinese gives a text of Say, or several of Join, in Chinese; empty where nothing of it is known. What is not known of it,
// such as an error of the system's, stays as it is.
func Chinese(text string) string { return Book(sentences).Chinese(text) }

// Chinese does so with the book's sentences.
func (b Book) Chinese(text string) string {
	said, _ := b.chinese(text)
	return said
}

func (b Book) chinese(text string) (said string, all bool) {
	parts := strings.Split(text, joint)
	known := 0
	for i, part := range parts {
		if said, ok := b.sentence(part); ok {
			parts[i] = said
			known++
		}
	}
	if known == len(parts) {
		return strings.Join(parts, "；"), true
	}
	if said, ok := b.sentence(text); ok {
		return said, true
	}
	if known > 0 {
		return strings.Join(parts, "；"), false
	}
	return b.layers(text)
}

// layers says a text of which one layer is known, the uppermost or the bottom: `engine house: the engine went silent`.
func (b Book) layers(text string) (said string, all bool) {
	at := 0
	for range causes {
		i := strings.Index(text[at:], cause)
		if i < 0 {
			break
		}
		above, beneath := text[:at+i], text[at+i+len(cause):]
		if said, ok := b.sentence(above); ok {
			under, _ := b.chinese(beneath)
			return said + "：" + cmp.Or(under, beneath), true
		}
		if said, ok := b.sentence(beneath); ok {
			return above + cause + said, true
		}
		at += i + len(cause)
	}
	return "", false
}

// sentence says a text that is one sentence.
func (b Book) sentence(text string) (said string, ok bool) {
	if text == "" {
		return "", false
	}
	for _, s := range b {
		values, ok := s.values(text)
		if !ok {
			continue
		}
		for i, value := range values {
			if said, known := b.chinese(value.(string)); known {
				values[i] = said
			} else if word, known := words[value.(string)]; known {
				values[i] = word
			}
		}
		if len(values) == 0 {
			return s.Chinese, true
		}
		return fmt.Sprintf(s.Chinese, values...), true
	}
	if head, rest, ok := strings.Cut(text, original); ok && strings.HasSuffix(rest, "]") {
		return b.sentence(head)
	}
	return "", false
}

// values reads the values out of a text of Say, or reports that it is none of this sentence's.
func (s Sentence) values(text string) (values []any, ok bool) {
	if head, _, _ := strings.Cut(s.English, "%"); !strings.HasPrefix(text, head) {
		return nil, false // as nearly always: told without taking the sentence apart
	}
	literals := s.literals()
	text, ok = strings.CutPrefix(text, literals[0])
	if !ok || len(literals) == 1 {
		return nil, ok && text == ""
	}
	last := len(literals) - 1
	for _, literal := range literals[1:last] {
		before, after, found := strings.Cut(text, literal)
		if !found || literal == "" {
			return nil, false
		}
		values, text = append(values, before), after
	}
	text, ok = strings.CutSuffix(text, literals[last])
	return append(values, text), ok && text != ""
}

// literals are the pieces of the English between its verbs.
func (s Sentence) literals() []string {
	var all []string
	literal := ""
	for rest := s.English; ; {
		before, after, found := strings.Cut(rest, "%")
		literal += before
		if !found {
			return append(all, literal)
		}
		if strings.HasPrefix(after, "%") {
			literal, rest = literal+"%", after[1:]
			continue
		}
		all, literal = append(all, literal), ""
		rest = after[strings.IndexFunc(after, unicode.IsLetter)+1:]
	}
}
