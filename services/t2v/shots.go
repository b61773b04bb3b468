package t2v

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/job"
	"liveclip/internal/note"
	"liveclip/internal/record"
	"liveclip/internal/workfolder"
)

const workPrefix = "liveclip-shots-"

// makeShots makes the template and generated shots of a plan, puts them into the store, and cuts.
func (s *Service) makeShots(ctx context.Context, j job.Job) error {
	plan, err := s.loadPlan(ctx, j)
	if err != nil {
		return err
	}
	var known record.Of[domain.Cut]
	_, err = blob.ReadJSON(ctx, s.store, record.Cut(plan.Envelope.Tenant, plan.Value.Clip, plan.Value.Revision), &known)
	if err == nil {
		return s.announce(ctx, known)
	}
	if !errors.Is(err, blob.ErrNotFound) {
		return fmt.Errorf("read cut of clip %s: %w", plan.Value.Clip, err)
	}
	s.activePlans.Add(1)
	defer s.activePlans.Add(-1)
	work, err := workfolder.Make(s.cfg.Work, workPrefix)
	if err != nil {
		return err
	}
	defer func() { _ = work.Remove() }()

	last := j.Attempt > s.cfg.MaxRetry
	making, done := withCutTime(ctx)
	defer done()
	shots := make([]shotResult, len(plan.Value.Shots))
	for i, shot := range plan.Value.Shots {
		if shot.Kind == domain.ShotFootage {
			continue
		}
		if shots[i], err = s.shot(ctx, making, plan, i, filepath.Join(work.Path, fmt.Sprintf("shot.%d.mp4", i)), last); err != nil {
			return err
		}
	}
	return s.cut(ctx, plan, shots)
}

var errSlow = note.TookTooLong.Errorf()

// withCutTime ends before the attempt does: what is not made by then gives way, and there is time left to cut.
func withCutTime(ctx context.Context) (context.Context, context.CancelFunc) {
	end, bounded := ctx.Deadline()
	if !bounded {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, end.Add(-time.Until(end)/10), errSlow)
}

func (s *Service) loadPlan(ctx context.Context, j job.Job) (record.Of[domain.Plan], error) {
	var o jobPayload
	var plan record.Of[domain.Plan]
	if err := json.Unmarshal(j.Payload, &o); err != nil {
		return plan, domain.Permanent(fmt.Errorf("job %s: payload: %w", j.ID, err))
	}
	_, err := blob.ReadJSON(ctx, s.store, record.Plan(o.Tenant, o.Clip, o.Revision), &plan)
	if errors.Is(err, blob.ErrNotFound) {
		return plan, domain.Permanent(fmt.Errorf("job %s: plan of clip %s revision %d: %w", j.ID, o.Clip, o.Revision, err))
	}
	if err != nil {
		return plan, fmt.Errorf("job %s: read plan of clip %s: %w", j.ID, o.Clip, err)
	}
	return plan, nil
}

// shot makes one shot, while making goes on, unless it lies in the store. An error means that the job shall be tried
// again; a shot that cannot be made, or not even at the last attempt, is no error but a note.
func (s *Service) shot(ctx, making context.Context, plan record.Of[domain.Plan], number int, file string, last bool) (shotResult, error) {
	shot := plan.Value.Shots[number]
	key := record.Shot(plan.Envelope.Tenant, plan.Value.Clip, plan.Value.Revision, number)
	if _, err := s.store.Stat(ctx, key); err == nil {
		return s.loadShot(ctx, plan, number)
	} else if !errors.Is(err, blob.ErrNotFound) {
		return shotResult{}, fmt.Errorf("look for shot %d of clip %s: %w", number, plan.Value.Clip, err)
	}
	began := s.now()
	t, err := s.shotMaker.make(making, plan, number, file)
	s.metrics.shots.WithLabelValues(string(shot.Kind), outcome(err)).Observe(s.now().Sub(began).Seconds())
	var instead *fallback
	slow := errors.Is(context.Cause(making), errSlow)
	switch {
	case err == nil:
		return s.storeShot(ctx, plan, number, file, t)
	case ctx.Err() != nil:
		return shotResult{}, fmt.Errorf("make shot %d of clip %s: %w", number, plan.Value.Clip, context.Cause(ctx))
	case errors.As(err, &job.Later{}):
		return shotResult{}, fmt.Errorf("make shot %d of clip %s: %w", number, plan.Value.Clip, err)
	case slow, errors.As(err, &instead), domain.IsPermanent(err), last:
		s.log.Warn("shot left out", "clip_id", plan.Value.Clip, "shot", number, "kind", shot.Kind, "error", err)
		left := t.toStore(number, shot, 0)
		left.Record.Became, left.Record.Fault = domain.ShotFootage, err.Error()
		return shotResult{storedShot: left, Note: fallbackNote(shot, err)}, nil
	}
	return shotResult{}, fmt.Errorf("make shot %d of clip %s: %w", number, plan.Value.Clip, err)
}

