package t2v

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/standing"
)

const showEvery = 2 * time.Second

// show says how the engines are until ctx ends.
func (d *dispatcher) show(ctx context.Context, rdb redis.UniversalClient) {
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
			_ = standing.Hide(ctx, rdb, process) // else it is old soon
			return
		case <-ticks.C:
		}
	}
}

func (d *dispatcher) showOnce(ctx context.Context, rdb redis.UniversalClient, process string) error {
	d.mu.Lock()
	all := d.scheduler.Standings()
	d.mu.Unlock()
	return standing.Show(ctx, rdb, standing.Process{Name: process, At: d.now(), Engines: all})
}
