package view

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/bus"
	"liveclip/internal/event"
)

// Sources are the topics a lost view is filled from.
var Sources = []event.Topic{event.StreamState, event.BroadcastChanged, event.HighlightFound, event.ClipState, event.PublicationChanged}

// buildTTL is how long a rebuild that gave no sign of life keeps others from beginning one.
const buildTTL = 15 * time.Second

// finish marks the views as built, if Redis was not emptied again meanwhile.
var finish = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], '1')
redis.call('DEL', KEYS[1])
return 1`)

var errCaughtUp = errors.New("caught up")

// Rebuild fills the views from the topics unless they are built, or another process is at it. It returns when they hold
// everything that was there at its start; a Redis emptied meanwhile is an error.
func (v *Views) Rebuild(ctx context.Context, b *bus.Bus) (rebuilt bool, err error) {
	if err := v.Built(ctx); !errors.Is(err, ErrRebuilding) {
		return false, err
	}
	token := rand.Text()
	mine, err := v.rdb.SetNX(ctx, buildKey, token, buildTTL).Result()
	if err != nil || !mine {
		return false, err
	}
	reading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go v.holdBuild(reading)
	err = b.Tail(reading, Sources, bus.FromStart, v.Apply, func() { stop(errCaughtUp) })
	if errors.Is(context.Cause(reading), errCaughtUp) {
		err = nil
	} else if err == nil {
		err = context.Cause(reading)
	}
	if err != nil {
		return false, fmt.Errorf("rebuild the views: %w", err)
	}
	built, err := finish.Run(ctx, v.rdb, []string{buildKey, builtKey}, token).Bool()
	if err != nil {
		return false, fmt.Errorf("rebuild the views: %w", err)
	}
	if !built {
		return false, errors.New("rebuild the views: Redis was emptied meanwhile")
	}
	return true, nil
}

func (v *Views) holdBuild(ctx context.Context) {
	tick := time.NewTicker(buildTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = v.rdb.Expire(ctx, buildKey, buildTTL).Err() // gone: the rebuild is found void at its end
		}
	}
}
