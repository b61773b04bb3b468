package roomlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"liveclip/internal/domain"
)

// mostSeconds bounds every time in a log.
const mostSeconds = 30 * 24 * 3600

// seconds is a duration written as decimal seconds; it comes back exact to the nanosecond.
type seconds time.Duration

func (s seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', -1, 64), nil
}

func (s *seconds) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("%.40q is no number of seconds", text)
	}
	if !(math.Abs(v) <= mostSeconds) {
		return fmt.Errorf("%v seconds are more than %d", v, mostSeconds)
	}
	*s = seconds(math.Round(v * float64(time.Second)))
	return nil
}

// wireEntry is the JSON of an Entry.
type wireEntry struct {
	At        *seconds       `json:"at_s"`
	Event     string         `json:"event,omitempty"`
	Line      *wireLine      `json:"line,omitempty"`
	Audience  *wireAudience  `json:"audience,omitempty"`
	Sound     *wireSound     `json:"sound,omitempty"`
	Progress  *wireProgress  `json:"progress,omitempty"`
	Broadcast *wireBroadcast `json:"broadcast,omitempty"`
	Context   *wireContext   `json:"context,omitempty"`
}

type wireLine struct {
	ID       string     `json:"id,omitempty"`
	Revision int        `json:"revision,omitempty"`
	Partial  bool       `json:"partial,omitempty"`
	Start    seconds    `json:"start_s"`
	End      seconds    `json:"end_s"`
	Text     string     `json:"text"`
	Words    []wireWord `json:"words,omitempty"`
	Engine   string     `json:"engine,omitempty"`
	Language string     `json:"language,omitempty"`
}

type wireWord struct {
	Text       string  `json:"text"`
	Start      seconds `json:"start_s"`
	End        seconds `json:"end_s"`
	Confidence float64 `json:"confidence,omitempty"`
}

type wireAudience struct {
	ID      string               `json:"id,omitempty"`
	Kind    domain.SignalKind    `json:"kind"`
	At      *seconds             `json:"at_s,omitempty"`
	Sent    *time.Time           `json:"sent,omitempty"`
	Text    string               `json:"text,omitempty"`
	User    string               `json:"user,omitempty"`
	Count   *int64               `json:"count,omitempty"`
	Product *wireProduct         `json:"product,omitempty"`
	Action  domain.ProductAction `json:"action,omitempty"`
}

type wireProduct struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Price string `json:"price,omitempty"`
	Image string `json:"image,omitempty"`
	Was   string `json:"was,omitempty"`
}

type wireSound struct {
	Start  seconds     `json:"start_s"`
	Step   seconds     `json:"step_s"`
	LUFS   []float64   `json:"lufs"`
	Events []wireHeard `json:"events,omitempty"`
}

type wireHeard struct {
	Kind       string  `json:"kind"`
	Start      seconds `json:"start_s"`
	End        seconds `json:"end_s"`
	Confidence float64 `json:"confidence,omitempty"`
}

type wireProgress struct {
	HeardTo    seconds                  `json:"heard_to_s"`
	RecordedTo *seconds                 `json:"recorded_to_s,omitempty"`
	Health     map[string]domain.Health `json:"health,omitempty"`
	Closed     bool                     `json:"closed,omitempty"`
	By         string                   `json:"by,omitempty"`
	SceneCuts  []seconds                `json:"scene_cuts_s,omitempty"`
}

type wireBroadcast struct {
	Change     domain.BroadcastChange  `json:"change"`
	At         seconds                 `json:"at_s"`
	StartedAt  *time.Time              `json:"started_at,omitempty"`
	Source     string                  `json:"source,omitempty"`
	Parameters *domain.MediaParameters `json:"parameters,omitempty"`
	GapStart   seconds                 `json:"gap_start_s,omitempty"`
	GapEnd     seconds                 `json:"gap_end_s,omitempty"`
	Reason     string                  `json:"reason,omitempty"`
}

type wireContext struct {
	Host     string            `json:"host,omitempty"`
	Category string            `json:"category,omitempty"`
	Language string            `json:"language,omitempty"`
	Products []wireProduct     `json:"products,omitempty"`
	Extra    map[string]string `json:"extra,omitempty"`
}

// MarshalJSON writes {"start_s", "end_s", "kind"}.
func (m Moment) MarshalJSON() ([]byte, error) {
	kind, err := json.Marshal(m.Kind)
	if err != nil {
		return nil, err
	}
	start, _ := seconds(m.Start).MarshalJSON()
	end, _ := seconds(m.End).MarshalJSON()
	return fmt.Appendf(nil, `{"start_s":%s,"end_s":%s,"kind":%s}`, start, end, kind), nil
}

// UnmarshalJSON refuses a moment that does not begin before it ends.
func (m *Moment) UnmarshalJSON(text []byte) error {
	var w struct {
		Start *seconds `json:"start_s"`
		End   *seconds `json:"end_s"`
		Kind  string   `json:"kind"`
	}
	if err := strict(text, &w); err != nil {
		return err
	}
	if w.Start == nil || w.End == nil || *w.Start < 0 || *w.End <= *w.Start {
		return errors.New("moment: start_s and end_s must be given, and start before end")
	}
	*m = Moment{time.Duration(*w.Start), time.Duration(*w.End), w.Kind}
	return nil
}
