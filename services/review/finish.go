package review

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"liveclip/internal/blob"
	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/job"
	"liveclip/internal/note"
	"liveclip/internal/record"
	"liveclip/internal/workfolder"
	mediav1 "liveclip/proto/media/v1"
)

const workPrefix = "liveclip-finish-"

// finish makes the renditions of a clip. It follows the recording, so it may begin before the clip's last second was said.
func (s *Service) finish(ctx context.Context, j job.Job) error {
	n, err := nameOf(j)
	if err != nil {
		return err
	}
	var known record.Of[domain.Rendered]
	if _, found, err := s.find(ctx, record.Rendered(n.Tenant, n.Clip, n.Revision), &known); err != nil {
		return fmt.Errorf("finish clip %s: %w", n, err)
	} else if found {
		return s.rendered(ctx, n, known)
	}
	if down, err := s.takenDown(ctx, n); err != nil || down {
		return err
	}
	c, err := s.load(ctx, n)
	if err != nil {
		return err
	}
	c.attempt, c.waited, c.last = j.Attempt, j.Waited, j.Attempt > s.cfg.MaxRetry || j.Waited >= patience
	began := s.now()
	rendered, err := s.render(ctx, c)
	s.metrics.finished.WithLabelValues(outcome(err)).Observe(s.now().Sub(began).Seconds())
	if err != nil {
		return fmt.Errorf("finish clip %s: %w", n, err)
	}
	return s.keepRendered(ctx, c, rendered)
}

// errEnded is told to nobody: the job is back on its queue.
var errEnded = errors.New("the service has ended")

// render runs one finisher over a folder of its own and puts what it made into the store.
func (s *Service) render(ctx context.Context, c clip) (domain.Rendered, error) {
	if !s.making.TryRLock() {
		return domain.Rendered{}, errEnded
	}
	defer s.making.RUnlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, err := workfolder.Make(s.cfg.Work, workPrefix)
	if err != nil {
		return domain.Rendered{}, err
	}
	defer func() { _ = work.Remove() }()
	folder := work.Path

	pieces, err := s.pieces(ctx, c, folder)
	if err != nil {
		return domain.Rendered{}, err
	}
	// Words come later than pictures: they are waited for beside the work, or before it when they are burned in.
	words := s.hear(ctx, c, pieces)
	finished, err := s.make(ctx, c, pieces, folder, words)
	if err != nil {
		return domain.Rendered{}, err
	}
	return s.upload(ctx, c, folder, finished, func() spokenText {
		spoken := words.wait(ctx, s.cfg.SubtitlesWait)
		spoken.cues = inClipTime(spoken.cues, finished.GetParts())
		return spoken
	})
}

// make makes the clip's files in the folder, in the way its cut says.
func (s *Service) make(ctx context.Context, c clip, pieces []piece, folder string, words *clipWords) (*mediav1.Finished, error) {
	if c.cut.Value.Mode == domain.ModeCopy {
		return s.copyInTurn(ctx, c, pieces, folder)
	}
	order, err := s.order(c, pieces, folder)
	if err != nil {
		return nil, err
	}
	if burns(c.plan.Value.Profiles) {
		order.Subtitles = toBurn(words.wait(ctx, s.wordsWait(pieces)).cues)
	}
	return s.finishInTurn(ctx, c, order)
}

// finishInTurn runs a finisher once its clip is due and has a place.
func (s *Service) finishInTurn(ctx context.Context, c clip, order *mediav1.FinishOrder) (*mediav1.Finished, error) {
	sound := s.measured(ctx, c)
	if err := s.awaitDue(ctx, c, sound); err != nil {
		return nil, err
	}
	due := s.now()
	lane := laneOf(c.envelope().Lane)
	release, err := s.slots.take(ctx, lane)
	if err != nil {
		return nil, err
	}
	defer release()
	l := load{behind: s.now().Sub(due), backlog: backlog(sound, c.windows()), lane: lane}
	if err := s.gather(ctx, c, sound, l); err != nil {
		return nil, err
	}
	order.Loudness = s.loudness(ctx, c, sound)
	l.running = s.slots.atOnce()
	order.Threads = threads(runtime.NumCPU(), l.running)
	notes := lighten(order, s.cfg.Load, l)
	notes = append(notes, s.faces(c, order)...)
	finished, err := s.runFinisher(ctx, c, child.Finish, &mediav1.ToChild{Message: &mediav1.ToChild_Finish{Finish: order}}, order.GetParts())
	if err != nil {
		return nil, err
	}
	finished.Notes = append(finished.Notes, notes...)
	return finished, nil
}

func (s *Service) keepRendered(ctx context.Context, c clip, rendered domain.Rendered) error {
	fact := c.envelope().Follow(rendered, s.now(), "rendered/"+c.String())
	written := record.Of[domain.Rendered]{Envelope: fact.Envelope, Value: rendered}
	key := record.Rendered(c.Tenant, c.Clip, c.Revision)
	if _, err := blob.WriteNewJSON(ctx, s.store, key, &written); err != nil {
		return fmt.Errorf("finish clip %s: write what was rendered: %w", c, err)
	}
	s.log.Info("clip finished", "clip_id", c.Clip, "revision", c.Revision, "length", written.Value.Window.Length(), "clipped_to", written.Value.ClippedTo)
	return s.rendered(ctx, c.name, written)
}

// rendered tries the barrier and tells that the renditions lie in the store.
func (s *Service) rendered(ctx context.Context, n name, r record.Of[domain.Rendered]) error {
	if err := s.release(ctx, n); err != nil {
		return err
	}
	err := s.tell(ctx, r.Envelope, r.Value, domain.ClipStep{
		Clip: n.Clip, Revision: n.Revision, Step: domain.StepRendered, At: r.Envelope.Wall, Note: remarks(r.Value), Rendered: &r.Value,
	})
	if err != nil {
		return fmt.Errorf("tell clip %s rendered: %w", n, err)
	}
	return nil
}

// finishFailed is told when a clip could not be finished: its story ends with why.
func (s *Service) finishFailed(ctx context.Context, j job.Job, cause error) {
	n, err := nameOf(j)
	if err == nil {
		err = s.failed(ctx, n, cause)
	}
	if err != nil {
		s.log.Error("failure not told", "job", j.ID, "error", err, "failure", cause)
	}
}

// remarks are what a person should know of how a clip was finished.
func remarks(r domain.Rendered) string {
	said := r.Notes
	if r.ClippedTo != "" {
		said = append([]string{r.ClippedTo}, said...)
	}
	return note.Join(said)
}

func outcome(err error) string {
	if err != nil {
		return "failed"
	}
	return "finished"
}
