package review

import (
	"context"
	"errors"
	"fmt"
	"io"

	"liveclip/internal/child"
	"liveclip/internal/domain"
	"liveclip/internal/recording"
	mediav1 "liveclip/proto/media/v1"
)

// runFinisher starts a finisher with its order and feeds it the recording of the parts, one after another, as it grows. When
// both go wrong, the finisher's own reason counts, unless the recording could not be read.
func (s *Service) runFinisher(ctx context.Context, c clip, mode child.Mode, order *mediav1.ToChild, parts []*mediav1.FinishPart) (*mediav1.Finished, error) {
	process, err := s.media.Start(ctx, mode, order)
	if err != nil {
		return nil, err
	}
	feeding, stop := context.WithCancel(ctx)
	fed := make(chan error, 1)
	gaps := false
	go func() {
		var err error
		gaps, err = s.feed(feeding, c, parts, process)
		if errors.As(err, new(unreadable)) {
			_ = process.Close() // lets collect go
		}
		fed <- err
	}()
	finished, err := collect(process)
	stop()
	_ = process.Close()
	feedErr := <-fed
	switch {
	case err == nil:
		if gaps {
			finished.Notes = append(finished.Notes, domain.NoteGap)
		}
		return finished, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(feedErr, new(unreadable)):
		return nil, feedErr
	}
	return nil, err
}

// unreadable is a failure of the recording, not of the finisher.
type unreadable struct{ err error }

func (u unreadable) Error() string { return u.err.Error() }
func (u unreadable) Unwrap() error { return u.err }

// feed sends every recording part's bytes, one part after another, as the finisher reads them. It tells whether there are
// gaps in them.
func (s *Service) feed(ctx context.Context, c clip, parts []*mediav1.FinishPart, to *child.Process) (gaps bool, err error) {
	for i, part := range parts {
		if part.GetFile() != "" {
			continue
		}
		gap, err := s.feedPart(ctx, c, part, to)
		gaps = gaps || gap
		if err != nil {
			return gaps, fmt.Errorf("part %d: %w", i, err)
		}
	}
	return gaps, to.CloseSend()
}

func (s *Service) feedPart(ctx context.Context, c clip, part *mediav1.FinishPart, to *child.Process) (gaps bool, err error) {
	window := c.cut.Value.Parts[part.GetSource()].Window
	var broken error
	end, err := s.recording.Read(ctx, c.ref(), c.broadcast(), window, func(chunk recording.Chunk) error {
		data := chunkData(chunk)
		if len(data) == 0 {
			return nil
		}
		broken = to.Send(&mediav1.ToChild{Message: &mediav1.ToChild_Input{Input: &mediav1.Input{Source: part.GetSource(), Data: data}}})
		return broken
	})
	gaps = len(end.Gaps) > 0
	switch {
	case broken != nil:
		return gaps, broken
	case ctx.Err() != nil:
		return gaps, ctx.Err()
	case err != nil:
		return gaps, unreadable{fmt.Errorf("read the recording %v to %v: %w", window.Start, window.End, err)}
	}
	// Another may take the broadcast up, or at least store what was spooled, so the clip waits for it, and makes do with what there
	// is only at its last attempt.
	if end.Lost && !c.last {
		return gaps, unreadable{later(c.waited, fmt.Errorf("read the recording %v to %v: ended at %v: %s", window.Start, window.End, end.At, end.Reason))}
	}
	reason := end.Clipped
	if reason == "" {
		reason = end.Reason
	}
	return gaps, to.Send(&mediav1.ToChild{Message: &mediav1.ToChild_InputEnd{InputEnd: &mediav1.InputEnd{Source: part.GetSource(), Reason: reason}}})
}

func chunkData(c recording.Chunk) []byte {
	switch {
	case c.Init != nil:
		return c.Init.Data
	case c.Part != nil:
		return c.Part.Data
	}
	return nil
}

// collect waits for what the finisher made.
func collect(process *child.Process) (*mediav1.Finished, error) {
	var finished *mediav1.Finished
	for {
		message, err := process.Receive()
		switch {
		case errors.Is(err, io.EOF) && finished != nil:
			return finished, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("the finisher ended without files")
		case err != nil:
			return nil, err
		case message.GetFinished() != nil:
			finished = message.GetFinished()
			if len(finished.GetFiles()) == 0 {
				return nil, domain.Permanent(errors.New("the finisher made no file"))
			}
		}
	}
}
