package outlet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// face is a server over a file, and what its handler saw.
type face struct {
	address string
	content []byte
	path    string

	settled chan int64
	failed  chan error
	ended   atomic.Bool // answers that ask whether they may go on may not
	stop    func()
}

// GoesOn is asked by answers to requests with "while".
func (f *face) GoesOn() bool { return !f.ended.Load() }

type told chan int64

func (c told) Settled(acked int64) { c <- acked }

// open serves content as /files/…; the handler reads from and length from the query.
func open(t *testing.T, size int, change func(*Config)) *face {
	t.Helper()
	f := &face{content: make([]byte, size), path: filepath.Join(t.TempDir(), "file"), settled: make(chan int64, 100), failed: make(chan error, 100)}
	for i := range f.content {
		f.content[i] = byte(i * 7 >> (i & 3))
	}
	if err := os.WriteFile(f.path, f.content, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	files := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, file) })
	cfg := Config{Handler: files, Below: "/files/", Files: files, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, cfg) }()
	var once sync.Once
	f.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { f.stop(); file.Close() })
	return f
}

func (f *face) answer(w http.ResponseWriter, r *http.Request, file *os.File) {
	q := r.URL.Query()
	number := func(name string) int64 { n, _ := strconv.ParseInt(q.Get(name), 10, 64); return n }
	own, direct := w.(Writer)
	w.Header().Set("X-By", map[bool]string{true: "outlet", false: "net/http"}[direct])
	switch path := r.URL.Path; {
	case path == "/files/panic":
		panic("on purpose")
	case path == "/files/cut":
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "not all")
		return
	case path == "/files/endless":
		io.WriteString(w, "until the end")
		return
	case path == "/files/parts":
		w.Header().Set("Content-Length", strconv.Itoa(4+3*100_000))
		for i := range 3 {
			io.WriteString(w, strconv.Itoa(i))
			own.SendFile(file, int64(i)*100_000, 100_000)
		}
		w.Write([]byte("\n"))
		return
	case !direct:
		body := f.content[number("from"):][:number("n")]
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
		return
	}
	w.Header().Set("Content-Length", q.Get("n"))
	if q.Has("settle") {
		own.Settle(told(f.settled))
	}
	if q.Has("while") {
		own.While(f)
	}
	if r.Method == http.MethodHead {
		return
	}
	sent, err := own.SendFile(file, number("from"), number("n"))
	if err != nil {
		f.failed <- fmt.Errorf("after %d: %w", sent, err)
	}
}

func (f *face) dial(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, bufio.NewReader(conn)
}

// read reads an answer: its status, who gave it, its body.
func read(t *testing.T, in *bufio.Reader, method string) (status int, by, body string) {
	t.Helper()
	r, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%d bytes, then %v", len(data), err)
	}
	return r.StatusCode, r.Header.Get("X-By"), string(data)
}

func TestEveryPartOfAFileArrivesAsItIs(t *testing.T) {
	f := open(t, 3<<20, nil)
	conn, in := f.dial(t)
	for _, n := range []int{0, 1, small - 1, small, small + 1, 65536, 1 << 20, 3<<20 - 5} {
		for _, from := range []int{0, 5} {
			fmt.Fprintf(conn, "GET /files/x?from=%d&n=%d HTTP/1.1\r\nHost: h\r\n\r\n", from, n)
			if status, by, body := read(t, in, "GET"); status != 200 || by != "outlet" || body != string(f.content[from:from+n]) {
				t.Fatalf("%d bytes from %d: %d by %s, %d bytes", n, from, status, by, len(body))
			}
		}
	}
	fmt.Fprintf(conn, "GET /files/parts HTTP/1.1\r\nHost: h\r\n\r\n")
	want := "0" + string(f.content[:100_000]) + "1" + string(f.content[100_000:200_000]) + "2" + string(f.content[200_000:300_000]) + "\n"
	if _, _, body := read(t, in, "GET"); body != want {
		t.Errorf("parts: %d bytes", len(body))
	}
	fmt.Fprintf(conn, "HEAD /files/x?n=7 HTTP/1.1\r\nHost: h\r\n\r\nGET /files/x?n=3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if status, _, body := read(t, in, "HEAD"); status != 200 || body != "" {
		t.Errorf("HEAD: %d %q", status, body)
	}
	if _, _, body := read(t, in, "GET"); body != string(f.content[:3]) {
		t.Errorf("asked ahead: %q", body)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("after close: %v", err)
	}
}

