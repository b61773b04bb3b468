package detect

import (
	"fmt"
	"time"

	"liveclip/internal/domain"
)

// reactions are laughter and applause in the room's sound. It remembers the newest, for conditions.
type reactions struct {
	Laughter, Applause float64 // confidence
	At                 time.Duration
}

const (
	reactionFor    = 5 * time.Second // a reaction is news
	mostReactions  = 64              // of one stretch of sound
	reactionBefore = 4 * time.Second // it answers what was said just before
)

func (s *reactions) take(h happening, _ *room) []evidence {
	if h.At-s.At > reactionFor {
		s.Laughter, s.Applause = 0, 0
	}
	if h.Sound == nil {
		return nil
	}
	var out []evidence
	for _, heard := range h.Sound.Events[:min(len(h.Sound.Events), mostReactions)] {
		value := min(1, heard.Confidence)
		if !(value > 0) {
			continue
		}
		e := evidence{
			Signal: signalSound, Kind: kindBurst, Value: value, Burst: int64(heard.Window.Start), Source: source{came: h.Sound.came},
			Moment: domain.Window{Start: max(0, heard.Window.Start-reactionBefore), End: max(0, heard.Window.Start)},
			Detail: fmt.Sprintf("%s (%.0f%% sure)", heard.Kind, 100*value),
		}
		switch heard.Kind {
		case "laughter":
			e.Feature, e.Chinese, s.Laughter, s.At = "sound.laughter", fmt.Sprintf("笑声（把握 %.0f%%）", 100*value), value, h.At
		case "applause":
			e.Feature, e.Chinese, s.Applause, s.At = "sound.applause", fmt.Sprintf("掌声（把握 %.0f%%）", 100*value), value, h.At
		default:
			continue
		}
		out = append(out, e)
	}
	return out
}

func (s *reactions) values(give func(string, float64)) {
	give("sound.laughter", s.Laughter)
	give("sound.applause", s.Applause)
}
