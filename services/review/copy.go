package review

import (
	"context"
	"errors"

	"liveclip/internal/child"
	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// copyInTurn cuts a clip without loss once its window is due and there is a place. One file comes of it, as the source has it:
// nothing is drawn, and nothing levelled.
func (s *Service) copyInTurn(ctx context.Context, c clip, pieces []piece, folder string) (*mediav1.Finished, error) {
	order, err := s.copyOrder(c, pieces, folder)
	if err != nil {
		return nil, err
	}
	if err := s.awaitDue(ctx, c, nil); err != nil {
		return nil, err
	}
	release, err := s.slots.take(ctx, laneOf(c.envelope().Lane))
	if err != nil {
		return nil, err
	}
	defer release()
	return s.runFinisher(ctx, c, child.Copy, &mediav1.ToChild{Message: &mediav1.ToChild_Copy{Copy: order}}, []*mediav1.FinishPart{order.Part})
}

func (s *Service) copyOrder(c clip, pieces []piece, folder string) (*mediav1.CopyOrder, error) {
	switch {
	case len(pieces) != 1:
		return nil, domain.Permanent(errors.New("several pieces can't be put together without encoding them: ask for the clip without mode copy"))
	case c.generated():
		return nil, domain.Permanent(errors.New("generated footage has to be labelled in the picture: ask for the clip without mode copy"))
	}
	return &mediav1.CopyOrder{Folder: folder, Part: parts(pieces)[0], Metadata: s.tags(c)}, nil
}