func TestWhatIsNotSimpleIsNetHTTPsWithAllItsBytes(t *testing.T) {
	long := "X: " + strings.Repeat("x", 500) + "\r\n"
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"another path":        {"GET /other?n=3 HTTP/1.1\r\nHost: h\r\n\r\n", 200},
		"another method":      {"DELETE /files/x?n=3 HTTP/1.1\r\nHost: h\r\n\r\n", 200},
		"a body":              {"GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 200},
		"chunks":              {"POST /files/x?n=3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200},
		"HTTP/1.0":            {"GET /files/x?n=3 HTTP/1.0\r\nHost: h\r\n\r\n", 200},
		"no host":             {"GET /files/x?n=3 HTTP/1.1\r\n\r\n", 400},
		"two hosts":           {"GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
		"a space in a name":   {"GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n", 400},
		"a NUL":               {"GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n", 400},
		"a control character": {"GET /files/\x01?n=3 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		"bare line feeds":     {"GET /files/x?n=3 HTTP/1.1\nHost: h\n\n", 200},
		"one at the end":      {"GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\n\n", 200},
		"a long head":         {"GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\n" + strings.Repeat(long, 40) + "\r\n", 200},
		"too long a head":     {"GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\n" + strings.Repeat(long, 300) + "\r\n", 431},
		"many fields":         {"GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: b\r\n", maxFields) + "\r\n", 200},
		"an expectation":      {"GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\nExpect: 200-maybe\r\n\r\n", 417},
		"no HTTP":             {"hello, this is no HTTP at all\r\n\r\n", 400},
		"an absolute target":  {"GET http://h/files/x?n=3 HTTP/1.1\r\nHost: h\r\n\r\n", 200},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, 100, nil)
			conn, in := f.dial(t)
			fmt.Fprint(conn, "GET /files/x?n=1 HTTP/1.1\r\nHost: h\r\n\r\n")
			if _, by, _ := read(t, in, "GET"); by != "outlet" {
				t.Fatalf("the simple request before is answered by %q", by)
			}
			go io.WriteString(conn, c.request)
			status, by, body := read(t, in, "GET")
			if status != c.status || status == 200 && (by != "net/http" || body != string(f.content[:3])) {
				t.Errorf("%d by %q: %q", status, by, body)
			}
		})
	}
}

func TestAHeadMayComeByteByByte(t *testing.T) {
	f := open(t, 100, nil)
	conn, in := f.dial(t)
	for range 2 {
		for _, b := range []byte("GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\n\r\n") {
			conn.Write([]byte{b})
		}
		if _, by, body := read(t, in, "GET"); by != "outlet" || body != string(f.content[:3]) {
			t.Errorf("%s: %q", by, body)
		}
	}
}

func TestABodyThatIsCutEndsTheConnection(t *testing.T) {
	f := open(t, 100, nil)
	for path, want := range map[string]string{"/files/cut": "not all", "/files/panic": ""} {
		conn, in := f.dial(t)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
		r, err := http.ReadResponse(in, nil)
		if path == "/files/panic" {
			if err == nil {
				t.Errorf("a panic is answered with %s", r.Status)
			}
			continue
		}
		body, err := io.ReadAll(r.Body)
		if string(body) != want || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %q, %v", path, body, err)
		}
	}
	conn, in := f.dial(t)
	fmt.Fprint(conn, "GET /files/endless HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, _, body := read(t, in, "GET"); body != "until the end" {
		t.Errorf("without a length: %q", body)
	}
}

func TestTheLastAnswerArrivesWholeWhateverIsSentAfterIt(t *testing.T) {
	f := open(t, 1<<20, nil)
	conn, in := f.dial(t)
	if err := conn.(*net.TCPConn).SetReadBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET /files/parts HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"+strings.Repeat("x", 20<<10))
	if status, by, body := read(t, in, "GET"); status != 200 || by != "outlet" || len(body) != 4+3*100_000 {
		t.Errorf("%d by %q: %d bytes", status, by, len(body))
	}
}

