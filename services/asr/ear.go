package asr

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"liveclip/internal/domain"
	"liveclip/internal/wording"
	mediav1 "liveclip/proto/media/v1"
)

// earConfig is what an ear works with.
type earConfig struct {
	broadcast domain.BroadcastID
	live      bool                          // sound that comes at its own pace: what is not heard in time is skipped
	behind    time.Duration                 // that time
	wish      func() wish                   // how the next utterance shall be heard
	voices    *voices                       // nil: voice is told by its loudness
	line      func(l domain.TranscriptLine) // in order; partial ones too
	skip      func(unheard domain.Window)   // of speech that nobody heard, in order
	now       func() time.Time
	writer    *wording.Writer // how lines are written; nil: as they are heard
}

// ear hears one broadcast: it cuts its sound into utterances, has them recognised, and gives their lines in order.
type ear struct {
	earConfig

	hearing   sync.Mutex    // one piece of sound after another
	detection detection     // of voice, so far
	space     chan struct{} // a place for every utterance that may wait, where sound can be held up

	mu      sync.Mutex
	by      wish    // how the newest utterance is heard
	place   *engine // that the room has a place at; nil: none
	refused bool    // its engine had no place for the room when somebody spoke last
	point   endpointer
	open    *pendingLine
	queue   []*pendingLine // not answered, or behind one that is not
	arrived time.Time      // when the newest sound came
	lag     time.Duration
	skipped time.Time // when an utterance was last skipped
	spoke   time.Duration
	goes    bool // the newest final line was cut within a sentence
}

// pendingLine is an utterance on its way to being a line.
type pendingLine struct {
	*utterance
	by       *engine
	until    time.Duration // 0 while it is being spoken
	revision int
	partial  string // as last given
	done     bool
	heard    *mediav1.Heard
}

// wordless is how long a recogniser hears no word in an utterance that goes on: it is over, what goes on is a noise.
const wordless = 800 * time.Millisecond

// ahead is how many utterances of an unpaced recording may wait at once.
const ahead = 16

func newEar(c earConfig) *ear {
	return &ear{earConfig: c, by: c.wish(), space: make(chan struct{}, ahead)}
}

// hear takes the next sound. That of an unpaced recording waits here until recognition follows; live sound never waits.
// Somebody waits for what is said before by (0: nobody): no line is left open past it for long.
func (e *ear) hear(ctx context.Context, at time.Duration, sound []byte, by time.Duration) error {
	e.hearing.Lock()
	defer e.hearing.Unlock()
	voiced := e.look(at, sound)
	e.mu.Lock()
	e.arrived = e.now()
	e.point.by = by
	e.point.expect(voiced...)
	pieces := e.point.hear(at, sound)
	e.mu.Unlock()
	if err := e.speak(ctx, pieces); err != nil {
		return err
	}
	e.catchUp()
	return nil
}

// detection is the sound that the voice detector was given without a gap.
type detection struct {
	from, to time.Duration
	steps    int // answered
	epoch    int // of the detector
}

// look asks the voice detector about sound in which something can be heard at all.
func (e *ear) look(at time.Duration, sound []byte) []probability {
	if e.voices == nil {
		return nil
	}
	e.mu.Lock()
	silent := e.point.silent(sound)
	e.mu.Unlock()
	if silent {
		return nil
	}
	l := &e.detection
	epoch := l.epoch
	anew := l.to == 0 || (at-l.to).Abs() > 2*frameLength
	v, err := e.voices.look(string(e.broadcast), sound, anew, &l.epoch)
	if err != nil {
		l.to = 0
		return nil
	}
	if anew || l.epoch != epoch {
		l.from, l.to, l.steps = at, at, 0
	}
	l.to += soundLength(len(sound))
	out := make([]probability, len(v.Probability))
	for i, p := range v.Probability {
		l.steps++
		out[i] = probability{l.from + time.Duration(l.steps)*time.Duration(v.Step), p}
	}
	return out
}

