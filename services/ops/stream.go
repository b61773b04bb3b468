package ops

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"liveclip/internal/domain"
	"liveclip/internal/note"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// stalledAfter is how long a broadcast may stand still before it is called stalled.
const stalledAfter = 5 * time.Second

// States of a stream.
const (
	streamLive    = "live"
	streamStalled = "stalled"
	streamWaiting = "waiting" // attached, nothing on air
	streamOff     = "off"
)

// ListStreams lists the attached streams, or all ever known.
func (s *Service) ListStreams(ctx context.Context, req *opsv1.ListStreamsRequest) (*opsv1.ListStreamsReply, error) {
	c, err := s.authorize(ctx, viewer)
	if err != nil {
		return nil, err
	}
	streams, err := s.views.Streams(ctx, c.tenant)
	if err != nil {
		return nil, lookupProblem(err, "streams")
	}
	reply := &opsv1.ListStreamsReply{}
	for _, stream := range streams {
		if !req.All && !stream.State.Attached && !stream.Broadcast.Open() {
			continue
		}
		m, err := s.streamMessage(ctx, c, stream)
		if err != nil {
			return nil, err
		}
		reply.Streams = append(reply.Streams, m)
	}
	return reply, nil
}

// GetStream gives one stream.
func (s *Service) GetStream(ctx context.Context, req *opsv1.GetStreamRequest) (*opsv1.Stream, error) {
	c, ref, err := s.authorizeStream(ctx, viewer, req.StreamId)
	if err != nil {
		return nil, err
	}
	stream, err := s.findStream(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.streamMessage(ctx, c, stream)
}

// streamState names a stream's state at now, and why where that needs saying.
func streamState(v view.Stream, now time.Time) (state, reason string) {
	b := v.Broadcast
	switch {
	case !b.Open() && v.State.Attached && v.UnreachableAt.After(b.ClosedAt):
		return streamWaiting, v.Unreachable
	case !b.Open() && b.Closed != nil && !v.State.Attached:
		return streamOff, b.Closed.Reason
	case !b.Open() && b.Closed != nil:
		return streamWaiting, b.Closed.Reason
	case !v.State.Attached && !b.Open():
		return streamOff, ""
	case !b.Open():
		return streamWaiting, ""
	}
	moved := b.MovedAt
	if moved.IsZero() {
		moved = b.StartedAt
	}
	if still := now.Sub(moved); still > stalledAfter {
		if b.Gap.Change != "" && b.Gap.At >= b.RecordedTo {
			return streamStalled, note.StillSince.Say(still.Round(time.Second), b.Gap.Reason)
		}
		return streamStalled, note.Still.Say(still.Round(time.Second))
	}
	return streamLive, ""
}

func (s *Service) streamMessage(ctx context.Context, c caller, v view.Stream) (*opsv1.Stream, error) {
	now, b := s.Now(), v.Broadcast
	m := &opsv1.Stream{
		StreamId: string(v.State.Ref.Stream), Source: redactSource(v.State.Source, c.role), Context: contextMessage(v.State.Context),
		Lane: string(v.State.Lane), Owner: v.State.Owner, ChangedAt: timestamp(v.State.Changed),
		BroadcastId: string(b.ID), StartedAt: timestamp(b.StartedAt), ClosedAt: timestamp(b.ClosedAt),
		RecordedToS: b.RecordedTo.Seconds(), HeardToS: b.HeardTo.Seconds(), StoredToS: b.StoredTo.Seconds(),
		LagS: max(0, b.RecordedTo-b.HeardTo).Seconds(), Signals: map[string]string{},
	}
	m.State, m.Reason = streamState(v, now)
	m.ReasonChinese = note.Chinese(m.Reason)
	if b.Open() {
		m.Hearing = hearingMessage(b.Hearing)
	}
	if b.Open() && !b.MarkedAt.IsZero() {
		m.ProgressAgeS = max(0, now.Sub(b.MarkedAt)).Seconds()
	}
	for signal, health := range b.Health {
		m.Signals[signal] = string(health)
	}
	if p := b.Parameters; p != (domain.MediaParameters{}) {
		m.Parameters = &opsv1.Parameters{
			VideoCodec: p.VideoCodec, Width: int32(p.Width), Height: int32(p.Height), FrameRate: p.FrameRate,
			AudioCodec: p.AudioCodec, SampleRate: int32(p.SampleRate), Channels: int32(p.Channels),
		}
	}
	if v.State.Attached && v.State.Source == domain.SourcePush && c.role >= operator {
		address, err := s.pushAddress(ctx, v.State.Ref)
		if err == nil {
			key := s.Keys.PushKey(v.State.Ref)
			m.Push = &opsv1.Push{Address: address, Key: key, Url: address + "?key=" + key}
		} else if !isProblem(err) {
			return nil, err
		}
	}
	return m, nil
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
