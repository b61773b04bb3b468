package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// waitKept is how long it is remembered since when a job waits that nobody ends.
const waitKept = 24 * time.Hour

// waiting remembers since when jobs wait, by Redis' clock, the same for every worker.
type waiting struct{ rdb redis.UniversalClient }

func waitKey(jobID string) string { return "liveclip:waits:job:" + jobID }

// with does work on a job that knows how long it has waited, and notes when it is to wait on.
func (w waiting) with(ctx context.Context, j Job, work func(j Job) error) error {
	left, err := w.rdb.PTTL(ctx, waitKey(j.ID)).Result()
	if err != nil {
		return fmt.Errorf("job %s: waits since when: %w", j.ID, err)
	}
	known := left > 0
	if known {
		j.Waited = max(waitKept-left, 1)
	}
	err = work(j)
	switch ctx := context.WithoutCancel(ctx); {
	case errors.As(err, &Later{}):
		if noteErr := w.rdb.SetNX(ctx, waitKey(j.ID), "", waitKept).Err(); noteErr != nil {
			return fmt.Errorf("job %s: note that it waits: %w", j.ID, noteErr)
		}
	case known && err == nil:
		_ = w.rdb.Del(ctx, waitKey(j.ID)).Err() // goes by itself
	}
	return err
}
