package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"liveclip/internal/address"
)

// Redis is a child redis-server on a loopback port of its own choice, with its append-only file in folder.
type Redis struct {
	address string
	process *os.Process
	ended   chan struct{} // closed when the child has exited
	closing sync.Once
	log     *slog.Logger
}

// StartRedis returns when the server answers. Without redis-server on this machine the error says how to install it. The
// server is told to end when this process does, however it ends; a server of the process before is waited for.
func StartRedis(ctx context.Context, folder string, log *slog.Logger) (*Redis, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("start redis: redis-server is not installed: run `apt-get install redis-server` (macOS: `brew install redis`)")
	}
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	lock, err := lockFolder(waiting, folder)
	if err != nil {
		return nil, fmt.Errorf("start redis: %w", err)
	}
	defer lock.Close() // the child holds it from here on

	const attempts = 5 // a port that was free may be taken before the child gets it
	for range attempts {
		var r *Redis
		if r, err = startRedis(ctx, program, folder, lock, log); err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("start redis in %s: %w", folder, err)
}

func startRedis(ctx context.Context, program, folder string, lock *os.File, log *slog.Logger) (*Redis, error) {
	free, err := address.Free(ctx, 1)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(free[0])
	if err != nil {
		return nil, err
	}
	said := &tail{limit: 4 << 10}
	// It outlives ctx, which is for the start alone.
	command := exec.CommandContext(context.WithoutCancel(ctx), program, "--bind", "127.0.0.1", "--port", port, "--dir", folder,
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
		"--daemonize", "no", "--logfile", "", "--loglevel", "warning")
	command.Stdout, command.Stderr = said, said
	command.ExtraFiles = []*os.File{lock}
	// Its own group: a Ctrl-C in the terminal must not end it before its users have drained.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}

	r := &Redis{address: free[0], ended: make(chan struct{}), log: log}
	started := make(chan error, 1)
	go func() {
		// The death signal is bound to the thread that started the child: keep that thread until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(r.ended)
		err := command.Start()
		if err == nil {
			r.process = command.Process
		}
		started <- err
		if err != nil {
			return
		}
		if err := command.Wait(); err != nil {
			log.Warn("redis-server ended", "error", err, "said", said.String())
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	if err := r.waitUntilUp(ctx); err != nil {
		r.Close()
		return nil, fmt.Errorf("%w: %s", err, said.String())
	}
	return r, nil
}

func (r *Redis) waitUntilUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // a long append-only file takes its time to load
	defer cancel()
	for {
		if r.answers(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("redis-server gives no answer")
		case <-r.ended:
			return errors.New("redis-server ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (r *Redis) answers(ctx context.Context) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", r.address)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\nINFO server\r\nQUIT\r\n")); err != nil {
		return false
	}
	// "-LOADING" while it reads its file; and another's server may have got the port.
	said, _ := io.ReadAll(io.LimitReader(conn, 64<<10))
	return bytes.HasPrefix(said, []byte("+PONG")) && bytes.Contains(said, fmt.Appendf(nil, "\r\nprocess_id:%d\r\n", r.process.Pid))
}

// Address is host:port.
func (r *Redis) Address() string { return r.address }

// Ended is closed when the server has ended, by Close or by itself.
func (r *Redis) Ended() <-chan struct{} { return r.ended }

// PID is the child's process number.
func (r *Redis) PID() int { return r.process.Pid }

// Close shuts the server down, its data on disk. Calling it again does nothing.
func (r *Redis) Close() error {
	r.closing.Do(func() {
		_ = r.process.Signal(syscall.SIGTERM)
		select {
		case <-r.ended:
		case <-time.After(10 * time.Second):
			r.log.Error("redis-server does not end, killing it", "pid", r.process.Pid)
			_ = r.process.Kill()
			<-r.ended
		}
	})
	return nil
}

// tail keeps the last bytes written to it.
type tail struct {
	mu    sync.Mutex
	limit int
	bytes bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes.Write(p)
	if over := t.bytes.Len() - t.limit; over > 0 {
		t.bytes.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.bytes.String())
}