func TestAFileThatShrinksIsCutAndNeverFilledUp(t *testing.T) {
	f := open(t, 1<<20, nil)
	if err := os.Truncate(f.path, 300_000); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{10_000, 500_000} {
		conn, in := f.dial(t)
		fmt.Fprintf(conn, "GET /files/x?from=295000&n=%d HTTP/1.1\r\nHost: h\r\n\r\n", n)
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if !bytes.Equal(body, f.content[295_000:300_000]) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d asked: %d bytes, %v", n, len(body), err)
		}
		if err := <-f.failed; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	}
}

func TestAReaderThatStallsIsLetGo(t *testing.T) {
	f := open(t, 64<<20, func(c *Config) { c.Patience = 200 * time.Millisecond })
	conn, _ := f.dial(t)
	fmt.Fprintf(conn, "GET /files/x?n=%d HTTP/1.1\r\nHost: h\r\n\r\n", 64<<20)
	if err := <-f.failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestAnAnswerThatMayNotGoOnEnds(t *testing.T) {
	f := open(t, 64<<20, nil)
	conn, in := f.dial(t)
	fmt.Fprintf(conn, "GET /files/x?n=%d&while HTTP/1.1\r\nHost: h\r\n\r\n", 64<<20)
	if _, err := http.ReadResponse(in, nil); err != nil {
		t.Fatal(err)
	}
	f.ended.Store(true)
	if err := <-f.failed; !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
	if n, err := io.Copy(io.Discard, in); n >= 64<<20 {
		t.Errorf("%d bytes came, %v", n, err)
	}
	other, in := f.dial(t) // nor is it asked about an answer that did not say so
	fmt.Fprint(other, "GET /files/x?n=1000 HTTP/1.1\r\nHost: h\r\n\r\n")
	if status, _, body := read(t, in, "GET"); status != 200 || len(body) != 1000 {
		t.Errorf("the next: %d, %d bytes", status, len(body))
	}
}

func TestASlowReaderIsNotLetGo(t *testing.T) {
	const patience = 2 * time.Second
	for try := 0; ; try++ {
		stalled, err := readsSlowly(t, patience)
		if err == nil {
			return
		}
		if stalled < patience/4 || try == 20 { // else the machine was the one that stalled
			t.Fatalf("%v, though nothing stood still for more than %s", err, stalled)
		}
	}
}

// readsSlowly reads two answers in sips, and gives the longest that one took.
func readsSlowly(t *testing.T, patience time.Duration) (stalled time.Duration, err error) {
	t.Helper()
	const size, sip = 24 << 20, 512 << 10
	f := open(t, size, func(c *Config) { c.Patience = patience })
	defer f.stop()
	conn, in := f.dial(t)
	defer conn.Close()
	for range 2 { // nor does a deadline of the first answer reach into the second
		fmt.Fprintf(conn, "GET /files/x?n=%d HTTP/1.1\r\nHost: h\r\n\r\n", size)
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return stalled, err
		}
		for sum := 0; sum < size; sum += sip {
			began := time.Now()
			n, err := io.CopyN(io.Discard, r.Body, sip)
			time.Sleep(50 * time.Millisecond) // longer than the patience over all, much shorter for each sip
			if stalled = max(stalled, time.Since(began)); err != nil {
				return stalled, fmt.Errorf("after %d: %w", int64(sum)+n, err)
			}
		}
	}
	return stalled, nil
}

