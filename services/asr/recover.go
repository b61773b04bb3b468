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

// leftovers are the broadcasts that a killed process left in the spool. A room continues its newest one when its source rejoins in
// time; every other is closed.
type leftovers struct {
	byStream map[domain.Ref][]recording.Left
	deadline time.Time
}

func (s *Service) recover() error {
	found, err := recording.Recover(s.cfg.Spool, s.log)
	if err != nil {
		return err
	}
	s.leftovers = leftovers{byStream: map[domain.Ref][]recording.Left{}, deadline: s.now().Add(s.cfg.Rejoin)}
	for _, l := range found {
		s.log.Info("broadcast found in the spool", "stream_id", l.Ref.String(), "broadcast", l.Broadcast, "recorded_to", l.RecordedTo, "closed", l.Closed)
		s.leftovers.byStream[l.Ref] = append(s.leftovers.byStream[l.Ref], l)
	}
	return nil
}

// takeLeftovers gives a stream's leftovers to its room, the newest last.
func (s *Service) takeLeftovers(ref domain.Ref) []recording.Left {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.leftovers.byStream[ref]
	delete(s.leftovers.byStream, ref)
	slices.SortFunc(found, func(a, b recording.Left) int { return a.StartedAt.Compare(b.StartedAt) })
	return found
}

// closeLeftovers closes, after the rejoin window, what no room took. An archived recording that is still attached waits for ops to
// give it to a process.
func (s *Service) closeLeftovers(ctx, hard context.Context) {
	for wait := s.leftovers.deadline.Sub(s.now()); ; wait = s.cfg.Rejoin + time.Second {
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
			for _, l := range s.takeLeftovers(ref) {
				switch archived := l.Broadcast == domain.ArchivedBroadcast(ref); {
				case archived && attached && !l.Closed:
					s.returnLeftover(l)
				case archived && !l.Closed:
					room.discard(l)
				default:
					room.closeLeftover(ctx, l)
				}
			}
		}
	}
}

// unclaimed are the streams with leftovers, and whether they are attached.
func (s *Service) unclaimed() map[domain.Ref]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs := map[domain.Ref]bool{}
	for ref := range s.leftovers.byStream {
		refs[ref] = s.attached[ref]
	}
	return refs
}

func (s *Service) returnLeftover(l recording.Left) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leftovers.byStream[l.Ref] = append(s.leftovers.byStream[l.Ref], l)
}

// resume continues the stream's newest broadcast, as one whose source left just now, and closes the others. done: it was an
// archived recording, read to its end already.
func (r *room) resume(ctx context.Context) (done bool) {
	left := r.takeLeftovers(r.order.Ref)
	if r.unpaced() {
		return r.resumeArchived(ctx, left)
	}
	for i, l := range left {
		if i < len(left)-1 || l.Closed {
			r.closeLeftover(ctx, l)
			continue
		}
		if err := r.acquireLease(ctx); err != nil { // its publisher went to another process
			r.log.Warn("broadcast is not continued here", "broadcast", l.Broadcast, "error", err)
			r.closeLeftover(ctx, l)
			continue
		}
		if b := r.reopen(ctx, l, r.lease.Owner.Epoch); b != nil {
			r.broadcast, r.goneAt, r.goneReason = b, r.now(), killedReason
		}
	}
	return false
}

// resumeArchived discards what was not read to its end: it is read again from its beginning, as the same broadcast.
func (r *room) resumeArchived(ctx context.Context, left []recording.Left) (done bool) {
	for _, l := range left {
		if l.Closed {
			r.closeLeftover(ctx, l)
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

const killedReason = "its recorder was killed"

// closeLeftover closes a broadcast that is not continued. It keeps its own epoch, whoever owns the stream by now.
func (r *room) closeLeftover(ctx context.Context, l recording.Left) {
	if b := r.reopen(ctx, l, l.Epoch); b != nil {
		b.close(r.hard, killedReason, r.cfg.Drain)
	}
}

// reopen opens a leftover broadcast, and publishes again the lines that may not have been published. What was recorded and not heard
// stays unheard.
func (r *room) reopen(ctx context.Context, l recording.Left, epoch int64) *broadcast {
	lane := r.lane()
	if l.Broadcast == domain.ArchivedBroadcast(l.Ref) {
		lane = domain.LaneBatch
	}
	b, err := r.openBroadcast(r.hard, broadcastIdentity{ref: l.Ref, id: l.Broadcast, epoch: epoch, lane: lane, live: lane != domain.LaneBatch,
		source: r.order.Source, startedAt: l.StartedAt}, resumption{recordedTo: max(l.RecordedTo, l.HeardTo), heardTo: l.HeardTo, run: l.Runs})
	if err != nil {
		r.log.Error("broadcast not recovered", "broadcast", l.Broadcast, "error", err)
		return nil
	}
	if err := b.republishLines(ctx, r.hot, l); err != nil {
		b.log.Warn("lines not told again", "error", err)
	}
	return b
}

// republishFrom is how long before the last mark a line may end and still not have been published.
const republishFrom = time.Minute

func (b *broadcast) republishLines(ctx context.Context, hot recordingv1.RecordingServer, l recording.Left) error {
	if !l.Closed {
		if err := b.writer.Unheard(domain.Unheard{Window: domain.Window{Start: l.HeardTo, End: l.RecordedTo}, Chosen: b.room.hearingOff()}); err != nil {
			return err
		}
		if err := b.writer.Heard(l.RecordedTo); err != nil {
			return err
		}
	}
	from := max(0, l.HeardTo-republishFrom)
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
			b.captions.rememberFinal(again)
		}
		e := b.event(again, again.Start)
		e.ID = lineEventID(b.id, again.ID)
		b.mu.Lock()
		b.lines = append(b.lines, e)
		b.mu.Unlock()
	}
	b.wakePublisher()
	return nil
}

func lineEventID(b domain.BroadcastID, line string) string {
	return domain.H("event", string(event.TranscriptLine), string(b), line, "final")
}
