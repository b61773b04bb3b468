package review

import (
	"cmp"
	"maps"
	"slices"

	"liveclip/internal/caption"
	"liveclip/internal/domain"
	"liveclip/internal/wordlist"
)

// Where a finding was made.
const (
	inTitle      = "title"
	inOverlay    = "overlay"
	inTranscript = "transcript"
	inLength     = "length"
)

// written gives what liveclip would put out itself: the title, the overlay, the texts of template shots. In a title and an
// overlay that liveclip worded, finishing takes the terms out, so they are only noted; a person's own wording is held to them.
func written(l *wordlist.Lists, plan domain.Plan) []domain.Finding {
	cleaned := !plan.Titled
	findings := inText(l, plan.Title, inTitle, cleaned)
	findings = append(findings, inText(l, plan.Overlay, inOverlay, cleaned)...)
	for _, shot := range plan.Shots {
		for _, field := range slices.Sorted(maps.Keys(shot.Fields)) {
			if shot.Kind == domain.ShotTemplate && !slices.Contains(unwritten, field) {
				findings = append(findings, inText(l, shot.Fields[field], inOverlay, false)...)
			}
		}
	}
	return findings
}

// unwritten are fields that nobody reads.
var unwritten = []string{"picture", "aspect", "language"}

func inText(l *wordlist.Lists, s, where string, cleaned bool) []domain.Finding {
	var findings []domain.Finding
	for _, m := range l.InText(s) {
		f := domain.Finding{List: m.List, Term: m.Term, Where: where, Severity: m.Written}
		if cleaned && m.Written == wordlist.Block {
			f.Severity = wordlist.Note
		}
		if !slices.Contains(findings, f) {
			findings = append(findings, f)
		}
	}
	return findings
}

// spoken gives what was said inside w, each with the time of its first word.
func spoken(l *wordlist.Lists, lines []domain.TranscriptLine, w domain.Window) []domain.Finding {
	var findings []domain.Finding
	for _, line := range lines {
		words := within(line, w)
		texts := make([]string, len(words))
		for i, word := range words {
			texts[i] = word.Text
		}
		for _, m := range l.InWords(texts) {
			findings = append(findings, domain.Finding{List: m.List, Term: m.Term, Where: inTranscript, At: words[m.From].Start, Severity: m.Spoken})
		}
	}
	slices.SortStableFunc(findings, func(a, b domain.Finding) int { return cmp.Compare(a.At, b.At) })
	return findings
}

// within gives the words of a line that can be heard inside w. A line without word times is one long word.
func within(line domain.TranscriptLine, w domain.Window) []domain.Word {
	words := line.Words
	if len(words) == 0 {
		words = []domain.Word{{Text: line.Text, Start: line.Start, End: line.End}}
	}
	var heard []domain.Word
	for _, word := range words {
		if caption.Heard(word, w) {
			heard = append(heard, word)
		}
	}
	return heard
}
