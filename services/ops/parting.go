package ops

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
)

// partings are the streams whose publisher left, by the Unix millisecond at which they are detached unless it came back. All
// replicas see them, for a publisher may leave before one and come back before another, and they outlive a replica that is
// killed. With Redis's memory they are lost: such a stream stays attached until it is detached by hand.
const partings = "liveclip:ops:partings"

// left lets the stream be detached after the grace.
func (s *Service) left(ctx context.Context, ref domain.Ref) error {
	due := s.Now().Add(s.cfg.Hooks.Grace).UnixMilli()
	if err := s.Redis.ZAdd(ctx, partings, redis.Z{Score: float64(due), Member: ref.String()}).Err(); err != nil {
		return fmt.Errorf("note that the publisher of stream %s left: %w", ref, err)
	}
	return nil
}

// stay keeps a stream attached whose publisher left. The caller holds the stream's lock.
func (s *Service) stay(ctx context.Context, ref domain.Ref) error {
	if err := s.Redis.ZRem(ctx, partings, ref.String()).Err(); err != nil {
		return fmt.Errorf("note that stream %s stays: %w", ref, err)
	}
	return nil
}

// parted tells whether the stream's publisher left and may still come back.
func (s *Service) parted(ctx context.Context, ref domain.Ref) (bool, error) {
	err := s.Redis.ZScore(ctx, partings, ref.String()).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, err
}

// detachParted detaches the streams whose publisher stayed away for the grace.
func (s *Service) detachParted(ctx context.Context) error {
	now := s.Now().UnixMilli()
	due, err := s.Redis.ZRangeArgs(ctx, redis.ZRangeArgs{Key: partings, ByScore: true, Start: "-inf", Stop: strconv.FormatInt(now, 10), Count: 100}).Result()
	if err != nil {
		return fmt.Errorf("read whose publishers left: %w", err)
	}
	var errs []error
	for _, name := range due {
		if err := s.detachOne(ctx, name, now); err != nil {
			errs = append(errs, fmt.Errorf("stream %s, whose publisher left: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) detachOne(ctx context.Context, name string, now int64) error {
	ref, err := domain.ParseRef(name)
	if err != nil {
		return errors.Join(err, s.Redis.ZRem(ctx, partings, name).Err())
	}
	unlock, err := s.lock(ctx, "stream:"+name)
	if err != nil {
		return err
	}
	defer unlock()
	switch due, err := s.Redis.ZScore(ctx, partings, name).Result(); {
	case errors.Is(err, redis.Nil) || err == nil && int64(due) > now:
		return nil // it came back, or left anew
	case err != nil:
		return err
	}
	known, err := s.known(ctx, ref)
	if err != nil {
		return err
	}
	if _, err := s.end(ctx, known); err != nil {
		return err
	}
	return s.stay(ctx, ref)
}
