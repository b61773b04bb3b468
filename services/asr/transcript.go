package asr

// From recognised utterances to transcript lines: in order, partial before final, written as they are read.

import (
	"slices"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
	mediav1 "liveclip/proto/media/v1"
)

// pendingLine is an utterance that is to become a line.
type pendingLine struct {
	*utterance
	engine   *engine
	until    time.Duration // 0 while it is being spoken
	revision int
	partial  string // its last partial text
	done     bool
	heard    *mediav1.Heard
}

// maxWordless is how long an utterance may go on without a word: then it is over, and what goes on is noise.
const maxWordless = 800 * time.Millisecond

// skipLate skips live utterances that were not recognised in time, the oldest first: one that still waits after behind, one that a
// slow recogniser is working on after twice that.
func (e *transcriber) skipLate() {
	if !e.live {
		return
	}
	e.mu.Lock()
	var late []*pendingLine
	for _, u := range e.queue {
		if !u.done && u.until > 0 && e.endpointer.now-u.until > e.behind {
			late = append(late, u)
		}
	}
	now := e.endpointer.now
	e.mu.Unlock()
	for _, u := range late {
		if !u.engine.withdraw(u.utterance) {
			if now-u.until <= 2*e.behind {
				continue
			}
			u.engine.abandon(u.utterance)
		}
		e.mu.Lock()
		e.lastSkip = e.now()
		e.mu.Unlock()
		e.complete(u, nil)
	}
}

func (e *transcriber) acceptPartial(s *pendingLine, h *mediav1.Heard) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s == e.openLine && time.Duration(h.Quiet) >= maxWordless {
		e.endpointer.wordless = true
	}
	if s.done || h.Text == "" || h.Text == s.partial {
		return
	}
	s.partial = h.Text
	e.emit(s, h, false)
}

// abandonAll gives up all utterances that are not recognised yet.
func (e *transcriber) abandonAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.queue {
		s.done = true
	}
	e.emitCompleted()
}

// complete takes the result of an utterance; nil: it was not recognised.
func (e *transcriber) complete(s *pendingLine, h *mediav1.Heard) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.done {
		return
	}
	s.done, s.heard = true, h
	if len(h.GetChannel()) > 0 {
		e.channels[s.engine.name] = h.Channel
	}
	e.emitCompleted()
}

// emitCompleted emits the completed lines at the head of the queue. It is the one place that reports an utterance that was not
// recognised, whatever the reason, before heardTo passes it.
func (e *transcriber) emitCompleted() {
	for len(e.queue) > 0 && e.queue[0].done && e.queue[0].until > 0 {
		s := e.queue[0]
		if s.heard == nil {
			e.onUnheard(domain.Window{Start: s.start, End: s.until})
		}
		if s.heard != nil && s.heard.Text != "" || s.partial != "" { // an empty final line retracts a partial one
			e.emit(s, s.heard, true)
		}
		e.queue = e.queue[1:]
		if !e.live {
			<-e.queueSpace
		}
	}
}

func (e *transcriber) emit(s *pendingLine, h *mediav1.Heard, final bool) {
	l := domain.TranscriptLine{ID: s.id, Revision: s.revision, Final: final, Start: s.start, End: s.until, Engine: s.engine.name, Language: s.engine.language}
	s.revision++
	for _, w := range h.GetWords() {
		word := domain.Word{Text: w.Text, Start: time.Duration(w.Start), End: time.Duration(w.End), Confidence: w.Confidence}
		if s.until > 0 && word.Start >= s.until {
			continue
		}
		l.Words = append(l.Words, word)
	}
	l.Text = wording.Join(l.Words)
	if n := len(l.Words); n > 0 {
		l.Start, l.End = l.Words[0].Start, l.Words[n-1].End
	}
	l.End = max(l.Start, l.End)
	l.Words = slices.Clip(l.Words)
	if final && e.live {
		e.lag = max(0, e.endpointer.now-l.End+e.now().Sub(e.lastSound))
	}
	e.spell(&l, s)
	e.onLine(l)
}

// maxNames bounds a room's names whose spelling is known.
const maxNames = 200

// spell writes a line as people read it, and keeps what was recognised in Heard.
func (e *transcriber) spell(l *domain.TranscriptLine, s *pendingLine) {
	if e.writer == nil || l.Text == "" {
		return
	}
	l.Heard = l.Text
	style := wording.Style{Continues: e.midSentence, Names: s.names[:min(len(s.names), maxNames)]}
	if l.Final {
		style.Until = s.until
	}
	l.Words = e.writer.Words(l.Words, style)
	if l.Text = wording.Join(l.Words); l.Final {
		e.midSentence = !wording.Ends(l.Text)
	}
}
