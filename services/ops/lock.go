package ops

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// lockTTL is how long the lock of a replica that died keeps the others out.
const lockTTL = 10 * time.Second

var unlockScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)

// lock keeps the other replicas, and other calls to this one, from changing the same thing. It waits for its turn at most three
// seconds.
func (s *Service) lock(ctx context.Context, name string) (unlock func(), err error) {
	key, token := "liveclip:ops:lock:"+name, rand.Text()
	waiting, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for {
		mine, err := s.Redis.SetNX(waiting, key, token, lockTTL).Result()
		if err == nil && mine {
			break
		}
		if err != nil && waiting.Err() == nil {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		select {
		case <-waiting.Done():
			return nil, unavailable("another call is changing %s: ask again", name)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = unlockScript.Run(ending, s.Redis, []string{key}, token).Err() // else it runs out by itself
	}, nil
}
