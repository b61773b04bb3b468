package detect

import (
	"time"

	"liveclip/internal/domain"
)

// WindowRules place the window around a moment.
type WindowRules struct {
	Before   time.Duration `yaml:"before"`   // shown before the sentence of the moment
	Reach    time.Duration `yaml:"reach"`    // furthest before the moment, to begin with a sentence
	After    time.Duration `yaml:"after"`    // shown after the sentence
	Edge     time.Duration `yaml:"edge"`     // a change of product or picture this near to the start is where it begins
	Shortest time.Duration `yaml:"shortest"` // length
	Longest  time.Duration `yaml:"longest"`
}

// window places the window of the highlight that evidence anchors: from the sentence of the moment, or an earlier one that
// was part of it.
func (r *room) window(anchor evidence, parts []evidence) domain.Window {
	sentence := r.sentenceOf(anchor, parts)
	if !anchor.Said || sentence.Start != anchor.Sentence.Start {
		anchor.Moment = domain.Window{Start: sentence.Start, End: min(sentence.End, sentence.Start+saidFor)}
	}
	for _, p := range parts {
		if p.Said && p.Kind != "" && p.Signal != signalSpeech && r.rules.weights[p.Feature] > 0 && p.Sentence.Start < sentence.Start && sentence.Start-p.Sentence.Start <= r.rules.Window.Reach {
			sentence.Start = p.Sentence.Start
		}
	}
	sentence = r.withLead(sentence)
	var after time.Duration
	for _, f := range r.Fired {
		if f.Moment.Start < anchor.Moment.Start {
			after = max(after, f.Window.End)
		}
	}
	rules := r.rules.Window
	w := rules.around(anchor.Moment, sentence, r.Sentences, after)
	w.Start = rules.toEdge(w.Start, after, anchor.Moment.Start, r.Edges)
	if w.Length() > rules.Longest {
		w.End = w.Start + rules.Longest
	}
	return w
}

// withLead begins a sentence where the host called for attention, if it follows that at once.
func (r *room) withLead(sentence domain.Window) domain.Window {
	for _, lead := range r.Sentences {
		if !lead.Leads {
			continue
		}
		if pause := sentence.Start - lead.End; pause >= 0 && pause <= leadPause && sentence.Start-lead.Start <= r.rules.Window.Reach {
			sentence.Start = lead.Start
		}
	}
	return sentence
}

// leadPause is how long after a call for attention the sentence may begin that it is of.
const leadPause = 2500 * time.Millisecond

// toEdge moves a start to the nearest change of product or picture, not into what was shown before nor past the moment.
func (w WindowRules) toEdge(start, after, moment time.Duration, edges []time.Duration) time.Duration {
	nearest := start
	for _, edge := range edges {
		if edge < after || edge > moment || (edge-start).Abs() > w.Edge {
			continue
		}
		if nearest == start || (edge-start).Abs() < (nearest-start).Abs() {
			nearest = edge
		}
	}
	return nearest
}

// around places the window about a moment that was said in (or, for a burst, fell on) a sentence; sentences are those
// known by then, oldest first. The window begins where a sentence begins and ends where one ends, as far as that is known
// and within reach; it begins after the highlight before it where the moment allows that. It is never negative or empty.
func (w WindowRules) around(moment, sentence domain.Window, sentences []sentence, after time.Duration) domain.Window {
	start, end := sentence.Start-w.Before, max(sentence.End, moment.End+w.After)
	if moment.Start-sentence.Start > w.Reach {
		start = moment.Start - w.Before // a sentence of minutes: the moment's own surroundings
	} else {
		start = w.snapStart(start, moment, sentence, sentences)
	}
	if sentence.End-moment.End > w.Reach {
		end = moment.End + w.After
	} else {
		end = w.endWith(end, sentence, sentences)
	}
	start = max(start, 0, min(after, sentence.Start, moment.Start))
	end = max(end, start+w.Shortest)
	if end-start > w.Longest {
		start = max(start, moment.Start-w.Before)
		end = min(end, start+w.Longest)
	}
	return domain.Window{Start: start, End: end}
}

// snapStart moves a start that would cut into an earlier sentence to that one's start, or its end when that is too far back.
func (w WindowRules) snapStart(start time.Duration, moment, sentence domain.Window, sentences []sentence) time.Duration {
	for _, s := range sentences {
		if s.Start >= start || start >= s.End || s.Start >= sentence.Start {
			continue
		}
		if moment.Start-s.Start <= w.Reach {
			return s.Start
		}
		return min(s.End, sentence.Start)
	}
	return start
}

// snapEnd is how much longer a window may get to end with a sentence.
const snapEnd = 3 * time.Second

// endWith moves an end that would cut a known sentence to that one's end, unless it goes on for too long.
func (w WindowRules) endWith(end time.Duration, sentence domain.Window, sentences []sentence) time.Duration {
	for _, s := range sentences {
		if s.Start < end && end < s.End && s.End > sentence.End && s.End-end <= snapEnd {
			return s.End
		}
	}
	return end
}
