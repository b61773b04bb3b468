package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"liveclip/internal/child/wire"
	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// finishMode finishes a clip: Input and InputEnd of the recording sources come while it works, Progress goes out, and
// Finished comes last.
func finishMode(ctx context.Context, order *mediav1.ToChild, in *messages, out *wire.Writer) (string, error) {
	if order.GetFinish() == nil {
		return "", errOrder
	}
	feed := finish.NewFeed()
	go func() { feed.Close(feedInput(in, feed)) }()
	finished, err := finish.Clip(ctx, order.GetFinish(), feed, tellProgress(out))
	if err != nil {
		return "", err
	}
	return finished.ClippedTo, out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Finished{Finished: finished}})
}

// tellProgress tells the parent how far the work is. A parent that no longer reads has no use for the end either: writing
// Finished tells.
func tellProgress(out *wire.Writer) func(done, total time.Duration) {
	return func(done, total time.Duration) {
		_ = out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Progress{Progress: &mediav1.Progress{Done: int64(done), Total: int64(total)}}})
	}
}

// feedInput hands on the sources' bytes until standard input ends, and says what that means for a source without an end.
func feedInput(in *messages, feed *finish.Feed) error {
	for {
		m, err := in.Next()
		if errors.Is(err, io.EOF) {
			return errors.New("standard input ended before the source did")
		}
		if err != nil {
			return fmt.Errorf("read input: %w", err)
		}
		switch {
		case m.GetInput() != nil:
			if err := feed.Add(m.GetInput().Source, m.GetInput().Data); err != nil {
				return err
			}
		case m.GetInputEnd() != nil:
			feed.End(m.GetInputEnd().Source, m.GetInputEnd().Reason)
		default:
			return errOrder
		}
	}
}
