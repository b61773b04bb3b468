package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"liveclip/internal/child/wire"
	"liveclip/internal/domain"
	mediav1 "liveclip/proto/media/v1"
)

// Process is a running child.
type Process struct {
	mode                    Mode
	limits                  Limits
	ctx                     context.Context // since begin
	cmd                     *exec.Cmd
	stdin, stdout, lifeline *os.File
	in                      *wire.Reader
	out                     *wire.Writer
	stderr                  said
	ended                   error // of Receive: nothing follows
	answers                 atomic.Int64
	sent                    int64                    // bytes of input
	exceeded                atomic.Pointer[Exceeded] // why it was killed
	unbind                  func() bool              // from ctx

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

// begin binds a child that waits for its order to ctx, and watches it from here on.
func (p *Process) begin(ctx context.Context) {
	p.ctx = ctx
	p.unbind = context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() })
	go p.watch()
}

// Send writes one message; safe for one goroutine beside a receiving one. It blocks while the child does not read.
func (p *Process) Send(m *mediav1.ToChild) error {
	p.sent += int64(len(m.GetInput().GetData()))
	if err := p.limits.feed(p.mode, p.sent); err != nil {
		return err
	}
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
	p.answers.Add(1)
	switch m := m.Message.(type) {
	case *mediav1.FromChild_Done:
		p.ended = io.EOF
	case *mediav1.FromChild_Failed:
		p.ended = p.failed(m.Failed)
		return nil, p.ended
	}
	return m, nil
}

// dying is how long a child that said its last may take to end, on a machine however busy.
const dying = 15 * time.Second

func (p *Process) failed(f *mediav1.Failed) error {
	err := errors.New(f.Error)
	limit := p.limits.named(p.mode, f.Error)
	if limit == nil { // FFmpeg's libraries say more on standard error than in their codes
		select {
		case <-p.exited:
		case <-time.After(dying):
		}
		limit = p.limits.named(p.mode, p.stderr.String())
	}
	if limit != nil {
		return p.sorted(fmt.Errorf("%w: %w", limit, err))
	}
	if f.Permanent {
		return domain.Permanent(err)
	}
	return err
}

// sorted sorts the end by a limit: an order that has an end would come to the same one again.
func (p *Process) sorted(err error) error {
	if p.mode == Record || p.mode == Recognise {
		return err
	}
	return domain.Permanent(err)
}

// Close kills the child if it still runs and waits for it.
func (p *Process) Close() error {
	p.closing.Do(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if p.unbind != nil {
			p.unbind()
		}
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
	case <-time.After(dying):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	if e := p.exceeded.Load(); e != nil {
		return p.sorted(e)
	}
	how, said := "exited without an answer", p.stderr.String()
	if p.waitErr != nil {
		how = "crashed: " + p.waitErr.Error()
	}
	if said != "" {
		how += ": " + said
	}
	err := fmt.Errorf("media child %s %s", p.mode, how)
	limit := p.limits.named(p.mode, said)
	if limit == nil {
		limit = p.limits.suspected(p.mode, p.cmd.ProcessState)
	}
	if limit != nil {
		return p.sorted(fmt.Errorf("%w: %w", limit, err))
	}
	return err
}
