package main

import (
	"context"

	"liveclip/internal/child/wire"
	"liveclip/internal/domain"
	"liveclip/internal/media/copycut"
	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// copyMode cuts a clip without loss; it talks as finishMode does.
func copyMode(ctx context.Context, order *mediav1.ToChild, in *messages, out *wire.Writer) (string, error) {
	if order.GetCopy() == nil {
		return "", errOrder
	}
	feed := finish.NewFeed()
	go func() { feed.Close(feedInput(in, feed)) }()
	cut, err := copycut.Cut(ctx, order.GetCopy(), feed, tellProgress(out))
	if err != nil {
		return "", err
	}
	finished := &mediav1.Finished{
		Files: []*mediav1.FinishedFile{{Profile: domain.SourceProfile, Path: cut.Path, Width: int64(cut.Width), Height: int64(cut.Height), Length: int64(cut.End - cut.Start)}},
		Parts: []*mediav1.FinishedPart{{Start: int64(cut.Start), End: int64(cut.End)}},
		Cover: cut.Cover, Start: int64(cut.Start), End: int64(cut.End), ClippedTo: cut.ClippedTo, Notes: cut.Notes,
	}
	return cut.ClippedTo, out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Finished{Finished: finished}})
}
