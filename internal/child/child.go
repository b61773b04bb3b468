// Package child starts liveclip-media, limits it and talks to it. All native code runs behind it: a crash there is an
// error here that tells its fault (said.go), and so is an end by a limit (limits.go). Children may be started ahead (warm.go).
package child

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"liveclip/internal/child/wire"
	mediav1 "liveclip/proto/media/v1"
)

// Mode of a child: the order it takes.
type Mode string

const (
	Record    Mode = "record"
	Recognise Mode = "recognise"
	Finish    Mode = "finish"
	Copy      Mode = "copy"
	Render    Mode = "render"
	Probe     Mode = "probe"
	Look      Mode = "look"
)

const binaryName = "liveclip-media"

// Config is the part "media" of the configuration.
type Config struct {
	Binary string     `koanf:"binary"` // liveclip-media; empty: beside this executable, else in PATH
	Nice   int        `koanf:"nice"`   // of finishing and rendering, so that recording comes first
	Limits ModeLimits `koanf:"limits"`
}

// Defaults are fit for one machine with rooms and finishers on it.
func Defaults() Config { return Config{Nice: 5, Limits: defaultLimits()} }

// Faults lists what is wrong with the configuration, one line each.
func (c Config) Faults() []string {
	faults := c.Limits.faults()
	if c.Nice < 0 || c.Nice > 19 {
		faults = append(faults, fmt.Sprintf("media.nice: must be 0 to 19, is %d", c.Nice))
	}
	return faults
}

// Starter starts children. Safe for concurrent use.
type Starter struct {
	binary string
	cfg    Config
	log    *slog.Logger
	warm   warm
}

// NewStarter finds the binary.
func NewStarter(cfg Config, log *slog.Logger) (*Starter, error) {
	binary, err := find(cfg.Binary)
	if err != nil {
		return nil, err
	}
	return &Starter{binary: binary, cfg: cfg, log: log, warm: newWarm()}, nil
}

// Binary is the path of the liveclip-media that is started.
func (s *Starter) Binary() string { return s.binary }

func find(configured string) (string, error) {
	if configured != "" {
		path, err := exec.LookPath(configured)
		if err != nil {
			return "", fmt.Errorf("find %s as configured in media.binary: %w", binaryName, err)
		}
		return filepath.Abs(path)
	}
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), binaryName)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(binaryName)
	if err != nil {
		return "", fmt.Errorf("find %s beside this executable or in PATH (media.binary names another place): %w", binaryName, err)
	}
	return path, nil
}

// Start gives a child its order: one that was started ahead (KeepWarm), or a new one. Cancelling ctx kills it. It never
// outlives this process.
//
// The child holds the reading end of a pipe, its lifeline, whose writing end only this process has: however this process
// ends, the child sees the end of the lifeline and exits. (A parent-death signal would follow the thread that started the
// child, and Go may end a thread at any time; the end of standard input says only that nothing more will be sent.)
func (s *Starter) Start(ctx context.Context, mode Mode, order *mediav1.ToChild) (*Process, error) {
	p := s.warm.take(mode)
	if p == nil {
		var err error
		if p, err = s.start(mode); err != nil {
			return nil, fmt.Errorf("start media child %s: %w", mode, err)
		}
	}
	p.begin(ctx)
	order.Limits = p.limits.input(mode)
	if err := p.Send(order); err != nil {
		crash := p.crash(err)
		p.Close()
		return nil, crash
	}
	return p, nil
}

// start starts a child that waits for its order.
func (s *Starter) start(mode Mode) (*Process, error) {
	pipes, err := openPipes()
	if err != nil {
		return nil, err
	}
	defer pipes.closeTheirs()

	p := &Process{mode: mode, limits: s.cfg.Limits.of(mode), stdin: pipes.stdin[1], stdout: pipes.stdout[0], lifeline: pipes.lifeline[1],
		in: wire.NewReader(pipes.stdout[0]), out: wire.NewWriter(pipes.stdin[1]), exited: make(chan struct{})}
	cmd := exec.CommandContext(context.Background(), s.binary, string(mode), "--lifeline=3")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pipes.stdin[0], pipes.stdout[1], &p.stderr
	cmd.ExtraFiles = []*os.File{pipes.lifeline[0]}
	// Arenas per thread would take much of the memory that is bounded.
	cmd.Env = append(harmless(os.Environ()), "MALLOC_ARENA_MAX=2")
	// A group of its own: an interrupt typed at the terminal reaches the parent, which drains.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		pipes.closeOurs()
		return nil, err
	}
	s.limit(mode, cmd.Process.Pid)
	p.cmd = cmd
	go p.wait()
	return p, nil
}

func (s *Starter) limit(mode Mode, pid int) {
	if err := s.cfg.Limits.of(mode).apply(pid); err != nil {
		s.log.Warn("media child not limited", "mode", mode, "err", err)
	}
	if s.cfg.Nice > 0 && (mode == Finish || mode == Copy || mode == Render) {
		// Of the group, not the process: that would be its first thread only.
		if err := unix.Setpriority(unix.PRIO_PGRP, pid, s.cfg.Nice); err != nil && !errors.Is(err, unix.ESRCH) {
			s.log.Warn("media child not made nice", "mode", mode, "err", err)
		}
	}
}

type pipes struct{ stdin, stdout, lifeline [2]*os.File }

func openPipes() (*pipes, error) {
	var p pipes
	for _, ends := range []*[2]*os.File{&p.stdin, &p.stdout, &p.lifeline} {
		r, w, err := os.Pipe()
		if err != nil {
			p.closeTheirs()
			p.closeOurs()
			return nil, err
		}
		*ends = [2]*os.File{r, w}
	}
	return &p, nil
}

func (p *pipes) closeTheirs() { closeAll(p.stdin[0], p.stdout[1], p.lifeline[0]) }
func (p *pipes) closeOurs()   { closeAll(p.stdin[1], p.stdout[0], p.lifeline[1]) }

// closeAll closes the files that were opened: Close of a nil *os.File does nothing.
func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// harmless leaves out what a process that reads hostile input must not know: our settings and the store's credentials.
func harmless(environ []string) []string {
	return slices.DeleteFunc(environ, func(entry string) bool {
		return strings.HasPrefix(entry, "LIVECLIP_") || strings.HasPrefix(entry, "AWS_")
	})
}
