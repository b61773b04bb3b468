package outlet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	headWithin   = 10 * time.Second
	idleWithin   = 2 * time.Minute
	closeWithin  = 5 * time.Second
	maxHeadOther = 64 << 10 // bytes of a request's head that net/http reads; more: 431
)

// Config says what a server answers with.
type Config struct {
	Handler http.Handler // every request
	Below   string       // "/vod/"; empty: net/http serves everything
	Files   http.Handler // simple requests below it; its ResponseWriter is a Writer. It must set Content-Length, or the connection ends with its answer, and may not keep the request
	TLS     *tls.Config  // nil: plain HTTP
	// Patience is how long a reader may take for 512 KiB. 0: a minute.
	Patience time.Duration
	Log      *slog.Logger
}

// server is Config at work.
type server struct {
	Config
	rest  *handover
	plain http.Request // what every request begins as
	date  dates

	mu      sync.Mutex
	conns   map[*conn]struct{} // those that are ours
	closing bool
	ended   sync.WaitGroup
}

// Serve answers on the listener until ctx ends, gives requests under way a few seconds, and closes the listener.
func Serve(ctx context.Context, listener net.Listener, cfg Config) error {
	if cfg.Patience == 0 {
		cfg.Patience = time.Minute
	}
	s := &server{Config: cfg, conns: map[*conn]struct{}{}}
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	s.plain = *(&http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}).WithContext(working)
	s.rest = &handover{address: listener.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	other := &http.Server{
		Handler:           cfg.Handler,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: headWithin,
		IdleTimeout:       idleWithin,
		MaxHeaderBytes:    maxHeadOther,
		TLSConfig:         cfg.TLS,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug), // what a client did wrong
	}
	other.Protocols.SetHTTP1(true)
	other.Protocols.SetHTTP2(cfg.TLS != nil)
	other.Protocols.SetUnencryptedHTTP2(cfg.TLS == nil) // for gRPC
	ended := make(chan error, 2)
	go func() { ended <- s.accept(listener) }()
	go func() {
		if cfg.TLS != nil {
			ended <- other.ServeTLS(s.rest, "", "")
			return
		}
		ended <- other.Serve(s.rest)
	}()
	var fault error
	running := 2
	select {
	case fault = <-ended:
		running--
	case <-ctx.Done():
	}
	_ = listener.Close()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	defer context.AfterFunc(closing, stopWork)() // what a handler still waits for is not worth more
	s.shutdown(closing)
	if other.Shutdown(closing) != nil {
		_ = other.Close() // streams that never end, such as events
	}
	for range running {
		<-ended
	}
	return fault
}

// accept gives every connection a goroutine, or to net/http.
func (s *server) accept(listener net.Listener) error {
	pause := time.Duration(0)
	for {
		accepted, err := listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) && !errors.Is(err, syscall.ECONNABORTED) {
				return fmt.Errorf("accept: %w", err)
			}
			pause = min(time.Second, max(5*time.Millisecond, 2*pause))
			s.Log.Warn("connection not accepted", "error", err)
			time.Sleep(pause) // descriptors come back when others leave
			continue
		}
		pause = 0
		tcp, ok := accepted.(*net.TCPConn)
		if !ok || s.TLS != nil || s.Below == "" {
			s.hand(accepted, nil)
			continue
		}
		s.start(tcp)
	}
}

func (s *server) hand(c net.Conn, read []byte) {
	s.rest.give(&patient{Conn: c, read: read, patience: s.Patience})
}

func (s *server) start(tcp *net.TCPConn) {
	c, err := newConn(s, tcp)
	if err != nil {
		_ = tcp.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		_ = tcp.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.ended.Go(c.serve)
}

func (s *server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// shutdown ends connections that wait at once, and the others when ctx does.
func (s *server) shutdown(ctx context.Context) {
	s.mu.Lock()
	s.closing = true
	for c := range s.conns {
		c.last.Store(true)
		_ = c.tcp.SetReadDeadline(time.Unix(1, 0))
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.ended.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.mu.Lock()
		for c := range s.conns {
			_ = c.tcp.Close()
		}
		s.mu.Unlock()
		<-done
	}
}

// handover is the listener net/http takes connections from.
type handover struct {
	address net.Addr
	conns   chan net.Conn // who gives one waits until it is taken, so that none is left in it
	closed  chan struct{}
	once    sync.Once
}

func (h *handover) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		_ = c.Close()
	}
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

func (h *handover) Addr() net.Addr { return h.address }

// patient is a connection of net/http's that begins with what was read already, and whose writes have an end.
type patient struct {
	net.Conn
	read     []byte
	patience time.Duration

	mu  sync.Mutex
	set time.Time // a write deadline that somebody else asked for
}

func (p *patient) Read(b []byte) (int, error) {
	if len(p.read) > 0 {
		n := copy(b, p.read)
		p.read = p.read[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// Write gives each 512 KiB its time, or less where less was asked for.
func (p *patient) Write(b []byte) (n int, err error) {
	for {
		part := b[n:min(len(b), n+step)]
		p.mu.Lock()
		by := time.Now().Add(p.patience)
		if !p.set.IsZero() && p.set.Before(by) {
			by = p.set
		}
		err := p.Conn.SetWriteDeadline(by)
		p.mu.Unlock()
		if err != nil {
			return n, err
		}
		sent, err := p.Conn.Write(part)
		if n += sent; err != nil || n == len(b) {
			return n, err
		}
	}
}

func (p *patient) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set = t
	return p.Conn.SetWriteDeadline(t)
}

func (p *patient) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

// CloseWrite lets net/http end its half, so that a client that is still sending reads the answer.
func (p *patient) CloseWrite() error {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
