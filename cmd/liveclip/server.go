package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"liveclip/internal/address"
	"liveclip/internal/opsclient"
)

// server is a `liveclip up` in a process of its own, on free ports that it keeps over a restart.
type server struct {
	folder, listen, rtmp, admin string
	log                         io.Writer
	process                     *exec.Cmd
	ended                       chan struct{}
}

func startServer(ctx context.Context, folder string, log io.Writer) (*server, error) {
	ports, err := address.Free(ctx, 3)
	if err != nil {
		return nil, err
	}
	s := &server{folder: folder, listen: ports[0], rtmp: ports[1], admin: ports[2], log: log}
	return s, s.restart(ctx)
}

// restart starts the process and returns when it is ready.
func (s *server) restart(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	s.process = exec.CommandContext(context.WithoutCancel(ctx), self, "up", "--data", s.folder, "--listen", s.listen, "--rtmp", s.rtmp, "--admin", s.admin,
		"--prompt.openings.price_drop=price_drop", // one of a room's moments shows what an opening is
		"--review.unheard=note")                   // nobody is there to decide on what a slow machine, or one killed, did not hear
	s.process.Stderr = s.log
	s.process.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true} // Ctrl-C is for us to hand on
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	s.ended = make(chan struct{})
	go func(process *exec.Cmd, ended chan struct{}) { _ = process.Wait(); close(ended) }(s.process, s.ended)
	return s.untilReady(ctx)
}

func (s *server) untilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+"/readyz", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server to be ready: %w", ctx.Err())
		case <-s.ended:
			return errors.New("the server ended before it was ready")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *server) client() *opsclient.Client {
	token, _ := os.ReadFile(filepath.Join(s.folder, "token")) // there since the server is ready
	return opsclient.New("http://"+s.listen, strings.TrimSpace(string(token)))
}

func (s *server) kill() {
	_ = s.process.Process.Kill()
	<-s.ended
}

// stop ends the server; a nil server, or one that never started, is stopped already.
func (s *server) stop() {
	if s == nil || s.ended == nil {
		return
	}
	_ = s.process.Process.Signal(unix.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.kill()
	}
}

func (s *server) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.ended:
	}
}

// interruptible gives a context that ends at Ctrl-C.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
}