func TestWhatWasAcknowledgedIsToldOnce(t *testing.T) {
	f := open(t, 32<<20, nil)
	conn, in := f.dial(t)
	fmt.Fprint(conn, "GET /files/x?n=100000&settle HTTP/1.1\r\nHost: h\r\n\r\n")
	read(t, in, "GET")
	fmt.Fprint(conn, "GET /files/x?n=50000&settle HTTP/1.1\r\nHost: h\r\n\r\n")
	if got := <-f.settled; got != 100_000 {
		t.Errorf("when the next request comes: %d", got)
	}
	read(t, in, "GET")
	if got := <-f.settled; got != 50_000 { // nothing comes: it is told a second later
		t.Errorf("when nothing comes: %d", got)
	}
	fmt.Fprint(conn, "GET /files/x?n=7&settle HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	read(t, in, "GET")
	conn.Close()
	if got := <-f.settled; got != 7 {
		t.Errorf("at the end: %d", got)
	}
	leaving, in := f.dial(t)
	fmt.Fprintf(leaving, "GET /files/x?n=%d&settle HTTP/1.1\r\nHost: h\r\n\r\n", 32<<20)
	io.CopyN(io.Discard, in, 1<<20)
	leaving.Close()
	if got := <-f.settled; got < 1<<20-4096 || got >= 32<<20 {
		t.Errorf("of a client that left: %d", got)
	}
	select {
	case got := <-f.settled:
		t.Errorf("told again: %d", got)
	default:
	}
}

func TestAClientThatEndsItsHalfWithItsRequestIsAnsweredAndLetGo(t *testing.T) {
	f := open(t, 1000, nil)
	for _, target := range []string{"/files/x?n=1000", "/files/x?n=1000&settle"} {
		conn, in := f.dial(t)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target)
		conn.(*net.TCPConn).CloseWrite()
		if _, _, body := read(t, in, "GET"); body != string(f.content) {
			t.Errorf("%s: %d bytes", target, len(body))
		}
		conn.SetReadDeadline(time.Now().Add(idleWithin / 2))
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestTheServerEndsWithItsRequestsAnswered(t *testing.T) {
	f := open(t, 8<<20, nil)
	idle, idleIn := f.dial(t)
	fmt.Fprint(idle, "GET /files/x?n=3 HTTP/1.1\r\nHost: h\r\n\r\n")
	read(t, idleIn, "GET")
	busy, in := f.dial(t)
	fmt.Fprintf(busy, "GET /files/x?n=%d HTTP/1.1\r\nHost: h\r\n\r\n", 8<<20)
	if _, err := in.Peek(1); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { f.stop(); close(ended) }()
	if _, err := idleIn.ReadByte(); err != io.EOF {
		t.Errorf("a connection that waits: %v", err)
	}
	if _, _, body := read(t, in, "GET"); body != string(f.content) {
		t.Errorf("%d bytes", len(body))
	}
	<-ended
	if _, err := net.Dial("tcp", f.address); err == nil {
		t.Error("it still listens")
	}
}

func TestAHandlerThatWaitsForOthersDoesNotKeepTheServer(t *testing.T) {
	begun := make(chan struct{})
	f := open(t, 1, func(cfg *Config) {
		cfg.Files = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(begun)
			<-r.Context().Done()
		})
	})
	conn, _ := f.dial(t)
	fmt.Fprint(conn, "GET /files/x HTTP/1.1\r\nHost: h\r\n\r\n")
	<-begun
	f.stop() // or never returns
}

func TestTLSAndHTTP2AreServedByNetHTTP(t *testing.T) {
	plain := open(t, 100_000, nil)
	h2c := &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	defer h2c.CloseIdleConnections()

	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	defer certified.Close()
	secure := open(t, 100_000, func(c *Config) {
		c.TLS = &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	})
	trusting := certified.Client().Transport.(*http.Transport).Clone()
	trusting.ForceAttemptHTTP2 = true
	defer trusting.CloseIdleConnections()
	for name, c := range map[string]struct {
		transport *http.Transport
		url       string
		face      *face
	}{
		"h2c": {h2c, "http://" + plain.address, plain},
		"TLS": {trusting, "https://" + secure.address, secure},
	} {
		r, err := (&http.Client{Transport: c.transport}).Get(c.url + "/files/x?from=10&n=90000")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.Proto != "HTTP/2.0" || !bytes.Equal(body, c.face.content[10:90_010]) {
			t.Errorf("%s: %s, %d bytes, %v", name, r.Proto, len(body), err)
		}
	}
}

func TestAnAnswerLooksLikeNetHTTPs(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Two"] = []string{"a", "b"}
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(http.StatusPartialContent)
		w.WriteHeader(http.StatusOK) // too late
		io.WriteString(w, "ok")
	})
	ours := open(t, 1, func(c *Config) { c.Handler, c.Files = handler, handler })
	theirs := httptest.NewServer(handler)
	defer theirs.Close()
	answers := [2]*http.Response{}
	for i, url := range []string{"http://" + ours.address, theirs.URL} {
		r, err := http.Get(url + "/files/x")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		r.Header.Del("Date")
		r.Header.Del("Content-Type") // net/http guesses one
		r.Header.Set("Body", string(body))
		answers[i] = r
	}
	if !reflect.DeepEqual(answers[0].Header, answers[1].Header) || answers[0].Status != answers[1].Status {
		t.Errorf("ours %s %v\nnet/http's %s %v", answers[0].Status, answers[0].Header, answers[1].Status, answers[1].Header)
	}
}