// pauseHere ends what is being spoken: no more sound comes for now.
func (e *ear) pauseHere(ctx context.Context) error {
	e.hearing.Lock()
	defer e.hearing.Unlock()
	e.mu.Lock()
	pieces := e.point.flush()
	e.mu.Unlock()
	return e.speak(ctx, pieces)
}

func (e *ear) speak(ctx context.Context, pieces []stretch) error {
	for _, s := range pieces {
		if s.begins {
			if err := e.begin(ctx, s); err != nil {
				return err
			}
			continue
		}
		e.mu.Lock()
		open := e.open
		if open == nil { // its beginning found no place before ctx ended
			e.mu.Unlock()
			continue
		}
		if s.ends {
			open.until, e.open, e.spoke = s.until, nil, s.until
			e.settle()
		}
		e.mu.Unlock()
		if !s.ends {
			open.add(s.sound, false)
		} else {
			open.by.end(open.utterance, s.sound)
		}
	}
	return nil
}

func (e *ear) begin(ctx context.Context, s stretch) error {
	if !e.live {
		select {
		case e.space <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	how := e.wish()
	by := how.engine
	if !e.enter(by) {
		by = &engine{by.name, by.language, nobody{}}
	}
	id := domain.H("line", string(e.broadcast), strconv.FormatInt(s.at.Milliseconds(), 10))
	u := &utterance{id: id, voice: string(e.broadcast), live: e.live, start: s.at, hotwords: how.hotwords, names: how.names, sound: s.sound, more: make(chan struct{}, 1)}
	line := &pendingLine{utterance: u, by: by}
	u.partial = func(h *mediav1.Heard) { e.partial(line, h) }
	u.answered = func(h *mediav1.Heard) { e.answer(line, h) }
	e.mu.Lock()
	e.open, e.by = line, how
	e.queue = append(e.queue, line)
	e.mu.Unlock()
	by.put(u)
	return nil
}

// enter takes the room's place at the engine, live, unless there is none: then what is said goes unheard, and the next that is
// said asks again.
func (e *ear) enter(by *engine) bool {
	if !e.live {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.place != by {
		if e.place != nil {
			e.place.leave()
			e.place = nil
		}
		if by.enter() {
			e.place = by
		}
	}
	e.refused = e.place == nil
	return !e.refused
}

// leave gives the room's place to another.
func (e *ear) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.place != nil {
		e.place.leave()
		e.place = nil
	}
}

// mark is the media time before which every line that ends is final and was given.
func (e *ear) mark() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) > 0 {
		return e.queue[0].start
	}
	return e.point.mark()
}

// drained: nothing is waited for.
func (e *ear) drained() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.queue) == 0
}

// deafness is why nobody hears what is said; empty: somebody does.
func (e *ear) deafness() string {
	return e.engine().deafness()
}

// engine hears the newest utterance.
func (e *ear) engine() *engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.by.engine
}

// health of speech as a signal.
func (e *ear) health(now time.Time) domain.Health {
	deaf := e.deafness() != ""
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case deaf || e.refused:
		return domain.HealthMissing
	case now.Sub(e.skipped) < e.behind:
		return domain.HealthBehind
	case e.open == nil && e.point.now-e.spoke > quietAfter:
		return domain.HealthQuiet
	}
	return domain.HealthPresent
}

// speechLag is how long after it was spoken the newest final line was known, or how long the oldest that was spoken is
// waited for, where that is longer. A recording that comes as fast as it can is never late.
func (e *ear) speechLag() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	lag := e.lag
	if e.live && len(e.queue) > 0 && e.queue[0].until > 0 {
		lag = max(lag, e.point.now-e.queue[0].until)
	}
	return lag
}

// quietAfter is how long nobody speaks in a room that is called quiet.
const quietAfter = 10 * time.Second

