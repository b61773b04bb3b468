package review

import (
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	"liveclip/internal/wordlist"
)

// unheard gives what of a clip's window nobody heard: for a person or a note, as is set. A room that its operator wants heard
// by nobody is run on its comments and its sound, so that is a note always.
func unheard(all []domain.Unheard, w domain.Window, severity string) (findings []domain.Finding) {
	for _, chosen := range []bool{false, true} {
		f := domain.Finding{List: notHeard, Where: inTranscript, At: -1, Severity: severity}
		if chosen {
			f.Severity, f.Term = wordlist.Note, byChoice
		}
		length := time.Duration(0)
		for _, u := range all {
			if over := u.Window.Overlap(w); over > 0 && u.Chosen == chosen {
				length += over
				if f.At < 0 {
					f.At = max(u.Window.Start, w.Start)
				}
			}
		}
		if length < soundless {
			continue
		}
		if !chosen {
			f.Term = length.Round(100 * time.Millisecond).String()
		}
		findings = append(findings, f)
	}
	return findings
}

// byChoice stands for a length where the room's operator wants it heard by nobody.
const byChoice = "by choice"

// unheardSentence says such a finding to a person.
func unheardSentence(f domain.Finding) string {
	at := clock(f.At)
	switch f.Term {
	case "": // the recording was not heard to the clip's end
		return note.UnheardTail.Say(at)
	case byChoice:
		return note.NobodyHears.Say()
	}
	return note.UnheardPart.Say(f.Term, at)
}
