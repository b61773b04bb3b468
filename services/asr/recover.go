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

// closeLefts closes, after the rejoin window, what no room took. An archived recording that is still attached waits for ops to
// give it to a process.
func (s *Service) closeLefts(ctx, hard context.Context) {
	for wait := s.left.deadline.Sub(s.now()); ; wait = s.cfg.Rejoin + time.Second {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		refs := s.unclaimed()
		if len(refs) == 0 {
			return
		}
		for ref, attached := range refs {
			room := s.newRoom(hard, domain.StreamState{Ref: ref})
			for _, l := range s.takeLeft(ref) {
				switch archived := l.Broadcast == domain.ArchivedBroadcast(ref); {
				case archived && attached && !l.Closed:
					s.giveLeft(l)
				case archived && !l.Closed:
					room.discard(l)
				default:
					room.closeLeft(ctx, l)
				}
			}
		}
	}
}

// unclaimed are the streams with lefts, and whether they are attached.
func (s *Service) unclaimed() map[domain.Ref]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs := map[domain.Ref]bool{}
	for ref := range s.left.byStream {
		refs[ref] = s.attached[ref]
	}
	return refs
}

func (s *Service) giveLeft(l recording.Left) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left.byStream[l.Ref] = append(s.left.byStream[l.Ref], l)
}

// resume continues the stream's newest broadcast, as one whose source left just now, and closes the others. done: it was an
// archived recording, read to its end already.
func (r *room) resume(ctx context.Context) (done bool) {
	left := r.takeLeft(r.order.Ref)
	if r.unpaced() {
		return r.resumeArchived(ctx, left)
	}
	for i, l := range left {
		if i < len(left)-1 || l.Closed {
			r.closeLeft(ctx, l)
			continue
		}
		if err := r.own(ctx); err != nil { // its publisher went to another process
			r.log.Warn("broadcast is not continued here", "broadcast", l.Broadcast, "error", err)
			r.closeLeft(ctx, l)
			continue
		}
		if b := r.reopen(ctx, l, r.lease.Owner.Epoch); b != nil {
			r.air, r.gone, r.why = b, r.now(), killed
		}
	}
	return false
}

// resumeArchived: what was not read to its end is read again, from its beginning and as the same broadcast.
func (r *room) resumeArchived(ctx context.Context, left []recording.Left) (done bool) {
	for _, l := range left {
		if l.Closed {
			r.closeLeft(ctx, l)
			done = true
		} else {
			r.discard(l)
		}
	}
	return done
}

func (r *room) discard(l recording.Left) {
	if err := recording.Discard(r.cfg.Spool, l.Broadcast); err != nil {
		r.log.Warn("spool not removed", "broadcast", l.Broadcast, "error", err)
	}
}

const killed = "its recorder was killed"

// closeLeft closes a broadcast that nobody continues. It is for itself, whoever owns the stream by now.
func (r *room) closeLeft(ctx context.Context, l recording.Left) {
	if b := r.reopen(ctx, l, l.Epoch); b != nil {
		b.close(r.hard, killed, r.cfg.Drain)
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
		source: r.order.Source, startedAt: l.StartedAt}, resumption{recordedTo: max(l.RecordedTo, l.HeardTo), heardTo: l.HeardTo, run: l.Runs})
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
		if err := b.writer.Unheard(domain.Unheard{Window: domain.Window{Start: l.HeardTo, End: l.RecordedTo}, Chosen: b.room.silenced()}); err != nil {
			return err
		}
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
		again := domain.TranscriptLine{ID: line.Id, Final: true, Start: time.Duration(line.Start), End: time.Duration(line.End), Text: line.Text, Heard: line.Heard, Engine: line.Engine, Language: line.Language}
		for _, w := range line.Words {
			again.Words = append(again.Words, domain.Word{Text: w.Text, Start: time.Duration(w.Start), End: time.Duration(w.End), Confidence: w.Confidence})
		}
		if b.captions != nil {
			b.captions.known(again)
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
