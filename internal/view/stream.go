package view

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/event"
)

// Fields of a stream's hash; those of a broadcast's changes are the changes' own names.
const (
	fieldState    = "state"
	fieldStored   = "stored"
	fieldMoved    = "moved" // the progress that first reached the furthest RecordedTo
	fieldProgress = "progress."
)

// Stream is what is known of a stream.
type Stream struct {
	State     domain.StreamState
	Broadcast Broadcast // the newest; zero: never on air
	// Unreachable is why the source could not be recorded, when that was said last, at UnreachableAt; it may be over.
	Unreachable   string
	UnreachableAt time.Time
}

// Broadcast is what is known of a stream's newest broadcast.
type Broadcast struct {
	ID         domain.BroadcastID
	Epoch      int64
	StartedAt  time.Time // zero: not known
	Parameters domain.MediaParameters
	Gap        domain.BroadcastChanged  // the last; zero Change: none
	Closed     *domain.BroadcastChanged // nil: on air, as far as is known
	ClosedAt   time.Time
	RecordedTo time.Duration
	MovedAt    time.Time // when RecordedTo last rose
	HeardTo    time.Duration
	Hearing    domain.Hearing
	MarkedAt   time.Time // of the last progress mark
	StoredTo   time.Duration
	Health     map[string]domain.Health
}

// Open tells whether the broadcast is on air, as far as is known.
func (b Broadcast) Open() bool { return b.ID != "" && b.Closed == nil }

func (v *Views) applyStream(ctx context.Context, e event.Event, facts ...fact) error {
	pipe := v.rdb.Pipeline()
	pipe.SAdd(ctx, tenantsKey, string(e.Tenant))
	pipe.SAdd(ctx, streamsKey(e.Tenant), string(e.Stream))
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("list stream %s in the views: %w", e.Ref(), err)
	}
	for _, f := range facts {
		f.key = streamKey(e.Ref())
		if err := v.put(ctx, f, e); err != nil {
			return err
		}
	}
	return nil
}

func (v *Views) applyProgress(ctx context.Context, e event.Event, p domain.StreamProgress) error {
	facts := []fact{{field: fieldProgress + p.By, version: byOwner(e)}}
	if p.By == "asr" {
		earliest := number(math.MaxInt64 - e.Wall.UnixNano())
		facts = append(facts, fact{field: fieldMoved, version: number(e.Epoch) + "." + number(int64(p.RecordedTo)) + "." + earliest})
	}
	return v.applyStream(ctx, e, facts...)
}

func beganKey(t domain.Tenant, b domain.BroadcastID) string {
	return prefix + "began:" + string(t) + "/" + string(b)
}

// applyBeginning keeps when a broadcast began for as long as clips of it are kept.
func (v *Views) applyBeginning(ctx context.Context, e event.Event, p domain.BroadcastChanged) error {
	if p.StartedAt.IsZero() || e.Broadcast == "" {
		return nil
	}
	if err := v.rdb.Set(ctx, beganKey(e.Tenant, e.Broadcast), p.StartedAt.UnixNano(), v.keep).Err(); err != nil {
		return fmt.Errorf("keep the beginning of broadcast %s in the views: %w", e.Broadcast, err)
	}
	return nil
}

// Began is the wall clock of a broadcast's media time zero; zero when it is not known.
func (v *Views) Began(ctx context.Context, t domain.Tenant, b domain.BroadcastID) (time.Time, error) {
	n, err := v.rdb.Get(ctx, beganKey(t, b)).Int64()
	if errors.Is(err, redis.Nil) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("look up the beginning of broadcast %s: %w", b, err)
	}
	return time.Unix(0, n).UTC(), nil
}

// Stream gives one stream; ErrNotFound, ErrRebuilding.
func (v *Views) Stream(ctx context.Context, ref domain.Ref) (Stream, error) {
	fields, err := v.rdb.HGetAll(ctx, streamKey(ref)).Result()
	if err != nil {
		return Stream{}, fmt.Errorf("look up stream %s: %w", ref, err)
	}
	if len(fields) == 0 {
		return Stream{}, v.missing(ctx)
	}
	return readStream(ref, fields)
}

// Streams gives all streams of a tenant, by ID.
func (v *Views) Streams(ctx context.Context, t domain.Tenant) ([]Stream, error) {
	if err := v.Built(ctx); err != nil {
		return nil, err
	}
	return v.listed(ctx, t)
}

// listed are the streams that are in the views so far.
func (v *Views) listed(ctx context.Context, t domain.Tenant) ([]Stream, error) {
	ids, err := v.rdb.SMembers(ctx, streamsKey(t)).Result()
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	slices.Sort(ids)
	pipe := v.rdb.Pipeline()
	answers := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		answers[i] = pipe.HGetAll(ctx, streamKey(domain.Ref{Tenant: t, Stream: domain.StreamID(id)}))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	streams := make([]Stream, 0, len(ids))
	for i, id := range ids {
		s, err := readStream(domain.Ref{Tenant: t, Stream: domain.StreamID(id)}, answers[i].Val())
		if err != nil {
			return nil, err
		}
		streams = append(streams, s)
	}
	return streams, nil
}

