// Package child starts liveclip-media, limits it and talks to it. All native code runs behind it: a crash there is an
// error here.
package child

import (
	"context"
	"log/slog"

	mediav1 "liveclip/proto/media/v1"
)

// Mode of a child: the order it takes.
type Mode string

const (
	Record    Mode = "record"
	Recognise Mode = "recognise"
	Finish    Mode = "finish"
	Render    Mode = "render"
	Probe     Mode = "probe"
)

// Config is the part "media" of the configuration.
type Config struct {
	Binary string `koanf:"binary"` // liveclip-media; empty: beside this executable, else in PATH
	Memory int64  `koanf:"memory"` // bytes of address space a child may take
	Nice   int    `koanf:"nice"`   // of finishing and rendering, so that recording comes first
}

// Starter starts children. Safe for concurrent use.
type Starter struct{}

// NewStarter finds the binary.
func NewStarter(cfg Config, log *slog.Logger) (*Starter, error) { panic("unwritten") }

// Process is a running child.
type Process struct{}

// Start starts a child in a mode and sends its order. Cancelling ctx kills it. It never outlives this process.
func (s *Starter) Start(ctx context.Context, mode Mode, order *mediav1.ToChild) (*Process, error) {
	panic("unwritten")
}

// Send writes one message; safe for one goroutine beside a receiving one. It blocks while the child does not read.
func (p *Process) Send(m *mediav1.ToChild) error { panic("unwritten") }

// CloseSend tells the child that nothing more will come.
func (p *Process) CloseSend() error { panic("unwritten") }

// Receive gives the next message. io.EOF after Done. A Failed message is returned as its error (permanent as it says); a
// crash as a temporary error that names the signal and the end of what the child wrote to standard error.
func (p *Process) Receive() (*mediav1.FromChild, error) { panic("unwritten") }

// Close kills the child if it still runs and waits for it.
func (p *Process) Close() error { panic("unwritten") }
