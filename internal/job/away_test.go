package job_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"liveclip/internal/domain"
	"liveclip/internal/job"
)

// server is a redis-server that can be killed and started again on the same folder. It listens on a socket in that folder: a port
// could be another's while the server is away.
type server struct {
	t       *testing.T
	folder  string
	process *exec.Cmd
}

func (s *server) start() {
	s.t.Helper()
	s.process = exec.Command("redis-server", "--port", "0", "--unixsocket", s.socket(), "--dir", s.folder, "--appendonly", "yes", "--save", "", "--logfile", "", "--loglevel", "warning")
	if err := s.process.Start(); err != nil {
		s.t.Fatalf("needs redis-server (make setup installs it): %v", err)
	}
	eventually(s.t, "redis answers", func() bool {
		rdb := redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket(), MaxRetries: -1})
		defer rdb.Close()
		return rdb.Ping(s.t.Context()).Err() == nil
	})
}

func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func (s *server) socket() string { return filepath.Join(s.folder, "redis") }

func TestRedisGoneForAWhileLosesNoJob(t *testing.T) {
	folder, err := os.MkdirTemp("", "redis-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	away := &server{t: t, folder: folder}
	away.start()
	t.Cleanup(func() { away.kill() })
	rdb := redis.NewClient(&redis.Options{Network: "unix", Addr: away.socket(), MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })

	var mu sync.Mutex
	done := map[string]int{}
	begun := make(chan struct{}, 1000)
	serve(t, rdb, job.Config{Workers: 4, Lease: 400 * time.Millisecond, Backoff: 10 * time.Millisecond, MaxRetry: 1000}, func(ctx context.Context, j job.Job) error {
		begun <- struct{}{}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		mu.Lock()
		defer mu.Unlock()
		done[j.ID]++
		return nil
	}, func(_ context.Context, j job.Job, err error) { t.Errorf("job %s failed: %v", j.ID, err) })
	client := job.NewClient(rdb, "test")
	const all = 40
	for i := range all {
		j := of(fmt.Sprintf("default/room%d", i%2), i)
		j.Lane = []domain.Lane{domain.LaneLive, domain.LaneManual, domain.LaneBatch}[i%3]
		if err := client.Enqueue(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	next(t, begun)
	away.kill()
	if err := client.Enqueue(t.Context(), of("default/late", 1)); err == nil || !strings.Contains(err.Error(), "default/late/1") {
		t.Errorf("enqueued while Redis was away: %v", err)
	}
	time.Sleep(time.Second) // longer than leases last
	away.start()
	eventually(t, "enqueued again", func() bool { return client.Enqueue(t.Context(), of("default/late", 1)) == nil })
	eventually(t, "all done", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(done) == all+1
	})
	eventually(t, "nothing left on the queues", func() bool {
		queues, err := job.NewControl(rdb).Queues(t.Context())
		for _, q := range queues {
			if q.Waiting+q.Parked+q.Running+q.Later+q.Dead > 0 {
				return false
			}
		}
		return err == nil && len(queues) == 3
	})
}
