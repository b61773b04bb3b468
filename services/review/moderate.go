package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/job"
	"liveclip/internal/note"
	"liveclip/internal/record"
	"liveclip/internal/wordlist"
)

const (
	maxFindings = 50                     // of one clip; the worst come first
	soundless   = 500 * time.Millisecond // too short to hold a word: the end of a recording that was not heard
	patience    = 2 * time.Minute        // for what is to come of a recording; then what is there has to do
)

// later brings a job back that waits, the later the longer it does.
func later(waited time.Duration, why error) error {
	return job.Later{After: time.Second + waited/8, Why: why}
}

// moderate waits until the clip was heard to its end and writes the rule's verdict.
func (s *Service) moderate(ctx context.Context, j job.Job) error {
	n, err := nameOf(j)
	if err != nil {
		return err
	}
	c, err := s.load(ctx, n)
	if err != nil {
		return err
	}
	var known record.Of[domain.Decided]
	if _, found, err := s.find(ctx, record.VerdictByRule(n.Tenant, n.Clip, n.Revision), &known); err != nil {
		return fmt.Errorf("moderate clip %s: %w", n, err)
	} else if found {
		return s.ruled(ctx, n, known)
	}
	findings := written(s.lists, c.plan.Value)
	for _, w := range c.windows() {
		heard, err := s.recording.Heard(ctx, c.ref(), c.broadcast(), w)
		if err != nil {
			return fmt.Errorf("moderate clip %s: hear %v to %v: %w", n, w.Start, w.End, err)
		}
		findings = append(findings, spoken(s.lists, heard.Lines, w)...)
		findings = append(findings, unheard(heard.Unheard, w, s.cfg.Unheard)...)
		whole, rendered, err := s.heardWhole(ctx, n, w, heard.To)
		switch {
		case err != nil:
			return fmt.Errorf("moderate clip %s: %w", n, err)
		case !whole && j.Waited < patience:
			return later(j.Waited, fmt.Errorf("moderate clip %s: heard to %s of %s only", n, clock(heard.To), clock(w.End)))
		case !whole:
			findings = append(findings, domain.Finding{List: notHeard, Where: inTranscript, At: max(heard.To, w.Start), Severity: wordlist.Person})
		}
		if short := rendered.Window.Length(); short > 0 && short+soundless < c.plan.Value.Shortest {
			findings = append(findings, domain.Finding{List: tooShort, Where: inLength, At: rendered.Window.End, Severity: wordlist.Person})
		}
	}
	return s.rule(ctx, c, judge(n, findings))
}

// heardWhole reports whether all of a window that is in the clip was heard, and what was rendered where that matters. A
// room that ended early ends its clip early, which finishing finds out; one whose recorder died may be taken up by
// another.
func (s *Service) heardWhole(ctx context.Context, n name, w domain.Window, heardTo time.Duration) (bool, domain.Rendered, error) {
	if heardTo >= w.End {
		return true, domain.Rendered{}, nil
	}
	var rendered record.Of[domain.Rendered]
	_, found, err := s.find(ctx, record.Rendered(n.Tenant, n.Clip, n.Revision), &rendered)
	return found && heardTo+soundless >= min(w.End, rendered.Value.Window.End), rendered.Value, err
}

// moderateFailed is told when a clip could not be moderated: a person has to listen.
func (s *Service) moderateFailed(ctx context.Context, j job.Job, cause error) {
	n, err := nameOf(j)
	if err == nil {
		var c clip
		if c, err = s.load(ctx, n); err == nil {
			err = s.rule(ctx, c, domain.Decided{
				Clip: n.Clip, Revision: n.Revision, Verdict: domain.VerdictNeedsPerson, By: byRule,
				Reason: note.NotChecked.Say(cause),
			})
		}
	}
	if err != nil {
		s.log.Error("moderation failed and could not be left to a person", "job", j.ID, "error", err, "failure", cause)
	}
}

