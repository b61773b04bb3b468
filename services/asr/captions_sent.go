package asr

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
	recordingv1 "liveclip/proto/recording/v1"
)

const (
	maxPartialAge  = 30 * time.Second // a partial line that is not final so long after it began is retracted
	senderTimeout  = time.Minute      // without a call: the sender is gone
	maxOpenLines   = 64               // partial lines at once
	maxFinalLines  = 4096             // final lines of which a repeat is recognised
	maxUnpublished = 10_000           // lines that wait to be published
	maxSentAhead   = 10 * time.Second // a sender may hear the source so much earlier than it is recorded
	dropDuplicate  = "duplicate"
	dropFinal      = "final already"
	dropRevision   = "older revision"
	dropLate       = "too late: hearing has moved on"
	dropFuture     = "in the future"
	dropOpen       = "too many partial lines at once"
)

// sentLines is what is known of the lines that came through the API.
type sentLines struct {
	to     time.Duration // the sender says that no line that ends before it is still to come; 0: it does not say
	called time.Time     // when the sender was last heard of
	lag    time.Duration
	open   map[string]*sentLine // partial, by ID
	final  map[string]string    // text by ID
	order  []string             // of final, the oldest first
}

type sentLine struct {
	start    time.Duration
	revision int    // as emitted
	own      int64  // of the sender's own counting
	text     string // as sent
}

func newSentLines() sentLines {
	return sentLines{open: map[string]*sentLine{}, final: map[string]string{}}
}

// addFinal remembers a final line.
func (s *sentLines) addFinal(id, text string) {
	delete(s.open, id)
	if _, known := s.final[id]; !known {
		s.order = append(s.order, id)
	}
	s.final[id] = text
	if len(s.order) > maxFinalLines {
		delete(s.final, s.order[0])
		s.order = s.order[1:]
	}
}

// acceptLines takes lines of the API in order; dropped has for each the reason why it was not taken, or nothing.
func (c *captions) acceptLines(lines []*recordingv1.SentLine, heardTo time.Duration) (dropped []string, to time.Duration, err error) {
	recordedTo, _ := c.broadcast.recorded()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing:
		return nil, 0, status.Error(codes.NotFound, "the broadcast is over")
	case !c.broadcast.live:
		return nil, 0, status.Error(codes.FailedPrecondition, "an archived recording takes captions from the file beside it, or from within")
	case c.source != "" && c.source != captionsSent:
		return nil, 0, status.Errorf(codes.FailedPrecondition, "its lines come from %s", c.source)
	case c.broadcast.unpublishedLines() > maxUnpublished:
		return nil, 0, status.Errorf(codes.ResourceExhausted, "%d lines wait to be published", maxUnpublished)
	}
	c.sent.called = c.broadcast.now()
	dropped = make([]string, len(lines))
	for i, l := range lines {
		dropped[i] = c.acceptLine(l, recordedTo)
	}
	c.sent.to = max(c.sent.to, min(heardTo, recordedTo+maxSentAhead))
	return dropped, c.finalTo, nil
}

// acceptLine takes one line, or gives the reason why not; called with mu held.
func (c *captions) acceptLine(m *recordingv1.SentLine, recordedTo time.Duration) (dropped string) {
	l := m.GetLine()
	id := domain.H("line", string(c.broadcast.id), "sent", l.GetId())
	start, end := time.Duration(l.GetStart()), time.Duration(l.GetEnd())
	if text, known := c.sent.final[id]; known {
		if !m.Partial && text == l.Text {
			return dropDuplicate
		}
		return dropFinal
	}
	open := c.sent.open[id]
	switch {
	case open != nil && m.Partial && l.Revision > 0 && l.Revision <= open.own:
		return dropRevision
	case open != nil && m.Partial && l.Text == open.text:
		return dropDuplicate
	case end <= c.finalTo:
		return dropLate
	case end > recordedTo+maxSentAhead:
		return dropFuture
	case open == nil && m.Partial && len(c.sent.open) >= maxOpenLines:
		return dropOpen
	}
	told := 0
	if open != nil {
		told = open.revision + 1
	}
	c.source, c.newest = captionsSent, c.broadcast.now()
	line := c.spellLine(l, id)
	line.Revision, line.Final = told, !m.Partial
	if m.Partial {
		c.sent.open[id] = &sentLine{start: start, revision: told, own: l.Revision, text: l.Text}
	} else {
		c.sent.addFinal(id, l.Text)
		c.sent.lag = max(0, recordedTo-end)
	}
	c.broadcast.addLine(line)
	return ""
}

// spellLine writes a line as people read it, and keeps it as sent in Heard.
func (c *captions) spellLine(l *recordingv1.Line, id string) domain.TranscriptLine {
	style := wording.Style{Names: c.names()}
	line := domain.TranscriptLine{ID: id, Start: time.Duration(l.Start), End: time.Duration(l.End), Heard: l.Text, Engine: kindCaptions, Language: languageOf(l.Text)}
	if len(l.Words) == 0 {
		line.Text = c.writer.Text(l.Text, style)
		return line
	}
	for _, w := range l.Words {
		line.Words = append(line.Words, domain.Word{Text: w.Text, Start: time.Duration(w.Start), End: time.Duration(w.End), Confidence: w.Confidence})
	}
	line.Words = c.writer.Words(line.Words, style)
	line.Text = wording.Join(line.Words)
	return line
}

// sentTo is the media time to which sent lines are complete, for a recording that reaches to to and was added to since ago; called
// with mu held.
func (c *captions) sentTo(to, since time.Duration) time.Duration {
	if !c.broadcast.live {
		return to
	}
	wait := c.wait
	if c.sent.to > 0 {
		wait = c.behind
	}
	reached := max(min(c.sent.to, to), to-max(0, wait-since))
	for _, l := range c.sent.open {
		reached = min(reached, l.start)
	}
	return reached
}

// retractOpen retracts the partial lines that began before a time, each by an empty final one; called with mu held.
func (c *captions) retractOpen(before time.Duration) {
	for id, l := range c.sent.open {
		if l.start < before {
			c.sent.addFinal(id, "")
			c.broadcast.addLine(domain.TranscriptLine{ID: id, Revision: l.revision + 1, Final: true, Start: l.start, End: l.start, Engine: kindCaptions})
		}
	}
}

// rememberFinal remembers a final line of an earlier process, so that a repeat of it is recognised.
func (c *captions) rememberFinal(l domain.TranscriptLine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent.addFinal(l.ID, l.Heard)
}

// isDrained reports whether no sent line is waited for.
func (c *captions) isDrained() bool {
	to, since := c.broadcast.recorded()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.source != captionsSent || c.sentTo(to, since) >= to
}

// lag is how long after it was spoken the newest sent line came.
func (c *captions) lag() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.lag
}
