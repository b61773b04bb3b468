package ops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// Attach is idempotent: the same source again is the same answer, another is a conflict.
func (s *Service) Attach(ctx context.Context, req *opsv1.AttachRequest) (*opsv1.Stream, error) {
	c, ref, err := s.authorizeStream(ctx, operator, req.StreamId)
	if err != nil {
		return nil, err
	}
	stream, err := s.attach(ctx, ref, attachment{source: req.Source, context: req.Context, lane: domain.LaneLive})
	if err != nil {
		return nil, err
	}
	return s.streamMessage(ctx, c, stream)
}

// attachment is how a stream is to be attached.
type attachment struct {
	source  string         // empty: by the template
	context *opsv1.Context // nil: as it was
	lane    domain.Lane
}

func (s *Service) attach(ctx context.Context, ref domain.Ref, o attachment) (view.Stream, error) {
	if err := cmp.Or(checkContext(o.context), s.checkEngine(o.context)); err != nil {
		return view.Stream{}, err
	}
	source := o.source
	if source != "" {
		var err error
		if source, err = s.checkSource(ctx, source); err != nil {
			return view.Stream{}, err
		}
	}
	unlock, err := s.lock(ctx, "stream:"+ref.String())
	if err != nil {
		return view.Stream{}, err
	}
	defer unlock()
	known, err := s.streamOrNew(ctx, ref)
	if err != nil {
		return view.Stream{}, err
	}
	if known.State.Attached && source != "" && source != known.State.Source {
		if known, err = s.replaceSource(ctx, known); err != nil {
			return view.Stream{}, err
		}
	}
	if err := s.cancelDetach(ctx, ref); err != nil {
		return view.Stream{}, err
	}
	if known.State.Attached {
		return s.updateContext(ctx, known, o.context, nil)
	}
	next := domain.StreamState{Ref: ref, Attached: true, Source: source, Lane: o.lane, Context: known.State.Context}
	if next.Source == "" {
		if next.Source, err = s.templateSource(ref); err != nil {
			return view.Stream{}, err
		}
		if next.Source, err = s.checkSource(ctx, next.Source); err != nil {
			return view.Stream{}, err
		}
	}
	mergeContext(&next.Context, o.context)
	if next.Source == domain.SourcePush {
		_, err = s.pushAddress(ctx, ref)
	} else {
		next.Owner, err = s.leastLoaded(ctx)
	}
	if err != nil {
		return view.Stream{}, err
	}
	return s.setState(ctx, known, next)
}

// replaceSource detaches a stream whose publisher left, so that it can be attached to another source at once. Any other stream is
// a conflict.
func (s *Service) replaceSource(ctx context.Context, known view.Stream) (view.Stream, error) {
	ref := known.State.Ref
	parted, err := s.detachPending(ctx, ref)
	if err != nil {
		return known, fmt.Errorf("read whether the publisher of stream %s left: %w", ref, err)
	}
	if !parted {
		return known, conflict("stream %s is attached to another source, %s: detach it first", ref.Stream, redactSource(known.State.Source, viewer))
	}
	return s.endAttachment(ctx, known)
}

// streamOrNew gives a stream from the views; one that was never attached is there with nothing but its ref.
func (s *Service) streamOrNew(ctx context.Context, ref domain.Ref) (view.Stream, error) {
	known, err := s.views.Stream(ctx, ref)
	if errors.Is(err, view.ErrNotFound) {
		return view.Stream{State: domain.StreamState{Ref: ref}}, nil
	}
	return known, lookupProblem(err, "stream %s", ref.Stream)
}

// findStream gives a stream from the views; one that was never attached is not found.
func (s *Service) findStream(ctx context.Context, ref domain.Ref) (view.Stream, error) {
	known, err := s.views.Stream(ctx, ref)
	return known, lookupProblem(err, "stream %s", ref.Stream)
}

