package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"liveclip/internal/note"
)

// guard is a proxy on the loopback that FFmpeg's HTTP goes through: it connects to admitted addresses only, after the names
// were resolved, so that no redirect, playlist or changing DNS answer leads anywhere else.
type guard struct {
	admit    func(netip.Addr) bool
	listener net.Listener
	server   *http.Server
	dialer   net.Dialer
	client   *http.Transport

	mu      sync.Mutex
	refused error // the first refusal
}

var errAddress = errors.New("the address is private")

func newGuard(ctx context.Context, admit func(netip.Addr) bool) (*guard, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open guard of addresses: %w", err)
	}
	g := &guard{admit: admit, listener: listener}
	g.dialer = net.Dialer{Timeout: 10 * time.Second, Control: g.control}
	g.client = &http.Transport{DialContext: g.dialer.DialContext, DisableCompression: true, MaxIdleConnsPerHost: 4}
	g.server = &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = g.server.Serve(listener) }()
	return g, nil
}

// url is the proxy's.
func (g *guard) url() string { return "http://" + g.listener.Addr().String() }

func (g *guard) close() {
	_ = g.server.Close()
	g.client.CloseIdleConnections()
}

// control sees the address that a name was resolved to, before it is connected to.
func (g *guard) control(_, to string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(to)
	if err != nil {
		return err
	}
	if g.admit(addr.Addr()) {
		return nil
	}
	err = fmt.Errorf("%w: %s", errAddress, addr.Addr())
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refused == nil {
		g.refused = err
	}
	return err
}

// refusal is why the guard refused something; nil: it did not.
func (g *guard) refusal() error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused
}

// check resolves a host that FFmpeg connects to by itself.
func (g *guard) check(ctx context.Context, host string) error {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("find host: %w", note.Plain(err))
	}
	for _, a := range addresses {
		if !g.admit(a.Unmap()) {
			return fmt.Errorf("%w: %s", errAddress, a)
		}
	}
	return nil
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		g.tunnel(w, r)
	case r.URL.IsAbs() && r.URL.Scheme == "http":
		g.forward(w, r)
	default:
		http.Error(w, "not a proxy's request", http.StatusBadRequest)
	}
}

// tunnel joins both connections: HTTPS.
func (g *guard) tunnel(w http.ResponseWriter, r *http.Request) {
	out, err := g.dialer.DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	defer out.Close()
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer in.Close()
	if _, err := io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(out, buffered)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
}

// forward asks in FFmpeg's place, once: it follows redirects itself, through here.
func (g *guard) forward(w http.ResponseWriter, r *http.Request) {
	request := r.Clone(r.Context())
	request.RequestURI = ""
	request.Header.Del("Proxy-Connection")
	answer, err := g.client.RoundTrip(request)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(flushing{w, http.NewResponseController(w)}, answer.Body)
}

// flushing passes live bytes on at once.
type flushing struct {
	io.Writer
	flusher *http.ResponseController
}

func (f flushing) Write(b []byte) (int, error) {
	n, err := f.Writer.Write(b)
	if err == nil {
		err = f.flusher.Flush()
	}
	return n, err
}

func statusOf(err error) int {
	if errors.Is(err, errAddress) {
		return http.StatusForbidden
	}
	return http.StatusBadGateway
}
