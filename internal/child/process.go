package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"liveclip/internal/child/wire"
	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// Process is a running child.
type Process struct {
	mode                    Mode
	ctx                     context.Context
	cmd                     *exec.Cmd
	stdin, stdout, lifeline *os.File
	in                      *wire.Reader
	out                     *wire.Writer
	stderr                  tail
	ended                   error // of Receive: nothing follows

	exited  chan struct{} // closed after the process was waited for
	waitErr error
	closing sync.Once
}

// Pid is the child's process ID, for accounts of its memory and time.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

func (p *Process) wait() {
	p.waitErr = p.cmd.Wait()
	close(p.exited)
}

// Send writes one message; safe for one goroutine beside a receiving one. It blocks while the child does not read.
func (p *Process) Send(m *mediav1.ToChild) error {
	if err := p.out.Write(m); err != nil {
		return fmt.Errorf("send to media child %s: %w", p.mode, err)
	}
	return nil
}

// CloseSend tells the child that nothing more will come. A recording child stops, after the parts it has begun.
func (p *Process) CloseSend() error {
	if err := p.stdin.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("close input of media child %s: %w", p.mode, err)
	}
	return nil
}

// Receive gives the next message, Done being the last one; io.EOF after it. A Failed message is returned as its error
// (permanent as it says); a crash as a temporary error that names the signal and the end of what the child wrote to
// standard error.
func (p *Process) Receive() (*mediav1.FromChild, error) {
	if p.ended != nil {
		return nil, p.ended
	}
	m := &mediav1.FromChild{}
	if err := p.in.Read(m); err != nil {
		p.ended = p.crash(err)
		return nil, p.ended
	}
	switch m := m.Message.(type) {
	case *mediav1.FromChild_Done:
		p.ended = io.EOF
	case *mediav1.FromChild_Failed:
		p.ended = errors.New(m.Failed.Error)
		if m.Failed.Permanent {
			p.ended = domain.Permanent(p.ended)
		}
		return nil, p.ended
	}
	return m, nil
}

// Close kills the child if it still runs and waits for it.
func (p *Process) Close() error {
	p.closing.Do(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		closeAll(p.stdin, p.stdout, p.lifeline)
	})
	return nil
}

// crash explains why the pipe to or from the child broke: it died, it was cancelled, or it talks nonsense.
func (p *Process) crash(cause error) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if !errors.Is(cause, io.EOF) && !errors.Is(cause, io.ErrUnexpectedEOF) && !errors.Is(cause, syscall.EPIPE) {
		_ = p.cmd.Process.Kill()
		return fmt.Errorf("media child %s: %w", p.mode, cause)
	}
	// A child whose standard output ended is dying; one that does not is killed.
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	how := "exited without an answer"
	if p.waitErr != nil {
		how = "crashed: " + p.waitErr.Error()
	}
	if said := p.stderr.String(); said != "" {
		how += ": " + said
	}
	return fmt.Errorf("media child %s %s", p.mode, how)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b[max(0, len(b)-tailSize):]...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.buf), "?"))
}