// setState tells the others first, then the views, so that the caller reads what it wrote.
func (s *Service) setState(ctx context.Context, known view.Stream, next domain.StreamState) (view.Stream, error) {
	now := s.Now()
	next.Changed = now
	if last := known.State.Changed; !next.Changed.After(last) {
		next.Changed = last.Add(time.Nanosecond) // another replica's clock is ahead
	}
	e := event.Event{Envelope: event.Envelope{
		ID:     domain.H("event", string(event.StreamState), next.Ref.String(), fmt.Sprint(next.Changed.UnixNano())),
		Tenant: next.Ref.Tenant, Stream: next.Ref.Stream, Wall: now, Lane: next.Lane,
	}, Payload: next}
	if err := s.Bus.Publish(ctx, e); err != nil {
		return view.Stream{}, fmt.Errorf("publish state of stream %s: %w", next.Ref, err)
	}
	if err := s.views.Apply(ctx, e); err != nil {
		return view.Stream{}, err
	}
	known.State = next
	return known, nil
}

// UpdateStream changes the context.
func (s *Service) UpdateStream(ctx context.Context, req *opsv1.UpdateStreamRequest) (*opsv1.Stream, error) {
	c, ref, err := s.authorizeStream(ctx, operator, req.StreamId)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(checkContext(req.Context), s.checkEngine(req.Context)); err != nil {
		return nil, err
	}
	for _, field := range req.Clear {
		if field != "products" && field != "extra" && field != "hotwords" {
			return nil, unprocessable("clear: %.40q can't be cleared; \"products\", \"extra\" and \"hotwords\" can", field)
		}
	}
	unlock, err := s.lock(ctx, "stream:"+ref.String())
	if err != nil {
		return nil, err
	}
	defer unlock()
	known, err := s.findStream(ctx, ref)
	if err != nil {
		return nil, err
	}
	if known, err = s.updateContext(ctx, known, req.Context, req.Clear); err != nil {
		return nil, err
	}
	return s.streamMessage(ctx, c, known)
}

// updateContext publishes a changed context, if it is one.
func (s *Service) updateContext(ctx context.Context, known view.Stream, given *opsv1.Context, empty []string) (view.Stream, error) {
	next := known.State
	next.Context.Extra = maps.Clone(next.Context.Extra)
	for _, field := range empty {
		switch field {
		case "products":
			next.Context.Products = nil
		case "extra":
			next.Context.Extra = nil
		case "hotwords":
			next.Context.Hotwords = nil
		}
	}
	mergeContext(&next.Context, given)
	if sameContext(next.Context, known.State.Context) {
		return known, nil
	}
	return s.setState(ctx, known, next)
}

// Detach ends the recording; again is no error.
func (s *Service) Detach(ctx context.Context, req *opsv1.DetachRequest) (*opsv1.Stream, error) {
	c, ref, err := s.authorizeStream(ctx, operator, req.StreamId)
	if err != nil {
		return nil, err
	}
	stream, err := s.detach(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.streamMessage(ctx, c, stream)
}

func (s *Service) detach(ctx context.Context, ref domain.Ref) (view.Stream, error) {
	unlock, err := s.lock(ctx, "stream:"+ref.String())
	if err != nil {
		return view.Stream{}, err
	}
	defer unlock()
	known, err := s.findStream(ctx, ref)
	if err != nil {
		return known, err
	}
	return s.endAttachment(ctx, known)
}

// endAttachment detaches the stream if it is attached. The caller holds the stream's lock.
func (s *Service) endAttachment(ctx context.Context, known view.Stream) (view.Stream, error) {
	if !known.State.Attached {
		return known, nil
	}
	next := known.State
	next.Attached, next.Owner = false, ""
	return s.setState(ctx, known, next)
}

func streamRef(c caller, id string) (domain.Ref, error) {
	stream, err := domain.ParseStreamID(id)
	if err != nil {
		return domain.Ref{}, badRequest("%s", err)
	}
	return c.ref(stream), nil
}