func (v *Views) forgetBatches(ctx context.Context, t domain.Tenant) error {
	streams, err := v.listed(ctx, t)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if !v.outlived(s.State) {
			continue
		}
		if err := v.rdb.Del(ctx, streamKey(s.State.Ref)).Err(); err != nil {
			return fmt.Errorf("forget stream %s: %w", s.State.Ref, err)
		}
		if err := v.rdb.SRem(ctx, streamsKey(t), string(s.State.Ref.Stream)).Err(); err != nil {
			return fmt.Errorf("forget stream %s: %w", s.State.Ref, err)
		}
	}
	return nil
}

// outlived tells whether a stream was one of a batch and ended longer ago than is kept.
func (v *Views) outlived(s domain.StreamState) bool {
	return s.Lane == domain.LaneBatch && !s.Attached && v.now().Sub(s.Changed) > v.keep
}

// Tenants lists the tenants that have streams or clips.
func (v *Views) Tenants(ctx context.Context) ([]domain.Tenant, error) {
	names, err := v.rdb.SMembers(ctx, tenantsKey).Result()
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	slices.Sort(names)
	tenants := make([]domain.Tenant, len(names))
	for i, name := range names {
		tenants[i] = domain.Tenant(name)
	}
	return tenants, nil
}

func readStream(ref domain.Ref, fields map[string]string) (Stream, error) {
	events := make(map[string]event.Event, len(fields))
	for field, value := range fields {
		if strings.HasPrefix(field, "v:") {
			continue
		}
		e, err := event.Decode([]byte(value))
		if err != nil {
			return Stream{}, fmt.Errorf("read %s of stream %s from the views: %w", field, ref, err)
		}
		events[field] = e
	}
	s := Stream{State: domain.StreamState{Ref: ref}}
	if e, ok := events[fieldState]; ok {
		s.State = e.Payload.(domain.StreamState)
	}
	if e, ok := events[string(domain.BroadcastUnreachable)]; ok {
		s.Unreachable, s.UnreachableAt = e.Payload.(domain.BroadcastChanged).Reason, e.Wall
	}
	s.Broadcast = readBroadcast(events)
	return s, nil
}

// readBroadcast puts together what belongs to the newest broadcast anything was said of.
func readBroadcast(events map[string]event.Event) Broadcast {
	var newest event.Event
	for _, field := range []string{string(domain.BroadcastOpened), fieldProgress + "asr", string(domain.BroadcastClosed)} {
		if e, ok := events[field]; ok && (newest.Payload == nil || byOwner(e) > byOwner(newest)) {
			newest = e
		}
	}
	b := Broadcast{ID: newest.Broadcast, Epoch: newest.Epoch}
	if b.ID == "" {
		return b
	}
	of := func(field string) (event.Event, bool) {
		e, ok := events[field]
		return e, ok && e.Broadcast == b.ID
	}
	if e, ok := of(string(domain.BroadcastOpened)); ok {
		opened := e.Payload.(domain.BroadcastChanged)
		b.StartedAt, b.Parameters = opened.StartedAt, opened.Parameters
	}
	if e, ok := of(string(domain.BroadcastParameters)); ok {
		b.Parameters = e.Payload.(domain.BroadcastChanged).Parameters
	}
	if e, ok := of(string(domain.BroadcastGap)); ok {
		b.Gap = e.Payload.(domain.BroadcastChanged)
	}
	b.readProgress(of)
	if e, ok := of(string(domain.BroadcastClosed)); ok && !reopened(of, e) {
		closed := e.Payload.(domain.BroadcastChanged)
		b.Closed, b.ClosedAt, b.RecordedTo = &closed, e.Wall, closed.At
		if b.StartedAt.IsZero() {
			b.StartedAt = closed.StartedAt
		}
	}
	return b
}

// reopened tells whether a later owner carried the broadcast on after it was called closed.
func reopened(of func(string) (event.Event, bool), closed event.Event) bool {
	mark, ok := of(fieldProgress + "asr")
	return ok && mark.Epoch > closed.Epoch && !mark.Payload.(domain.StreamProgress).Closed
}

func (b *Broadcast) readProgress(of func(string) (event.Event, bool)) {
	b.Health = map[string]domain.Health{}
	for _, by := range []string{"detect", "asr"} {
		if e, ok := of(fieldProgress + by); ok {
			for signal, health := range e.Payload.(domain.StreamProgress).Health {
				b.Health[signal] = health
			}
		}
	}
	if e, ok := of(fieldProgress + "asr"); ok {
		p := e.Payload.(domain.StreamProgress)
		b.RecordedTo, b.HeardTo, b.MarkedAt, b.Hearing = p.RecordedTo, p.HeardTo, e.Wall, p.Hearing
	}
	if e, ok := of(fieldMoved); ok {
		b.MovedAt = e.Wall
	}
	if e, ok := of(fieldStored); ok {
		b.StoredTo = e.Payload.(domain.SegmentRecorded).Window.End
	}
}
