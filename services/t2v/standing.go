package t2v

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/services/t2v/schedule"
)

// enginesKey is a hash of what each process sees of its engines.
const enginesKey = "liveclip:t2v:engines:1"

const (
	showEvery = 2 * time.Second
	shownFor  = 15 * time.Second // a process that shows nothing for so long is gone
)

// Standings is what a process says of its engines.
type Standings struct {
	Process string              `json:"process"`
	At      time.Time           `json:"at"`
	Engines []schedule.Standing `json:"engines"`
}

// ShownEngines lists what the processes that share a Redis say of their engines, by process.
func ShownEngines(ctx context.Context, rdb redis.UniversalClient, now time.Time) ([]Standings, error) {
	shown, err := rdb.HGetAll(ctx, enginesKey).Result()
	if err != nil {
		return nil, fmt.Errorf("read engines' standing: %w", err)
	}
	var all []Standings
	for _, body := range shown {
		if s, ok := parseStandings([]byte(body)); ok && now.Sub(s.At).Abs() < shownFor {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Standings) int { return cmp.Compare(a.Process, b.Process) })
	return all, nil
}

func parseStandings(body []byte) (s Standings, ok bool) { return s, json.Unmarshal(body, &s) == nil }

// show says how the engines are until ctx ends.
func (d *desk) show(ctx context.Context, rdb redis.UniversalClient) {
	if len(d.engines) == 0 {
		return
	}
	host, _ := os.Hostname()
	process := fmt.Sprintf("%s:%d", host, os.Getpid())
	ticks := time.NewTicker(showEvery)
	defer ticks.Stop()
	for {
		if err := d.showOnce(ctx, rdb, process); err != nil && ctx.Err() == nil {
			d.log.Debug("engines' standing not shown", "error", err)
		}
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = rdb.HDel(ctx, enginesKey, process).Err() // else it is old soon
			return
		case <-ticks.C:
		}
	}
}

func (d *desk) showOnce(ctx context.Context, rdb redis.UniversalClient, process string) error {
	d.mu.Lock()
	all := d.plan.Standings()
	d.mu.Unlock()
	body, err := json.Marshal(Standings{process, d.now(), all})
	if err != nil {
		return err
	}
	shown, err := rdb.HGetAll(ctx, enginesKey).Result()
	if err != nil {
		return err
	}
	_, err = rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for other, body := range shown {
			if s, ok := parseStandings([]byte(body)); !ok || d.now().Sub(s.At) > shownFor {
				pipe.HDel(ctx, enginesKey, other)
			}
		}
		pipe.HSet(ctx, enginesKey, process, body)
		pipe.Expire(ctx, enginesKey, time.Minute)
		return nil
	})
	return err
}