// storeShot puts a finished shot into the store, and then how it was made. One that another worker put there first stands.
func (s *Service) storeShot(ctx context.Context, plan record.Of[domain.Plan], number int, file string, t madeShot) (shotResult, error) {
	began := s.now()
	key := record.Shot(plan.Envelope.Tenant, plan.Value.Clip, plan.Value.Revision, number)
	f, err := os.Open(file)
	if err != nil {
		return shotResult{}, fmt.Errorf("keep shot %s: %w", key, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return shotResult{}, fmt.Errorf("keep shot %s: %w", key, err)
	}
	if _, err := s.store.PutNew(ctx, key, f); err != nil && !errors.Is(err, blob.ErrExists) {
		return shotResult{}, fmt.Errorf("keep shot %s: %w", key, err)
	}
	k := t.toStore(number, plan.Value.Shots[number], info.Size())
	k.addStoreTime(s.now().Sub(began))
	if _, err := blob.WriteNewJSON(ctx, s.store, record.ShotMade(plan.Envelope.Tenant, plan.Value.Clip, plan.Value.Revision, number), &k); err != nil {
		return shotResult{}, fmt.Errorf("keep record of shot %s: %w", key, err)
	}
	return shotResult{storedShot: k, File: key}, nil
}

// loadShot is a shot that lies in the store. Of one whose maker died before it wrote how it was made, only what was ordered is known.
func (s *Service) loadShot(ctx context.Context, plan record.Of[domain.Plan], number int) (shotResult, error) {
	shot := plan.Value.Shots[number]
	m := shotResult{File: record.Shot(plan.Envelope.Tenant, plan.Value.Clip, plan.Value.Revision, number)}
	_, err := blob.ReadJSON(ctx, s.store, record.ShotMade(plan.Envelope.Tenant, plan.Value.Clip, plan.Value.Revision, number), &m.storedShot)
	if errors.Is(err, blob.ErrNotFound) {
		m.storedShot = storedShot{Record: shotRecord(number, shot), Generated: true}
		m.Record.Became = shot.Kind
		return m, nil
	}
	if err != nil {
		return shotResult{}, fmt.Errorf("read record of shot %d of clip %s: %w", number, plan.Value.Clip, err)
	}
	return m, nil
}

// shotsFailed is told when a job ended for good: the clip's story ends with why.
func (s *Service) shotsFailed(ctx context.Context, j job.Job, cause error) {
	plan, err := s.loadPlan(ctx, j)
	if err == nil {
		err = s.sayFailed(ctx, plan, cause)
	}
	if err != nil {
		s.log.Error("failure not told", "job", j.ID, "error", err, "failure", cause)
	}
}

// fallbackNote tells a person what stands in for a shot, and why.
func fallbackNote(shot domain.Shot, err error) string {
	if shot.Kind == domain.ShotTemplate {
		return note.TemplateLeftOut.Say(shot.Template, err)
	}
	return note.FootageInstead.Say(err)
}

func outcome(err error) string {
	if err != nil {
		return "failed"
	}
	return "made"
}
