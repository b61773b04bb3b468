package ops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"liveclip/internal/domain"
	"liveclip/internal/event"
	"liveclip/internal/lease"
	"liveclip/internal/view"
)

// placePulls gives every stream to be pulled that has no live owner to the least loaded asr process.
func (s *Service) placePulls(ctx context.Context) error {
	streams, err := s.streamsToPull(ctx)
	if err != nil || len(streams) == 0 {
		return err
	}
	processes, err := s.Leases.Processes(ctx)
	if err != nil || len(processes) == 0 {
		return err
	}
	alive := make(map[string]bool, len(processes))
	for _, p := range processes {
		alive[p.ID] = true
	}
	for _, stream := range streams {
		if !alive[stream.State.Owner] {
			err = errors.Join(err, s.placePull(ctx, stream.State.Ref, alive))
		}
	}
	return err
}

// placePull looks again under the stream's lock: another replica may have placed it meanwhile.
func (s *Service) placePull(ctx context.Context, ref domain.Ref, alive map[string]bool) error {
	unlock, err := s.lock(ctx, "stream:"+ref.String())
	if err != nil {
		return err
	}
	defer unlock()
	known, err := s.streamOrNew(ctx, ref)
	if err != nil || !needsPull(known) || alive[known.State.Owner] {
		return err
	}
	next := known.State
	if next.Owner, err = s.leastLoaded(ctx); err != nil || next.Owner == "" {
		return err
	}
	s.Log.Info("pull placed", "stream_id", ref.Stream, "tenant", ref.Tenant, "owner", next.Owner, "was", known.State.Owner)
	_, err = s.setState(ctx, known, next)
	return err
}

// needsPull reports whether an asr process shall pull the stream now.
func needsPull(s view.Stream) bool {
	done := s.State.Lane == domain.LaneBatch && s.Broadcast.Closed != nil
	return s.State.Attached && s.State.Source != domain.SourcePush && !done
}

// streamsToPull are the streams of all tenants that shall be pulled.
func (s *Service) streamsToPull(ctx context.Context) ([]view.Stream, error) {
	tenants, err := s.views.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	var pulls []view.Stream
	for _, t := range tenants {
		streams, err := s.views.Streams(ctx, t)
		if errors.Is(err, view.ErrRebuilding) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, stream := range streams {
			if needsPull(stream) {
				pulls = append(pulls, stream)
			}
		}
	}
	return pulls, nil
}

// leastLoaded is the asr process with the fewest streams, owned or given to it a moment ago; empty: none has room, and
// placePulls tries again.
func (s *Service) leastLoaded(ctx context.Context) (string, error) {
	processes, err := s.Leases.Processes(ctx)
	if err != nil || len(processes) == 0 {
		return "", err
	}
	pulls, err := s.streamsToPull(ctx)
	if err != nil {
		return "", err
	}
	return chooseProcess(processes, pulls), nil
}

func chooseProcess(processes []lease.Process, pulls []view.Stream) string {
	given := map[string]int{}
	for _, p := range pulls {
		given[p.State.Owner]++
	}
	chosen, least := "", 0
	for _, p := range processes {
		load := max(p.Streams, given[p.ID])
		if p.Max > 0 && load >= p.Max {
			continue
		}
		if chosen == "" || load < least {
			chosen, least = p.ID, load
		}
	}
	return chosen
}

// detachEndedBatch detaches a batch's source when its broadcast closed: pulled again, it would begin anew.
func (s *Service) detachEndedBatch(ctx context.Context, e event.Event) error {
	p, ok := e.Payload.(domain.BroadcastChanged)
	if !ok || p.Change != domain.BroadcastClosed {
		return nil
	}
	known, err := s.views.Stream(ctx, e.Ref())
	if errors.Is(err, view.ErrNotFound) || errors.Is(err, view.ErrRebuilding) {
		return nil
	}
	if err != nil {
		return err
	}
	if known.State.Lane != domain.LaneBatch || !known.State.Attached || known.Broadcast.ID != e.Broadcast {
		return nil
	}
	_, err = s.detach(ctx, e.Ref())
	return err
}

// pushAddress is where a stream's publisher goes: always the same asr process, while the processes stay.
func (s *Service) pushAddress(ctx context.Context, ref domain.Ref) (address string, err error) {
	processes, err := s.Leases.Processes(ctx)
	if err != nil {
		return "", fmt.Errorf("find an asr process: %w", err)
	}
	best := ""
	for _, p := range processes {
		if rank := domain.H(p.RTMP, ref.String()); p.RTMP != "" && rank > best {
			address, best = p.RTMP, rank
		}
	}
	if address == "" {
		return "", problemf(http.StatusServiceUnavailable, "no asr process that takes pushes is running: ask again when one is")
	}
	return url.JoinPath(address, "live", string(ref.Stream))
}