// catchUp skips what live speech was not heard in time, the oldest first: what nobody began to hear, and what a recogniser that
// is too slow is at for as long again.
func (e *ear) catchUp() {
	if !e.live {
		return
	}
	e.mu.Lock()
	var late []*pendingLine
	for _, u := range e.queue {
		if !u.done && u.until > 0 && e.point.now-u.until > e.behind {
			late = append(late, u)
		}
	}
	now := e.point.now
	e.mu.Unlock()
	for _, u := range late {
		if !u.by.withdraw(u.utterance) {
			if now-u.until <= 2*e.behind {
				continue
			}
			u.by.abandon(u.utterance)
		}
		e.mu.Lock()
		e.skipped = e.now()
		e.mu.Unlock()
		e.answer(u, nil)
	}
}

func (e *ear) partial(s *pendingLine, h *mediav1.Heard) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s == e.open && time.Duration(h.Quiet) >= wordless {
		e.point.enough = true
	}
	if s.done || h.Text == "" || h.Text == s.partial {
		return
	}
	s.partial = h.Text
	e.give(s, h, false)
}

// giveUp waits for nothing any more.
func (e *ear) giveUp() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.queue {
		s.done = true
	}
	e.settle()
}

// answer takes what was made of an utterance; nil: nobody could hear it.
func (e *ear) answer(s *pendingLine, h *mediav1.Heard) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.done {
		return
	}
	s.done, s.heard = true, h
	e.settle()
}

// settle gives the lines at the head of the queue that were answered, and tells what of it nobody heard, whatever the reason,
// before the mark passes it.
func (e *ear) settle() {
	for len(e.queue) > 0 && e.queue[0].done && e.queue[0].until > 0 {
		s := e.queue[0]
		if s.heard == nil {
			e.skip(domain.Window{Start: s.start, End: s.until})
		}
		if s.heard != nil && s.heard.Text != "" || s.partial != "" { // a partial line is taken back by an empty one
			e.give(s, s.heard, true)
		}
		e.queue = e.queue[1:]
		if !e.live {
			<-e.space
		}
	}
}

func (e *ear) give(s *pendingLine, h *mediav1.Heard, final bool) {
	l := domain.TranscriptLine{ID: s.id, Revision: s.revision, Final: final, Start: s.start, End: s.until, Engine: s.by.name, Language: s.by.language}
	s.revision++
	for _, w := range h.GetWords() {
		word := domain.Word{Text: w.Text, Start: time.Duration(w.Start), End: time.Duration(w.End), Confidence: w.Confidence}
		if s.until > 0 && word.Start >= s.until {
			continue
		}
		l.Words = append(l.Words, word)
	}
	l.Text = text(l.Words)
	if n := len(l.Words); n > 0 {
		l.Start, l.End = l.Words[0].Start, l.Words[n-1].End
	}
	l.End = max(l.Start, l.End)
	l.Words = slices.Clip(l.Words)
	if final && e.live {
		e.lag = max(0, e.point.now-l.End+e.now().Sub(e.arrived))
	}
	e.write(&l, s)
	e.line(l)
}

// mostNames of a room are known by how they are written.
const mostNames = 200

// write writes a line as it is read, and keeps what was heard where that differs.
func (e *ear) write(l *domain.TranscriptLine, s *pendingLine) {
	if e.writer == nil || l.Text == "" {
		return
	}
	l.Heard = l.Text
	style := wording.Style{Continues: e.goes, Names: s.names[:min(len(s.names), mostNames)]}
	if l.Final {
		style.Until = s.until
	}
	l.Words = e.writer.Words(l.Words, style)
	if l.Text = wording.Join(l.Words); l.Final {
		e.goes = !wording.Ends(l.Text)
	}
}

// text puts words together: Chinese and Japanese are written without spaces.
func text(words []domain.Word) string {
	var b strings.Builder
	last := ' '
	for _, w := range words {
		first, _ := utf8.DecodeRuneInString(w.Text)
		if b.Len() > 0 && (!unspaced(last) || !unspaced(first)) {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
		last, _ = utf8.DecodeLastRuneInString(w.Text)
	}
	return b.String()
}

func unspaced(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) }
