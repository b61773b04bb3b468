package test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a liveclip process that may be killed and started again.
type process struct {
	t     *testing.T
	args  []string
	admin string
	log   string

	mutex   sync.Mutex
	command *exec.Cmd
	ended   chan struct{}
}

func newProcess(t *testing.T, name, admin string, args ...string) *process {
	p := &process{t: t, args: args, admin: admin, log: filepath.Join(t.TempDir(), name+".log")}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			text, _ := os.ReadFile(p.log)
			t.Logf("what %s logged:\n%s", name, bytes.TrimSpace(text[max(0, len(text)-6000):]))
		}
	})
	return p
}

// start starts it and waits until it is ready.
func (p *process) start() {
	p.t.Helper()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer log.Close()
	p.command = exec.Command(filepath.Join(binaries, "liveclip"), p.args...)
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		p.t.Errorf("start %v: %v", p.args, err)
		return
	}
	ended := make(chan struct{})
	p.ended = ended
	go func(command *exec.Cmd) { _ = command.Wait(); close(ended) }(p.command)
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if response, err := http.Get("http://" + p.admin + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ended:
			p.t.Errorf("%v ended before it was ready", p.args)
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	p.t.Errorf("%v was never ready", p.args)
}

// kill ends it with -9.
func (p *process) kill() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	_ = p.command.Process.Kill()
	<-p.ended
}

func (p *process) stop() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.command == nil {
		return
	}
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(2 * time.Minute):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}
