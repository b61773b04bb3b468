package asr

import (
	"context"
	"errors"
	"io"
	"time"

	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/lease"
	mediav1 "liveclip/proto/media/v1"
)

// session is one connection to a source, recorded by one child.
type session struct {
	room     *room
	push     *publisher // nil: pulled
	order    *mediav1.RecordOrder
	gap      string // why the source was gone before
	began    time.Time
	duration time.Duration // of a source that has an end; 0: unknown
	recorded bool          // something was
}

// stopTimeout is how long a recorder may take to hand over what it holds.
const stopTimeout = 5 * time.Second

// run records until the source ends (its reason), ctx ends, or something fails. What the recorder holds when ctx ends is
// recorded too.
func (s *session) run(ctx context.Context) (reason string, err error) {
	hard, kill := context.WithCancel(s.room.hard)
	defer kill()
	process, err := s.room.media.Start(hard, child.Record, &mediav1.ToChild{Message: &mediav1.ToChild_Record{Record: s.order}})
	if err != nil {
		return "", err
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		s.feed(ctx, hard, process)
	}()
	defer func() {
		kill()
		_ = process.Close() // the feeder may be blocked by it
		if s.push != nil {
			s.push.end(errors.New("the recorder ended"))
		}
		<-fed
	}()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), lease.ErrLost) {
			kill() // another process records now
			return
		}
		time.AfterFunc(stopTimeout, kill)
	})
	defer stop()
	for {
		m, err := process.Receive()
		if errors.Is(err, io.EOF) {
			return reason, nil
		}
		if err != nil {
			return "", err
		}
		if m.GetDone() != nil {
			reason = m.GetDone().Reason
			continue
		}
		if err := s.handle(hard, m); err != nil {
			return "", err
		}
	}
}

func (s *session) handle(ctx context.Context, m *mediav1.FromChild) error {
	if p := m.GetParameters(); p != nil {
		s.duration = time.Duration(p.Duration)
		return s.room.begin(ctx, s, p)
	}
	b := s.room.broadcast
	if b == nil {
		return domain.Permanent(errors.New("recorder began without parameters"))
	}
	switch m := m.Message.(type) {
	case *mediav1.FromChild_Part:
		s.recorded = true
		return b.addPart(ctx, m.Part)
	case *mediav1.FromChild_Pcm:
		return b.addSound(ctx, m.Pcm)
	case *mediav1.FromChild_Loudness:
		b.addLoudness(m.Loudness)
	case *mediav1.FromChild_Captions:
		if b.captions != nil {
			b.captions.acceptCues(m.Captions)
		}
	}
	return nil
}

// feed gives a push's bytes to the recorder, and tells a pull's when to stop. It ends when hard ends.
func (s *session) feed(ctx, hard context.Context, process *child.Process) {
	defer func() { _ = process.CloseSend() }()
	if s.push == nil {
		select {
		case <-ctx.Done():
		case <-hard.Done():
		}
		return
	}
	send := func(data []byte) bool {
		return process.Send(&mediav1.ToChild{Message: &mediav1.ToChild_Input{Input: &mediav1.Input{Data: data}}}) == nil
	}
	if !send(flvHeader()) {
		return
	}
	for {
		select {
		case tag := <-s.push.tags:
			time.Sleep(feedEvery) // what comes meanwhile goes in the same message
			if !s.sendQueued(s.push.dequeue(tag), send) {
				return
			}
		case <-s.push.ended:
			s.sendQueued(nil, send) // what the publisher sent before it left
			return
		case <-ctx.Done():
			s.push.end(context.Cause(ctx))
		}
	}
}

const (
	feedEvery = 30 * time.Millisecond
	maxFeed   = 1 << 20 // bytes in one message, but for its last tag
)

// sendQueued sends the tag and those that wait behind it.
func (s *session) sendQueued(tag []byte, send func([]byte) bool) bool {
	data := tag
	for {
		select {
		case more := <-s.push.tags:
			if data = append(data, s.push.dequeue(more)...); len(data) >= maxFeed {
				if !send(data) {
					return false
				}
				data = nil
			}
			continue
		default:
		}
		return len(data) == 0 || send(data)
	}
}
