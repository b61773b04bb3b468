package detect

import (
	"time"

	"liveclip/internal/domain"
)

// around places the window about a moment that was said in (or, for a burst, fell on) a sentence; lines are the sentences
// known by then, oldest first. The window begins where a sentence begins and ends where one ends, as far as that is known
// and within reach; it begins after the highlight before it where the moment allows that. It is never negative or empty.
func (w WindowRules) around(moment, sentence domain.Window, lines []heard, after time.Duration) domain.Window {
	start, end := sentence.Start-w.Before, sentence.End+w.After
	if moment.Start-sentence.Start > w.Reach {
		start = moment.Start - w.Before // a sentence of minutes: the moment's own surroundings
	} else {
		start = w.snapStart(start, moment, sentence, lines)
	}
	if sentence.End-moment.End > w.Reach {
		end = moment.End + w.After
	} else {
		end = w.snapEnd(end, sentence, lines)
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
func (w WindowRules) snapStart(start time.Duration, moment, sentence domain.Window, lines []heard) time.Duration {
	for _, l := range lines {
		if l.Line.Start >= start || start >= l.Line.End || l.Line.Start >= sentence.Start {
			continue
		}
		if moment.Start-l.Line.Start <= w.Reach {
			return l.Line.Start
		}
		return min(l.Line.End, sentence.Start)
	}
	return start
}

// snapEnd moves an end that would cut a known sentence to that one's end, or its start when it goes on for too long.
func (w WindowRules) snapEnd(end time.Duration, sentence domain.Window, lines []heard) time.Duration {
	for _, l := range lines {
		if l.Line.Start >= end || end >= l.Line.End || l.Line.End <= sentence.End {
			continue
		}
		if l.Line.End-end <= w.After {
			return l.Line.End
		}
		return max(l.Line.Start, sentence.End)
	}
	return end
}

// sentenceAt is the sentence that moment falls on, or the moment itself when nothing was said.
func sentenceAt(moment domain.Window, lines []heard) domain.Window {
	for _, l := range lines {
		if l.Line.Start <= moment.Start && moment.Start < l.Line.End {
			return domain.Window{Start: l.Line.Start, End: max(l.Line.End, moment.End)}
		}
	}
	return moment
}
