package ops

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// pendingDetaches is the sorted set of streams whose publisher left, scored by the Unix millisecond at which each is detached
// unless its publisher comes back. All replicas see it, for a publisher may leave through one and come back through another, and
// it outlives a replica that is killed. When Redis loses its memory, such a stream stays attached until it is detached by hand.
const pendingDetaches = "liveclip:ops:pending_detaches"

// scheduleDetach has the stream detached after the grace (ops.hooks.grace).
func (s *Service) scheduleDetach(ctx context.Context, ref domain.Ref) error {
	due := s.Now().Add(s.cfg.Hooks.Grace).UnixMilli()
	if err := s.Redis.ZAdd(ctx, pendingDetaches, redis.Z{Score: float64(due), Member: ref.String()}).Err(); err != nil {
		return fmt.Errorf("note that the publisher of stream %s left: %w", ref, err)
	}
	return nil
}

// cancelDetach keeps the stream attached: its publisher came back. The caller holds the stream's lock.
func (s *Service) cancelDetach(ctx context.Context, ref domain.Ref) error {
	if err := s.Redis.ZRem(ctx, pendingDetaches, ref.String()).Err(); err != nil {
		return fmt.Errorf("note that stream %s stays: %w", ref, err)
	}
	return nil
}

// detachPending reports whether the stream's publisher left and may still come back.
func (s *Service) detachPending(ctx context.Context, ref domain.Ref) (bool, error) {
	err := s.Redis.ZScore(ctx, pendingDetaches, ref.String()).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, err
}

// detachDue detaches the streams whose publisher stayed away for longer than the grace.
func (s *Service) detachDue(ctx context.Context) error {
	now := s.Now().UnixMilli()
	due, err := s.Redis.ZRangeArgs(ctx, redis.ZRangeArgs{Key: pendingDetaches, ByScore: true, Start: "-inf", Stop: strconv.FormatInt(now, 10), Count: 100}).Result()
	if err != nil {
		return fmt.Errorf("read whose publishers left: %w", err)
	}
	var errs []error
	for _, name := range due {
		if err := s.detachIfDue(ctx, name, now); err != nil {
			errs = append(errs, fmt.Errorf("stream %s, whose publisher left: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// detachIfDue looks again under the stream's lock: the publisher may have come back meanwhile.
func (s *Service) detachIfDue(ctx context.Context, name string, now int64) error {
	ref, err := domain.ParseRef(name)
	if err != nil {
		return errors.Join(err, s.Redis.ZRem(ctx, pendingDetaches, name).Err())
	}
	unlock, err := s.lock(ctx, "stream:"+name)
	if err != nil {
		return err
	}
	defer unlock()
	switch due, err := s.Redis.ZScore(ctx, pendingDetaches, name).Result(); {
	case errors.Is(err, redis.Nil) || err == nil && int64(due) > now:
		return nil // it came back, or left anew
	case err != nil:
		return err
	}
	known, err := s.streamOrNew(ctx, ref)
	if err != nil {
		return err
	}
	if _, err := s.endAttachment(ctx, known); err != nil {
		return err
	}
	return s.cancelDetach(ctx, ref)
}
