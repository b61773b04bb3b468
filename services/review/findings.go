package review

import (
	"cmp"
	"maps"
	"slices"

	"liveclip/internal/caption"
	"liveclip/internal/domain"
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
func (l *lists) written(plan domain.Plan) []domain.Finding {
	cleaned := plan.By == ""
	findings := l.inText(plan.Title, inTitle, cleaned)
	findings = append(findings, l.inText(plan.Overlay, inOverlay, cleaned)...)
	for _, shot := range plan.Shots {
		for _, field := range slices.Sorted(maps.Keys(shot.Fields)) {
			if shot.Kind == domain.ShotTemplate {
				findings = append(findings, l.inText(shot.Fields[field], inOverlay, false)...)
			}
		}
	}
	return findings
}

func (l *lists) inText(s, where string, cleaned bool) []domain.Finding {
	var findings []domain.Finding
	for _, m := range l.find(l.normal.text(s)) {
		f := domain.Finding{List: m.list, Term: m.term, Where: where, Severity: m.written}
		if cleaned && m.written == severityBlock {
			f.Severity = severityNote
		}
		if !slices.Contains(findings, f) {
			findings = append(findings, f)
		}
	}
	return findings
}

// spoken gives what was said inside w, each with the time of its first word.
func (l *lists) spoken(lines []domain.TranscriptLine, w domain.Window) []domain.Finding {
	var findings []domain.Finding
	for _, line := range lines {
		words := within(line, w)
		texts := make([]string, len(words))
		for i, word := range words {
			texts[i] = word.Text
		}
		for _, m := range l.find(l.normal.words(texts)) {
			findings = append(findings, domain.Finding{List: m.list, Term: m.term, Where: inTranscript, At: words[m.from].Start, Severity: m.spoken})
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