// rule writes the rule's verdict, once, and goes on with the one that stands.
func (s *Service) rule(ctx context.Context, c clip, d domain.Decided) error {
	fact := c.envelope().Follow(d, s.now(), "rule/"+c.String())
	written := record.Of[domain.Decided]{Envelope: fact.Envelope, Value: d}
	first, err := blob.WriteNewJSON(ctx, s.store, record.VerdictByRule(c.Tenant, c.Clip, c.Revision), &written)
	if err != nil {
		return fmt.Errorf("write verdict on clip %s: %w", c, err)
	}
	if first {
		s.metrics.verdicts.WithLabelValues(string(d.Verdict), byRule).Inc()
		s.log.Info("clip moderated", "clip_id", c.Clip, "revision", c.Revision, "verdict", d.Verdict, "findings", len(d.Findings))
	}
	return s.ruled(ctx, c.name, written)
}

// ruled tries the barrier and tells the verdict, unless a person has spoken meanwhile. An approval is told on clip.decided
// only with its manifest.
func (s *Service) ruled(ctx context.Context, n name, v record.Of[domain.Decided]) error {
	if err := s.release(ctx, n); err != nil {
		return err
	}
	if _, err := s.store.Stat(ctx, record.VerdictByPerson(n.Tenant, n.Clip, n.Revision)); err == nil {
		return nil
	} else if !errors.Is(err, blob.ErrNotFound) {
		return fmt.Errorf("tell verdict on clip %s: %w", n, err)
	}
	story := domain.ClipStep{Clip: n.Clip, Revision: n.Revision, Step: domain.StepDecided, At: v.Envelope.Wall, Note: v.Value.Reason, Decided: &v.Value}
	var err error
	if v.Value.Verdict == domain.VerdictApproved {
		err = s.bus.Publish(ctx, step(v.Envelope, story))
	} else {
		err = s.tell(ctx, v.Envelope, v.Value, story)
	}
	if err != nil {
		return fmt.Errorf("tell verdict on clip %s: %w", n, err)
	}
	return nil
}

// What stands for a list in findings that are of none.
const (
	notHeard = "hearing" // speech in the clip was not heard: silence of ours is none of the room's
	tooShort = "shortest"
)

// judge makes a verdict of what was found.
func judge(n name, findings []domain.Finding) domain.Decided {
	slices.SortStableFunc(findings, func(a, b domain.Finding) int {
		return slices.Index(wordlist.Severities, b.Severity) - slices.Index(wordlist.Severities, a.Severity)
	})
	d := domain.Decided{Clip: n.Clip, Revision: n.Revision, Verdict: domain.VerdictApproved, By: byRule}
	var reasons []string
	for _, f := range findings {
		switch f.Severity {
		case wordlist.Block:
			d.Verdict = domain.VerdictRejected
		case wordlist.Person:
			if d.Verdict == domain.VerdictApproved {
				d.Verdict = domain.VerdictNeedsPerson
			}
		default:
			if f.List != notHeard { // that nobody listens is told of an approved clip, too
				continue
			}
		}
		if len(reasons) < 5 {
			reasons = append(reasons, sentence(f))
		}
	}
	d.Reason = note.Join(reasons)
	d.Findings = findings[:min(len(findings), maxFindings)]
	return d
}

// sentence says a finding to a person.
func sentence(f domain.Finding) string {
	switch f.List {
	case notHeard:
		return unheardSentence(f)
	case tooShort:
		return domain.TooShort
	}
	if f.Where == inTranscript {
		return note.TermSaid.Say(f.List, f.Term, clock(f.At))
	}
	return note.TermWritten.Say(f.List, f.Term, f.Where)
}

// clock writes media time as 1:02:03.4.
func clock(t time.Duration) string {
	t = t.Round(100 * time.Millisecond)
	tenths := int64(t / (100 * time.Millisecond))
	return fmt.Sprintf("%d:%02d:%02d.%d", tenths/36000, tenths/600%60, tenths/10%60, tenths%10)
}
