package ops

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/domain"
	"liveclip/internal/note"
	opsv1 "liveclip/proto/ops/v1"
)

// maxBatch is how many sources a batch may have.
const maxBatch = 200

// batch is the record of what was asked for. Its progress is in the views.
type batch struct {
	ID      string
	Created time.Time
	By      string
	Sources []batchSource
}

type batchSource struct {
	Source string
	Stream domain.StreamID
}

func batchKey(t domain.Tenant, id string) string { return fmt.Sprintf("%s/batches/%s.json", t, id) }

// StartBatch attaches every source as a stream of its own. The same sources again are the same batch.
func (s *Service) StartBatch(ctx context.Context, req *opsv1.StartBatchRequest) (*opsv1.Batch, error) {
	c, err := s.authorize(ctx, operator)
	if err != nil {
		return nil, err
	}
	if n := len(req.Sources); n == 0 || n > maxBatch {
		return nil, unprocessable("sources: must be 1 to %d, are %d", maxBatch, n)
	}
	b := batch{Created: s.Now(), By: c.name}
	var names []string
	for i, given := range req.Sources {
		source, err := s.checkSource(ctx, given)
		if source == domain.SourcePush {
			err = unprocessable("source: a push is no archived recording")
		}
		if err != nil {
			return nil, prefixProblem(fmt.Sprintf("sources[%d]: ", i), err)
		}
		stream := domain.StreamID("file-" + domain.H("batch source", source))
		if slices.Contains(names, source) {
			continue
		}
		names = append(names, source)
		b.Sources = append(b.Sources, batchSource{source, stream})
	}
	slices.Sort(names)
	b.ID = domain.H(append([]string{"batch", string(c.tenant)}, names...)...)
	if _, err := blob.WriteNewJSON(ctx, s.Store, batchKey(c.tenant, b.ID), &b); err != nil {
		return nil, fmt.Errorf("keep batch %s: %w", b.ID, err)
	}
	for _, source := range b.Sources {
		known, err := s.streamOrNew(ctx, c.ref(source.Stream))
		if err != nil {
			return nil, err
		}
		if known.Broadcast.Closed != nil {
			continue // done in an earlier batch
		}
		if _, err := s.attach(ctx, c.ref(source.Stream), attachment{source: source.Source, lane: domain.LaneBatch}); err != nil {
			return nil, err
		}
	}
	return s.batchMessage(ctx, c, b)
}

// prefixProblem puts before a problem's detail where in the request it lies.
func prefixProblem(where string, err error) error {
	var p problem
	if errors.As(err, &p) {
		p.detail = where + p.detail
		return p
	}
	return err
}

// GetBatch gives a batch's progress.
func (s *Service) GetBatch(ctx context.Context, req *opsv1.GetBatchRequest) (*opsv1.Batch, error) {
	c, err := s.authorize(ctx, viewer)
	if err != nil {
		return nil, err
	}
	if _, err := domain.ParseStreamID(req.BatchId); err != nil { // the same form
		return nil, badRequest("batch ID %.80q: must be 1 to 64 letters, digits, '_' or '-'", req.BatchId)
	}
	var b batch
	_, err = blob.ReadJSON(ctx, s.Store, batchKey(c.tenant, req.BatchId), &b)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, notFound("batch %s is not known", req.BatchId)
	}
	if err != nil {
		return nil, fmt.Errorf("read batch %s: %w", req.BatchId, err)
	}
	return s.batchMessage(ctx, c, b)
}

func (s *Service) batchMessage(ctx context.Context, c caller, b batch) (*opsv1.Batch, error) {
	m := &opsv1.Batch{BatchId: b.ID, CreatedAt: timestamp(b.Created), State: "done"}
	for _, source := range b.Sources {
		progress, err := s.batchProgress(ctx, c, source)
		if err != nil {
			return nil, err
		}
		if progress.State != "done" {
			m.State = "running"
		}
		m.Sources = append(m.Sources, progress)
	}
	return m, nil
}

// batchProgress is done once the recording is at its end, heard to it, and every clip known has ended.
func (s *Service) batchProgress(ctx context.Context, c caller, source batchSource) (*opsv1.BatchSource, error) {
	known, err := s.streamOrNew(ctx, c.ref(source.Stream))
	if err != nil {
		return nil, err
	}
	b := known.Broadcast
	m := &opsv1.BatchSource{
		Source: redactSource(source.Source, c.role), StreamId: string(source.Stream), State: "waiting",
		RecordedToS: b.RecordedTo.Seconds(), HeardToS: b.HeardTo.Seconds(),
	}
	if err := s.countClips(ctx, c, source.Stream, m); err != nil {
		return nil, err
	}
	switch {
	case b.Closed != nil && m.Ended == m.Clips:
		m.State, m.Reason, m.Chinese = "done", b.Closed.Reason, note.Chinese(b.Closed.Reason)
	case b.ID != "":
		m.State = "running"
	}
	return m, nil
}

func (s *Service) countClips(ctx context.Context, c caller, stream domain.StreamID, m *opsv1.BatchSource) error {
	after := ""
	for {
		clips, next, err := s.views.Clips(ctx, c.tenant, stream, after, maxPage)
		if err != nil {
			return lookupProblem(err, "clips of %s", stream)
		}
		for _, clip := range clips {
			m.Clips++
			switch state := clipState(clip); {
			case state == "published":
				m.Published++
				m.Ended++
			case isFinalState(state):
				m.Ended++
			}
		}
		if after = next; next == "" {
			return nil
		}
	}
}

// isFinalState reports whether nothing more happens by itself to a clip in the state; "published" is told apart.
func isFinalState(state string) bool {
	return slices.Contains([]string{"rejected", "failed", "taken_down", "needs_person"}, state)
}
