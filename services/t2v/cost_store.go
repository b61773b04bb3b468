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
	syncEvery = 30 * time.Second
	costTTL   = 90 * 24 * time.Hour
	maxRows   = 4096
	maxRow    = 1 << 10 // bytes
)

// costStore keeps what shots take over a restart; processes that share a Redis share it. It is a convenience: where it is lost, or not
// there, costs are learned again.
type costStore struct{ rdb redis.UniversalClient }

// load gives the rows that can be read.
func (m costStore) load(ctx context.Context) ([]schedule.Learned, error) {
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

func (m costStore) save(ctx context.Context, rows []schedule.Learned) error {
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
		pipe.Expire(ctx, costsKey, costTTL)
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep what shots take: %w", err)
	}
	return nil
}

// syncCosts stores what is learned, and takes in what other processes learn, until ctx ends.
func (d *dispatcher) syncCosts(ctx context.Context, m costStore) {
	ticks := time.NewTicker(syncEvery)
	defer ticks.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticks.C:
			d.loadCosts(ctx, m)
		}
		d.saveCosts(ctx, m)
	}
}

func (d *dispatcher) loadCosts(ctx context.Context, m costStore) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	rows, err := m.load(ctx)
	if err != nil {
		d.log.Debug("costs not recalled", "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scheduler.Recall(rows)
}

func (d *dispatcher) saveCosts(ctx context.Context, m costStore) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	d.mu.Lock()
	rows := d.scheduler.Learned()
	d.mu.Unlock()
	if err := m.save(ctx, rows); err != nil {
		d.log.Debug("costs not kept", "error", err)
	}
}
