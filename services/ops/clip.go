package ops

import (
	"context"
	"slices"
	"time"

	"liveclip/internal/domain"
	"liveclip/internal/view"
	opsv1 "liveclip/proto/ops/v1"
)

// Pages of clips.
const (
	defaultPage = 100
	maxPage     = 500
	maxScan     = 5000 // clips looked at for one filtered page
)

// clipStates are the states a clip is in; the first is one that only ops knows of.
var clipStates = []string{
	"requested", "found", "planned", "cut", "rendered", "needs_person", "approved", "rejected", "published", "failed", "taken_down",
}

// ListClips gives a page of clips, newest first.
func (s *Service) ListClips(ctx context.Context, req *opsv1.ListClipsRequest) (*opsv1.ListClipsReply, error) {
	c, err := s.authorize(ctx, viewer)
	if err != nil {
		return nil, err
	}
	var stream domain.StreamID
	if req.StreamId != "" {
		ref, err := streamRef(c, req.StreamId)
		if err != nil {
			return nil, err
		}
		stream = ref.Stream
	}
	if req.State != "" && !slices.Contains(clipStates, req.State) {
		return nil, badRequest("state: must be one of %v, is %.40q", clipStates, req.State)
	}
	limit := int(req.Limit)
	if limit == 0 {
		limit = defaultPage
	}
	if limit < 1 || limit > maxPage {
		return nil, badRequest("limit: must be 1 to %d, is %d", maxPage, limit)
	}
	reply := &opsv1.ListClipsReply{NextAfter: req.After}
	started := map[domain.BroadcastID]time.Time{}
	for scanned := 0; len(reply.Clips) < limit && scanned < maxScan; scanned += limit {
		clips, next, err := s.views.Clips(ctx, c.tenant, stream, reply.NextAfter, limit-len(reply.Clips))
		if err != nil {
			return nil, lookupProblem(err, "clips")
		}
		for _, clip := range clips {
			if req.State != "" && clipState(clip) != req.State {
				continue
			}
			reply.Clips = append(reply.Clips, s.clipMessage(ctx, c, clip, started))
		}
		if reply.NextAfter = next; next == "" {
			break
		}
	}
	return reply, nil
}

// GetClip gives one clip with its whole story.
func (s *Service) GetClip(ctx context.Context, req *opsv1.GetClipRequest) (*opsv1.Clip, error) {
	c, err := s.authorize(ctx, viewer)
	if err != nil {
		return nil, err
	}
	clip, err := s.findClip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	return s.clipMessage(ctx, c, clip, nil), nil
}

// ListPublications gives a clip's state at every destination.
func (s *Service) ListPublications(ctx context.Context, req *opsv1.ListPublicationsRequest) (*opsv1.ListPublicationsReply, error) {
	c, err := s.authorize(ctx, viewer)
	if err != nil {
		return nil, err
	}
	clip, err := s.findClip(ctx, c, req.ClipId)
	if err != nil {
		return nil, err
	}
	return &opsv1.ListPublicationsReply{Publications: publicationMessages(clip)}, nil
}

func (s *Service) findClip(ctx context.Context, c caller, id string) (view.Clip, error) {
	if _, err := domain.ParseStreamID(id); err != nil { // the same form
		return view.Clip{}, badRequest("clip ID %.80q: must be 1 to 64 letters, digits, '_' or '-'", id)
	}
	clip, err := s.views.Clip(ctx, c.tenant, domain.ClipID(id))
	return clip, lookupProblem(err, "clip %s", id)
}
