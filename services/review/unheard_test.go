package review

import (
	"slices"
	"testing"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/wordlist"
)

// secondsOf is a window of media time.
func secondsOf(start, end float64) domain.Window {
	return domain.Window{Start: time.Duration(start * float64(time.Second)), End: time.Duration(end * float64(time.Second))}
}

func TestSpeechThatNobodyHeardIsLeftToAPersonUnlessItsOperatorWantsItSo(t *testing.T) {
	const (
		english = "1.5s of speech from 0:00:11.0 on were not heard"
		nobody  = "nobody listens to this room: its engine is none"
	)
	lost := []domain.Unheard{{Window: secondsOf(2, 9)}, {Window: secondsOf(11, 12)}, {Window: secondsOf(19.5, 25)}}
	finding := func(at float64, term, severity string) []domain.Finding {
		return []domain.Finding{{List: notHeard, Term: term, Where: inTranscript, At: secondsOf(0, at).End, Severity: severity}}
	}
	for name, c := range map[string]struct {
		unheard  []domain.Unheard
		severity string
		want     domain.Decided
	}{
		"within the clip":          {lost, wordlist.Person, domain.Decided{Verdict: domain.VerdictNeedsPerson, Reason: english, Findings: finding(11, "1.5s", wordlist.Person)}},
		"beside it":                {lost[:1], wordlist.Person, domain.Decided{Verdict: domain.VerdictApproved}},
		"too short to hold a word": {[]domain.Unheard{{Window: secondsOf(19.6, 25)}}, wordlist.Person, domain.Decided{Verdict: domain.VerdictApproved}},
		"noted where that is set":  {lost, wordlist.Note, domain.Decided{Verdict: domain.VerdictApproved, Reason: english, Findings: finding(11, "1.5s", wordlist.Note)}},
		"nobody is to listen": {[]domain.Unheard{{Window: secondsOf(0, 40), Chosen: true}}, wordlist.Person,
			domain.Decided{Verdict: domain.VerdictApproved, Reason: nobody, Findings: finding(10, byChoice, wordlist.Note)}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newService(t, domain.Plan{})
			s.cfg.Unheard, s.recording = c.severity, room{heardTo: time.Hour, unheard: c.unheard}
			acts(t, s)["moderated"]()
			written, _, err := s.verdict(t.Context(), one)
			if err != nil {
				t.Fatal(err)
			}
			if got := written.Value; got.Verdict != c.want.Verdict || got.Reason != c.want.Reason || !slices.Equal(got.Findings, c.want.Findings) {
				t.Errorf("verdict %+v, want %+v", got, c.want)
			}
		})
	}
}
