package asr

import (
	"context"
	"slices"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/recording"
	recordingv1 "liveclip/proto/recording/v1"
)

// lefts are the broadcasts that a killed process left in the spool. A room continues its newest one when its source rejoins in
// time; every other is closed.
type lefts struct {
	byStream map[domain.Ref][]recording.Left
	deadline time.Time
}

func (s *Service) recover() error {
	found, err := recording.Recover(s.cfg.Spool, s.log)
	if err != nil {
		return err
	}
	s.left = lefts{byStream: map[domain.Ref][]recording.Left{}, deadline: s.now().Add(s.cfg.Rejoin)}
	for _, l := range found {
		s.log.Info("broadcast found in the spool", "stream_id", l.Ref.String(), "broadcast", l.Broadcast, "recorded_to", l.RecordedTo, "closed", l.Closed)
		s.left.byStream[l.Ref] = append(s.left.byStream[l.Ref], l)
	}
	return nil
}

// takeLeft gives a stream's lefts, newest last, to whoever looks after it.
func (s *Service) takeLeft(ref domain.Ref) []recording.Left {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.left.byStream[ref]
	delete(s.left.byStream, ref)
	slices.SortFunc(found, func(a, b recording.Left) int { return a.StartedAt.Compare(b.StartedAt) })
	return found
}

// closeLefts closes, after the rejoin window, what no room took.
func (s *Service) closeLefts(ctx, hard context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(s.left.deadline.Sub(s.now())):
	}
	s.mu.Lock()
	var refs []domain.Ref
	for ref := range s.left.byStream {
		refs = append(refs, ref)
	}
	s.mu.Unlock()
	for _, ref := range refs {
		if left := s.takeLeft(ref); len(left) > 0 {
			s.newRoom(hard, domain.StreamState{Ref: ref}).closeLeft(ctx, left)
		}
	}
}

// resume continues the stream's newest broadcast, as one whose source left just now, and closes the others.
func (r *room) resume(ctx context.Context) {
	left := r.takeLeft(r.order.Ref)
	if len(left) == 0 {
		return
	}
	last := left[len(left)-1]
	if r.unpaced() || last.Closed {
		r.closeLeft(ctx, left)
		return
	}
	r.closeLeft(ctx, left[:len(left)-1])
	if err := r.own(ctx); err != nil { // its publisher went to another process
		r.log.Warn("broadcast is not continued here", "broadcast", last.Broadcast, "error", err)
		r.closeLeft(ctx, []recording.Left{last})
		return
	}
	if b := r.reopen(ctx, last, r.lease.Owner.Epoch); b != nil {
		r.air, r.gone, r.why = b, r.now(), "its recorder was killed"
	}
}

// closeLeft closes broadcasts that nobody continues. They are their own, whoever owns the stream by now.
func (r *room) closeLeft(ctx context.Context, left []recording.Left) {
	for _, l := range left {
		if b := r.reopen(ctx, l, l.Epoch); b != nil {
			b.close(r.hard, "its recorder was killed", r.cfg.Drain)
		}
	}
}

// reopen opens what was left, and tells again the lines that perhaps nobody was told. What was recorded and not heard will not
// be heard.
func (r *room) reopen(ctx context.Context, l recording.Left, epoch int64) *broadcast {
	lane := r.lane()
	if l.Broadcast == domain.ArchivedBroadcast(l.Ref) {
		lane = domain.LaneBatch
	}
	b, err := r.openBroadcast(r.hard, about{ref: l.Ref, id: l.Broadcast, epoch: epoch, lane: lane, live: lane != domain.LaneBatch,
		source: r.order.Source, startedAt: l.StartedAt}, startedBy{recordedTo: l.RecordedTo, heardTo: l.HeardTo, run: l.Runs})
	if err != nil {
		r.log.Error("broadcast not recovered", "broadcast", l.Broadcast, "error", err)
		return nil
	}
	if err := b.tellAgain(ctx, r.hot, l); err != nil {
		b.log.Warn("lines not told again", "error", err)
	}
	return b
}

// tellAgainFrom is how long before the last mark a line may end and still have gone untold.
const tellAgainFrom = time.Minute

func (b *broadcast) tellAgain(ctx context.Context, hot recordingv1.RecordingServer, l recording.Left) error {
	if !l.Closed {
		if err := b.writer.Heard(l.RecordedTo); err != nil {
			return err
		}
	}
	from := max(0, l.HeardTo-tellAgainFrom)
	reply, err := hot.Lines(ctx, &recordingv1.LinesRequest{Range: &recordingv1.Range{
		Tenant: string(b.ref.Tenant), Stream: string(b.ref.Stream), Broadcast: string(b.id), Start: int64(from), End: int64(l.RecordedTo)}})
	if err != nil {
		return err
	}
	for _, line := range reply.Lines {
		again := domain.TranscriptLine{ID: line.Id, Final: true, Start: time.Duration(line.Start), End: time.Duration(line.End), Text: line.Text, Engine: line.Engine, Language: line.Language}
		for _, w := range line.Words {
			again.Words = append(again.Words, domain.Word{Text: w.Text, Start: time.Duration(w.Start), End: time.Duration(w.End), Confidence: w.Confidence})
		}
		e := b.event(again, again.Start)
		e.ID = lineEventID(b.id, again.ID)
		b.mu.Lock()
		b.lines = append(b.lines, e)
		b.mu.Unlock()
	}
	b.nudge()
	return nil
}

func lineEventID(b domain.BroadcastID, line string) string {
	return domain.H("event", string(event.TranscriptLine), string(b), line, "final")
}
