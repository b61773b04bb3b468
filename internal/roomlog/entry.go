package roomlog

import (
	"time"

	"liveclip/internal/domain"
)

// Entry is one thing that became known of a room at media time At. Exactly one of the pointers is set.
type Entry struct {
	At    time.Duration
	Event string // ID of the event that said it; empty where there was none

	Line      *domain.TranscriptLine
	Audience  *domain.AudienceSignal
	Sound     *domain.SoundMeasured
	Progress  *domain.StreamProgress
	Broadcast *domain.BroadcastChanged
	Context   *domain.Context
}

// payloads counts what e says.
func (e Entry) payloads() int {
	n := 0
	for _, given := range []bool{e.Line != nil, e.Audience != nil, e.Sound != nil, e.Progress != nil, e.Broadcast != nil, e.Context != nil} {
		if given {
			n++
		}
	}
	return n
}

// Labels are the moments of a room that a good editor would have cut.
type Labels struct {
	Moments []Moment `json:"moments"`
}

// Moment is one of them. Start is where a good clip begins, with its lead-in; Kind may be empty.
type Moment struct {
	Start, End time.Duration
	Kind       string
}

// Window is what the clip of m would show.
func (m Moment) Window() domain.Window { return domain.Window{Start: m.Start, End: m.End} }
