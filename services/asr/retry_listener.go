package asr

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"
)

const (
	acceptPauseLeast = 10 * time.Millisecond
	acceptPauseMost  = time.Second
)

// retryListener is a listener that pauses when it can't accept, as when there are no file descriptors left: the RTMP library would
// ask again at once, for ever.
type retryListener struct {
	net.Listener
	ctx context.Context
	log *slog.Logger
}

// Accept gives the next connection. Only a closed listener is an error.
func (p retryListener) Accept() (net.Conn, error) {
	for pause := acceptPauseLeast; ; pause = min(2*pause, acceptPauseMost) {
		conn, err := p.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) || p.ctx.Err() != nil {
			return conn, err
		}
		p.log.Warn("publisher not accepted, trying again", "error", err, "in", pause)
		select {
		case <-p.ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}
