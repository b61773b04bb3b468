package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/job"
	"liveclip/internal/record"
)

// name of one revision of a clip; also the payload of a job.
type name struct {
	Tenant   domain.Tenant
	Clip     domain.ClipID
	Revision int
}

func (n name) String() string { return fmt.Sprintf("%s/%d", n.Clip, n.Revision) }

func nameOf(j job.Job) (name, error) {
	var n name
	if err := json.Unmarshal(j.Payload, &n); err != nil {
		return name{}, domain.Permanent(fmt.Errorf("job %s: payload: %w", j.ID, err))
	}
	return n, nil
}

// clip is what shall be made: both were written before the cut was announced.
type clip struct {
	name
	plan    record.Of[domain.Plan]
	cut     record.Of[domain.Cut]
	attempt int // from 1
	waited  time.Duration
	last    bool // attempt at it: what is there has to do
}

func (c clip) envelope() event.Envelope      { return c.cut.Envelope }
func (c clip) broadcast() domain.BroadcastID { return c.cut.Envelope.Broadcast }
func (c clip) ref() domain.Ref               { return c.cut.Envelope.Ref() }
func (c clip) generated() bool {
	for _, part := range c.cut.Value.Parts {
		if part.Generated {
			return true
		}
	}
	return false
}

// windows of the recording in the cut, in order of play.
func (c clip) windows() []domain.Window {
	var windows []domain.Window
	for _, part := range c.cut.Value.Parts {
		if part.File == "" {
			windows = append(windows, part.Window)
		}
	}
	return windows
}

func (s *Service) load(ctx context.Context, n name) (clip, error) {
	c := clip{name: n}
	if err := s.mustRead(ctx, record.Plan(n.Tenant, n.Clip, n.Revision), &c.plan); err != nil {
		return clip{}, fmt.Errorf("clip %s: plan: %w", n, err)
	}
	if err := s.mustRead(ctx, record.Cut(n.Tenant, n.Clip, n.Revision), &c.cut); err != nil {
		return clip{}, fmt.Errorf("clip %s: cut: %w", n, err)
	}
	return c, nil
}

// mustRead reads a record that was announced: when it is not there, no retry brings it.
func (s *Service) mustRead(ctx context.Context, key string, v any) error {
	_, err := blob.ReadJSON(ctx, s.store, key, v)
	if errors.Is(err, blob.ErrNotFound) {
		return domain.Permanent(err)
	}
	return err
}

// find reads a record that may not be there yet.
func (s *Service) find(ctx context.Context, key string, v any) (etag string, found bool, err error) {
	etag, err = blob.ReadJSON(ctx, s.store, key, v)
	if errors.Is(err, blob.ErrNotFound) {
		return "", false, nil
	}
	return etag, err == nil, err
}

func (s *Service) takenDown(ctx context.Context, n name) (bool, error) {
	_, err := s.store.Stat(ctx, record.TakeDown(n.Tenant, n.Clip))
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// step of the clip's story that follows from an event.
func step(from event.Envelope, s domain.ClipStep) event.Event {
	return from.Follow(s, s.At, fmt.Sprintf("%s/%s/%d", s.Step, s.Clip, s.Revision))
}
