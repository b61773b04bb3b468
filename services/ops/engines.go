package ops

import (
	"context"

	"liveclip/internal/note"
	"liveclip/internal/standing"
	opsv1 "liveclip/proto/ops/v1"
)

// ListEngines gives the video engines as each t2v process sees them.
func (s *Service) ListEngines(ctx context.Context, _ *opsv1.ListEnginesRequest) (*opsv1.ListEnginesReply, error) {
	if _, err := s.authorize(ctx, viewer); err != nil {
		return nil, err
	}
	shown, err := standing.List(ctx, s.Redis, s.Now())
	if err != nil {
		return nil, err
	}
	reply := &opsv1.ListEnginesReply{}
	for _, p := range shown {
		for _, e := range p.Engines {
			reply.Engines = append(reply.Engines, &opsv1.Engine{
				Name: e.Name, Process: p.Name, State: string(e.State), Why: e.Why, Chinese: note.Chinese(e.Why), Running: int32(e.Running), Openings: int32(e.Openings),
			})
		}
	}
	return reply, nil
}
