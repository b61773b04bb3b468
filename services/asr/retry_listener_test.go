package asr

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"testing"
)

// exhausted is a listener without file descriptors, for a while.
type exhausted struct {
	net.Listener
	answers []error
}

func (e *exhausted) Accept() (net.Conn, error) {
	err := e.answers[0]
	e.answers = slices.Delete(e.answers, 0, 1)
	return nil, err
}

func TestAListenerWithoutFileDescriptorsIsAskedAgainUntilItIsClosed(t *testing.T) {
	l := &exhausted{answers: []error{syscall.EMFILE, syscall.ENFILE, nil, syscall.EMFILE, net.ErrClosed}}
	p := retryListener{Listener: l, ctx: context.Background(), log: slog.New(slog.DiscardHandler)}
	if _, err := p.Accept(); err != nil || len(l.answers) != 2 {
		t.Errorf("%v, %d answers left", err, len(l.answers))
	}
	if _, err := p.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	l.answers = []error{syscall.EMFILE}
	p.ctx = stopped
	if _, err := p.Accept(); !errors.Is(err, syscall.EMFILE) {
		t.Error(err)
	}
}
