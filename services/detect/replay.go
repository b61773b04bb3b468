package detect

import (
	"context"
	"fmt"
	"iter"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/roomlog"
)

// Report is what a room's log comes to under some rules.
type Report struct {
	Highlights []domain.Highlight       // in the order they were decided
	Decisions  []Decision               // every moment that was considered, those of the highlights included
	Curve      []Point                  // the score over media time, oldest first
	Taken      map[string]int           // what the log held: lines, sound, and signals by kind
	Health     map[string]domain.Health // of the feeds, at the end
	Lag        time.Duration            // of the comments behind the picture, as it was learned by the end
	Length     time.Duration            // of the broadcast, as far as the log goes
}

// Decision is what became of a moment.
type Decision struct {
	// Outcome is "fired", "weak" (below the threshold), "swallowed" (of a moment that has its highlight), "barred" (above the
	// threshold, not above what the hour's budget still lets through) or "vetoed" (by a rule).
	Outcome    string
	Highlight  domain.Highlight
	Bar        float64       // the score it had to reach
	At         time.Duration // when it was decided, on the clock of Entry.At
	Needed     time.Duration // when the last thing it rests on had come, on the same clock
	Why        string        // it is no highlight; empty for one that is
	WhyChinese string
	moment     time.Duration
}

// Point is the score at a media time, of all that became known of it.
type Point struct {
	At    time.Duration
	Score float64
}

// Replay runs a log through a room, as a live broadcast runs through it. It stops at the first error of the log.
func Replay(ctx context.Context, rules *Rules, entries iter.Seq2[roomlog.Entry, error]) (Report, error) {
	p := replay{room: room{rules: rules}, report: Report{Taken: map[string]int{}}}
	if err := p.run(ctx, entries); err != nil {
		return Report{}, err
	}
	for ; p.curve <= p.report.Length; p.curve += time.Second {
		p.report.Curve = append(p.report.Curve, Point{p.curve, p.room.scoreAt(p.curve)})
	}
	p.raise()
	p.report.Health = p.room.feedHealth()
	p.report.Lag = p.room.Lag.is(rules.Lag)
	return p.report, nil
}

// Watch runs a log as Replay does and keeps nothing but the room itself: take is given every decision as it is made.
func Watch(ctx context.Context, rules *Rules, entries iter.Seq2[roomlog.Entry, error], take func(Decision)) error {
	p := replay{room: room{rules: rules}, report: Report{Taken: map[string]int{}}, watched: take}
	return p.run(ctx, entries)
}

// replayed names the broadcast that a log's highlights are of.
const replayed = domain.BroadcastID("replay")

type replay struct {
	room    room
	now     time.Duration
	number  int
	curve   time.Duration // where it goes on
	report  Report
	watched func(Decision) // is told, and nothing is kept; nil: the report is
}

func (p *replay) run(ctx context.Context, entries iter.Seq2[roomlog.Entry, error]) error {
	for e, err := range entries {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		p.take(e)
	}
	p.note(p.room.finish(p.room.Mark))
	return nil
}

func (p *replay) take(e roomlog.Entry) {
	p.now = e.At
	p.number++
	envelope := event.Envelope{ID: e.Event, Broadcast: replayed, At: e.At}
	if envelope.ID == "" {
		envelope.ID = fmt.Sprint("entry-", p.number)
	}
	var payload any
	switch {
	case e.Line != nil:
		p.report.Taken["line"]++
		payload = *e.Line
	case e.Audience != nil:
		p.report.Taken[string(e.Audience.Kind)]++
		payload = *e.Audience
	case e.Sound != nil:
		p.report.Taken["sound"]++
		payload = *e.Sound
	case e.Progress != nil && e.Progress.By != "detect":
		payload = *e.Progress
	default:
		return
	}
	p.room.clock = e.At
	decisions, _ := p.room.put(envelope, payload)
	p.note(decisions)
	p.follow()
}

// note tells, or keeps, what was decided.
func (p *replay) note(decisions []decision) {
	for _, d := range decisions {
		told := Decision{Outcome: string(d.Outcome), Highlight: d.Highlight, Bar: d.Bar, At: p.now, Needed: min(d.came, p.now), Why: d.Why, WhyChinese: d.WhyChinese, moment: d.Anchor.At}
		if p.watched != nil {
			p.watched(told)
			continue
		}
		if d.Outcome == outcomeFired {
			p.report.Highlights = append(p.report.Highlights, d.Highlight)
		}
		p.report.Decisions = append(p.report.Decisions, told)
	}
}

// raise puts the decisions' scores into the curve: one is of the moment that all its evidence speaks of together.
func (p *replay) raise() {
	for _, d := range p.report.Decisions {
		i := int(d.moment / time.Second)
		for at := i; at < min(i+3, len(p.report.Curve)); at++ {
			p.report.Curve[at].Score = max(p.report.Curve[at].Score, d.Highlight.Score)
		}
	}
}

const settled = 25 * time.Second // behind the mark nothing that is dated back can still come

// follow takes the curve along, behind the mark.
func (p *replay) follow() {
	p.report.Length = max(p.report.Length, p.room.Mark)
	for ; p.watched == nil && p.curve+settled <= p.room.Mark; p.curve += time.Second {
		p.report.Curve = append(p.report.Curve, Point{p.curve, p.room.scoreAt(p.curve)})
	}
}
