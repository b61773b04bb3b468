// Package standing shows how the video engines are: every process that gives them work keeps in Redis what it sees of them, for
// whoever asks, and none of it outlives the process for long.
package standing

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// key is a hash of what each process sees of its engines.
const key = "liveclip:t2v:engines:1"

const shownFor = 15 * time.Second // a process that shows nothing for so long is gone

// Engine is one as a process sees it.
type Engine struct {
	Name     string `json:"name"`
	State    State  `json:"state"`
	Why      string `json:"why"` // it takes nothing now; empty: it does
	Running  int    `json:"running"`
	Openings int    `json:"openings"` // that it holds, as far as is known
}

// State of an engine.
type State string

// The states that there are.
const (
	Ready   State = "ready"
	Warming State = "warming" // it answers, and is not ready yet
	Away    State = "away"    // it does not answer
	Broken  State = "broken"  // it failed too often in a row, and is left alone
	Busy    State = "busy"    // it asked to be left alone
)

// Process is what a process says of its engines.
type Process struct {
	Name    string    `json:"process"`
	At      time.Time `json:"at"`
	Engines []Engine  `json:"engines"`
}

// List gives what the processes that share a Redis say of their engines, by process.
func List(ctx context.Context, rdb redis.UniversalClient, now time.Time) ([]Process, error) {
	all, _, err := read(ctx, rdb, now)
	slices.SortFunc(all, func(a, b Process) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

// read gives the processes that are there, and the names of those that are gone.
func read(ctx context.Context, rdb redis.UniversalClient, now time.Time) (all []Process, gone []string, err error) {
	shown, err := rdb.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, nil, fmt.Errorf("read how engines are: %w", err)
	}
	for name, body := range shown {
		if p, ok := parse([]byte(body)); ok && now.Sub(p.At).Abs() < shownFor {
			all = append(all, p)
		} else {
			gone = append(gone, name)
		}
	}
	return all, gone, nil
}

func parse(body []byte) (p Process, ok bool) { return p, json.Unmarshal(body, &p) == nil }

// Show says how a process's engines are at p.At, and forgets those of processes that are gone.
func Show(ctx context.Context, rdb redis.UniversalClient, p Process) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, gone, err := read(ctx, rdb, p.At)
	if err != nil {
		return err
	}
	_, err = rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		if len(gone) > 0 {
			pipe.HDel(ctx, key, gone...)
		}
		pipe.HSet(ctx, key, p.Name, body)
		pipe.Expire(ctx, key, time.Minute)
		return nil
	})
	return err
}

// Hide forgets a process that ends.
func Hide(ctx context.Context, rdb redis.UniversalClient, process string) error {
	return rdb.HDel(ctx, key, process).Err()
}
