package t2v

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/services/t2v/schedule"
)

// costsKey is a hash of what shots take, a row a field. The number is its form's: another form has another.
const costsKey = "liveclip:t2v:costs:1"

const (
	rememberEvery = 30 * time.Second
	rememberFor   = 90 * 24 * time.Hour
	maxRows       = 4096
	maxRow        = 1 << 10 // bytes
)

// memory keeps what shots take over a restart; processes that share a Redis share it. It is a convenience: where it is lost, or not
// there, costs are learned again.
type memory struct{ rdb redis.UniversalClient }

// load gives the rows that can be read.
func (m memory) load(ctx context.Context) ([]schedule.Learned, error) {
	n, err := m.rdb.HLen(ctx, costsKey).Result()
	if err != nil {
		return nil, fmt.Errorf("read what shots take: %w", err)
	}
	if n > maxRows {
		return nil, m.rdb.Del(ctx, costsKey).Err()
	}
	values, err := m.rdb.HVals(ctx, costsKey).Result()
	if err != nil {
		return nil, fmt.Errorf("read what shots take: %w", err)
	}
	var rows []schedule.Learned
	for _, v := range values {
		if row, ok := parseLearned([]byte(v)); ok {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func parseLearned(body []byte) (row schedule.Learned, ok bool) {
	return row, len(body) <= maxRow && json.Unmarshal(body, &row) == nil
}

func (m memory) save(ctx context.Context, rows []schedule.Learned) error {
	if len(rows) == 0 {
		return nil
	}
	var fields []any
	for _, r := range rows {
		body, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("keep what shots take: %w", err)
		}
		f := r.Form
		fields = append(fields, fmt.Sprintf("%s/%s/%dx%d/%d/%s/%t", r.Engine, r.Model, f.Width, f.Height, f.Steps, f.Length, r.Cached), body)
	}
	_, err := m.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.HSet(ctx, costsKey, fields...)
		pipe.Expire(ctx, costsKey, rememberFor)
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep what shots take: %w", err)
	}
	return nil
}

// remember keeps what is learned, and takes in what others learn, until ctx ends.
func (d *desk) remember(ctx context.Context, m memory) {
	ticks := time.NewTicker(rememberEvery)
	defer ticks.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticks.C:
			d.recall(ctx, m)
		}
		d.keep(ctx, m)
	}
}

func (d *desk) recall(ctx context.Context, m memory) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	rows, err := m.load(ctx)
	if err != nil {
		d.log.Debug("costs not recalled", "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan.Recall(rows)
}

func (d *desk) keep(ctx context.Context, m memory) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
	defer cancel()
	d.mu.Lock()
	rows := d.plan.Learned()
	d.mu.Unlock()
	if err := m.save(ctx, rows); err != nil {
		d.log.Debug("costs not kept", "error", err)
	}
}
