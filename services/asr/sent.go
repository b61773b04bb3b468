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
	longestSent  = 30 * time.Second // a partial line that is not final so long after it began is taken back
	senderGone   = time.Minute      // without a call: nobody sends any more
	mostOpen     = 64               // partial lines at once
	mostSent     = 4096             // final lines that a repeat is known of
	mostUntold   = 10_000           // lines that wait to be published
	earlySent    = 10 * time.Second // a sender may hear the source so long before it is recorded
	textDup      = "duplicate"
	textFinal    = "final already"
	textRevision = "older revision"
	textLate     = "too late: hearing has moved on"
	textFuture   = "in the future"
	textOpen     = "too many partial lines at once"
)

// sentLines are what is known of the lines that came through the API.
type sentLines struct {
	to     time.Duration // no line that ends before it is still to come, as their sender says; 0: it does not say
	called time.Time     // when the sender was last heard of
	lag    time.Duration
	open   map[string]*sentLine // partial, by ID
	final  map[string]string    // text by ID
	order  []string             // of final, the oldest first
}

type sentLine struct {
	start    time.Duration
	revision int    // as told
	own      int64  // as the sender counts them
	text     string // as sent
}

func newSentLines() sentLines {
	return sentLines{open: map[string]*sentLine{}, final: map[string]string{}}
}

// finished remembers a final line.
func (s *sentLines) finished(id, text string) {
	delete(s.open, id)
	if _, known := s.final[id]; !known {
		s.order = append(s.order, id)
	}
	s.final[id] = text
	if len(s.order) > mostSent {
		delete(s.final, s.order[0])
		s.order = s.order[1:]
	}
}

// takeSent takes lines as the API gives them, in order, and tells why some were not taken.
func (c *captions) takeSent(lines []*recordingv1.SentLine, heardTo time.Duration) (dropped []string, to time.Duration, err error) {
	recordedTo, _ := c.on.recorded()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing:
		return nil, 0, status.Error(codes.NotFound, "the broadcast is over")
	case !c.on.live:
		return nil, 0, status.Error(codes.FailedPrecondition, "an archived recording takes captions from the file beside it, or from within")
	case c.from != "" && c.from != captionsSent:
		return nil, 0, status.Errorf(codes.FailedPrecondition, "its lines come from %s", c.from)
	case c.on.untold() > mostUntold:
		return nil, 0, status.Errorf(codes.ResourceExhausted, "%d lines wait to be published", mostUntold)
	}
	c.sent.called = c.on.now()
	dropped = make([]string, len(lines))
	for i, l := range lines {
		dropped[i] = c.takeOne(l, recordedTo)
	}
	c.sent.to = max(c.sent.to, min(heardTo, recordedTo+earlySent))
	return dropped, c.finalTo, nil
}

// takeOne takes a line, or says why not; called with mu held.
func (c *captions) takeOne(m *recordingv1.SentLine, recordedTo time.Duration) (dropped string) {
	l := m.GetLine()
	id := domain.H("line", string(c.on.id), "sent", l.GetId())
	start, end := time.Duration(l.GetStart()), time.Duration(l.GetEnd())
	if text, known := c.sent.final[id]; known {
		if !m.Partial && text == l.Text {
			return textDup
		}
		return textFinal
	}
	open := c.sent.open[id]
	switch {
	case open != nil && m.Partial && l.Revision > 0 && l.Revision <= open.own:
		return textRevision
	case open != nil && m.Partial && l.Text == open.text:
		return textDup
	case end <= c.finalTo:
		return textLate
	case end > recordedTo+earlySent:
		return textFuture
	case open == nil && m.Partial && len(c.sent.open) >= mostOpen:
		return textOpen
	}
	told := 0
	if open != nil {
		told = open.revision + 1
	}
	c.from, c.newest = captionsSent, c.on.now()
	line := c.wordSent(l, id)
	line.Revision, line.Final = told, !m.Partial
	if m.Partial {
		c.sent.open[id] = &sentLine{start: start, revision: told, own: l.Revision, text: l.Text}
	} else {
		c.sent.finished(id, l.Text)
		c.sent.lag = max(0, recordedTo-end)
	}
	c.on.line(line)
	return ""
}

// wordSent writes a line as it is read.
func (c *captions) wordSent(l *recordingv1.Line, id string) domain.TranscriptLine {
	style := wording.Style{Names: c.names()}
	line := domain.TranscriptLine{ID: id, Start: time.Duration(l.Start), End: time.Duration(l.End), Heard: l.Text, Engine: kindCaptions, Language: languageOf(l.Text)}
	if len(l.Words) == 0 {
		line.Text = c.written.Text(l.Text, style)
		return line
	}
	for _, w := range l.Words {
		line.Words = append(line.Words, domain.Word{Text: w.Text, Start: time.Duration(w.Start), End: time.Duration(w.End), Confidence: w.Confidence})
	}
	line.Words = c.written.Words(line.Words, style)
	line.Text = wording.Join(line.Words)
	return line
}

// sentTo is how far lines are waited for, of a recording that reaches to and that nothing was added to since; called with mu held.
func (c *captions) sentTo(to, since time.Duration) time.Duration {
	if !c.on.live {
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

// takeBack ends partial lines that began before a time and were never made final, with an empty one; called with mu held.
func (c *captions) takeBack(before time.Duration) {
	for id, l := range c.sent.open {
		if l.start < before {
			c.sent.finished(id, "")
			c.on.line(domain.TranscriptLine{ID: id, Revision: l.revision + 1, Final: true, Start: l.start, End: l.start, Engine: kindCaptions})
		}
	}
}

// known remembers a final line of before the process was started again, so that its repeat is one.
func (c *captions) known(l domain.TranscriptLine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent.finished(l.ID, l.Heard)
}

// drained: nothing is waited for.
func (c *captions) drained() bool {
	to, since := c.on.recorded()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.from != captionsSent || c.sentTo(to, since) >= to
}

// lag is how long after it was said the newest sent line came.
func (c *captions) lag() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.lag
}
