package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// followed are the topics a batch watches.
var followed = []event.Topic{event.BroadcastChanged, event.StreamProgress, event.TranscriptLine, event.HighlightFound, event.ClipState}

// follower gathers what the pipeline says of each stream. Safe for concurrent use.
type follower struct {
	mutex   sync.Mutex
	streams map[domain.Ref]*heardStream
	changed chan struct{} // closed, and made anew, at every change
}

// heardStream is what is known of one stream.
type heardStream struct {
	parameters          domain.MediaParameters
	recordedTo, heardTo time.Duration
	heardAll, judgedAll bool // asr, and detect, reached the end
	reason              string
	opened              bool
	engine              string
	lines               map[string]domain.TranscriptLine
	highlights          map[domain.ClipID]bool
	clips               map[domain.ClipID]map[domain.Step]domain.ClipStep
}

func newFollower() *follower {
	return &follower{streams: map[domain.Ref]*heardStream{}, changed: make(chan struct{})}
}

// state gives a copy that stays as it is.
func (f *follower) state(ref domain.Ref) *heardStream {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	state := *f.of(ref)
	state.lines, state.highlights, state.clips = maps.Clone(state.lines), maps.Clone(state.highlights), maps.Clone(state.clips)
	for id, steps := range state.clips {
		state.clips[id] = maps.Clone(steps)
	}
	return &state
}

// progress tells how far a stream was heard and whether everything in it has come to an end; changed is closed when there
// is news.
func (f *follower) progress(ref domain.Ref) (heardTo time.Duration, done bool, changed <-chan struct{}) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	s := f.of(ref)
	return s.heardTo, s.done(), f.changed
}

func (f *follower) of(ref domain.Ref) *heardStream {
	if f.streams[ref] == nil {
		f.streams[ref] = &heardStream{
			lines: map[string]domain.TranscriptLine{}, highlights: map[domain.ClipID]bool{}, clips: map[domain.ClipID]map[domain.Step]domain.ClipStep{},
		}
	}
	return f.streams[ref]
}

func (f *follower) take(_ context.Context, e event.Event) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	s := f.of(e.Ref())
	switch p := e.Payload.(type) {
	case domain.BroadcastChanged:
		s.opened = s.opened || p.Change == domain.BroadcastOpened
		if p.Parameters != (domain.MediaParameters{}) {
			s.parameters = p.Parameters
		}
		if p.Change == domain.BroadcastClosed {
			s.reason = p.Reason
		}
	case domain.StreamProgress:
		s.recordedTo = max(s.recordedTo, p.RecordedTo)
		if p.By == "detect" {
			s.judgedAll = s.judgedAll || p.Closed
		} else {
			s.heardTo = max(s.heardTo, p.HeardTo)
			s.heardAll = s.heardAll || p.Closed
		}
	case domain.TranscriptLine:
		if p.Final {
			s.lines[p.ID], s.engine = p, p.Engine
		}
	case domain.Highlight:
		s.highlights[domain.NewClipID(p.ID, "main")] = true
	case domain.ClipStep:
		if s.clips[p.Clip] == nil {
			s.clips[p.Clip] = map[domain.Step]domain.ClipStep{}
		}
		s.clips[p.Clip][p.Step] = p
	}
	close(f.changed)
	f.changed = make(chan struct{})
	return nil
}

// expect waits for a clip that was asked for.
func (f *follower) expect(ref domain.Ref, clip domain.ClipID) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.of(ref).highlights[clip] = true
}

// done tells whether the recording was judged to its end and every highlight in it has come to an end.
func (s *heardStream) done() bool {
	if !s.heardAll || !s.judgedAll {
		return false
	}
	for id := range s.highlights {
		steps := s.clips[id]
		_, failed := steps[domain.StepFailed]
		_, rendered := steps[domain.StepRendered]
		_, decided := steps[domain.StepDecided]
		if !failed && (!rendered || !decided) {
			return false
		}
	}
	return true
}

// fault is why a recording gave nothing at all.
func (s *heardStream) fault() error {
	if s.recordedTo > 0 {
		return nil
	}
	if s.reason == "" {
		return errors.New("nothing could be read from it")
	}
	return errors.New(s.reason)
}

func (s *heardStream) transcript() []domain.TranscriptLine {
	var lines []domain.TranscriptLine
	for _, l := range s.lines {
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b domain.TranscriptLine) int { return cmp.Compare(a.Start, b.Start) })
	return lines
}
