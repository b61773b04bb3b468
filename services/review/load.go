package review

import (
	"fmt"
	"slices"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	mediav1 "liveclip/proto/media/v1"
)

// LoadStep is what is given up when much is to be finished: it holds when so many clips are finished at once, this one among
// them, or when this one is so far behind. A batch clip is never behind. The last step that holds counts.
type LoadStep struct {
	Running int           `koanf:"running"` // clips at once, those that wait for a place among them; 0: however many
	Behind  time.Duration `koanf:"behind"`  // waited for a place; 0: however long
	Backlog time.Duration `koanf:"backlog"` // of footage that was recorded before the clip began to be made; 0: however much
	Preset  string        `koanf:"preset"`  // of libx264, where it is faster than the usual one; empty: the usual one
	Rungs   int           `koanf:"rungs"`   // profiles at most, the first of the plan; 0: all
}

func (l LoadStep) fault(name string) []string {
	var faults []string
	if min(l.Running, l.Rungs) < 0 || min(l.Behind, l.Backlog) < 0 {
		faults = append(faults, fmt.Sprintf("%s: running, behind, backlog and rungs must not be negative", name))
	}
	if l.Running == 0 && l.Behind == 0 && l.Backlog == 0 {
		faults = append(faults, fmt.Sprintf("%s: must say when it holds: running, behind or backlog", name))
	}
	if l.Preset == "" && l.Rungs == 0 {
		faults = append(faults, fmt.Sprintf("%s: must say what is given up: preset or rungs", name))
	}
	if l.Preset != "" && !slices.Contains(presets, l.Preset) {
		faults = append(faults, fmt.Sprintf("%s: preset must be one of %v, is %q", name, presets, l.Preset))
	}
	return faults
}

// load is what is to be finished beside a clip when it begins.
type load struct {
	running         int
	behind, backlog time.Duration
	lane            domain.Lane
}

// holds tells whether a step holds, and why, for a person.
func (l load) holds(step LoadStep) (why string, ok bool) {
	live := l.lane != domain.LaneBatch
	switch {
	case step.Running > 0 && l.running >= step.Running:
		return note.AtOnce.Say(l.running), true
	case step.Backlog > 0 && l.backlog >= step.Backlog && live:
		return note.Backlog.Say(l.backlog.Seconds()), true
	case step.Behind > 0 && l.behind >= step.Behind && live:
		return note.BeganLate.Say(l.behind.Seconds()), true
	}
	return "", false
}

// threads is how many threads an encoder has beside other clips': those that x264 would take alone, shared. 0, its own
// choice, for a clip that is alone. More of them finish nothing sooner, and take processors from who hears the rooms.
func threads(processors, clips int) int64 {
	if clips < 2 {
		return 0
	}
	return int64(min((processors*3/2+clips-1)/clips, 16))
}

// lighten takes from an order what the load asks for, and gives notes of it.
func lighten(order *mediav1.FinishOrder, steps []LoadStep, l load) []string {
	var notes []string
	for _, step := range slices.Backward(steps) {
		why, ok := l.holds(step)
		if !ok {
			continue
		}
		if i := slices.Index(presets, step.Preset); i >= 0 && i < slices.Index(presets, order.Preset) {
			notes = append(notes, note.Preset.Say(step.Preset, order.Preset, why))
			order.Preset = step.Preset
		}
		if n := len(order.Profiles); step.Rungs > 0 && n > step.Rungs {
			notes = append(notes, note.Profiles.Say(step.Rungs, n, why))
			order.Profiles = order.Profiles[:step.Rungs]
		}
		break
	}
	return notes
}
