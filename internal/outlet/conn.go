package outlet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const settleWithin = time.Second // how long an answer may be under way after its last write

// conn is a connection whose requests we answer ourselves.
type conn struct {
	server *server
	tcp    *net.TCPConn
	raw    syscall.RawConn
	last   atomic.Bool // no further request is taken

	in      *[maxHead]byte // nil while nothing is read
	have    int            // bytes of it
	readBy  time.Time      // the read deadline as it stands
	headBy  time.Time      // by then the head under way must be whole; zero: none is
	tryRead func(socket uintptr) bool
	readErr error
	waits   bool // the wait under way has its deadline set

	remote string
	x      *exchange // nil while the connection waits

	job      job
	tryWrite func(socket uintptr) bool
	timed    bool      // a write deadline stands
	takeBy   time.Time // when the reader must have taken a step further
	while    Going     // nil: the answer goes on
	written  int64     // bytes, in all
	unsent   int       // TCP_NOTSENT_LOWAT as set; 0: the system's

	owed Settled // who waits for what is acknowledged of the last answer
	from int64   // where its body began in written
	body int64   // bytes of it
}

// exchange is a request and its answer. Connections that wait share them, since most of them wait.
type exchange struct {
	request
	reply
}

var exchanges = sync.Pool{New: func() any {
	return &exchange{request{Request: http.Request{Header: http.Header{}}}, reply{header: http.Header{}}}
}}

var heads = sync.Pool{New: func() any { return new([maxHead]byte) }}

func newConn(s *server, tcp *net.TCPConn) (*conn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &conn{server: s, tcp: tcp, raw: raw, remote: tcp.RemoteAddr().String()}
	c.tryRead, c.tryWrite = c.readOnce, c.writeOnce
	return c, nil
}

// serve answers requests until the connection ends or turns out to be net/http's.
func (c *conn) serve() {
	defer c.server.forget(c)
	for {
		head, err := c.next()
		if err != nil {
			c.end(false)
			return
		}
		if !c.parse(head) {
			c.settle(true)
			c.handOver(head)
			return
		}
		goesOn, whole := c.respond()
		if !goesOn || c.last.Load() {
			c.end(whole)
			return
		}
	}
}

// parse reads the head into a request that knows nothing of the one before.
func (c *conn) parse(head string) bool {
	if head == "" {
		return false
	}
	c.x = exchanges.Get().(*exchange)
	q := &c.x.request
	header, u := q.Header, q.URL
	q.Request = c.server.plain
	q.Header, q.URL, q.RemoteAddr = header, u, c.remote
	if !q.parse(head, c.server.Below) {
		c.rest()
		return false
	}
	return true
}

// rest gives the exchange back.
func (c *conn) rest() {
	if c.x != nil {
		exchanges.Put(c.x)
		c.x = nil
	}
}

// next waits for a head and reads it; "" is one that is not for us: too long, or with lines that end in another way.
func (c *conn) next() (string, error) {
	waited := false
	for searched := 0; ; {
		if c.have > 0 {
			if end := bytes.Index(c.in[max(0, searched-3):c.have], crlf2); end >= 0 {
				end += max(0, searched-3) + len(crlf2)
				head := string(c.in[:end])
				if c.have = copy(c.in[:], c.in[end:c.have]); c.have == 0 {
					c.release()
				}
				c.headBy = time.Time{}
				c.settle(waited && c.have == 0) // whoever asks again has read the last answer, unless it asked ahead
				return head, nil
			}
			if searched = c.have; c.have == maxHead || bytes.Count(c.in[:c.have], lf) > bytes.Count(c.in[:c.have], crlf2[:2]) {
				c.headBy = time.Time{}
				return "", nil
			}
			if c.headBy.IsZero() {
				c.headBy = time.Now().Add(headWithin)
			}
		}
		switch err := c.read(); {
		case errors.Is(err, os.ErrDeadlineExceeded) && c.owed != nil && c.have == 0 && !c.last.Load():
			c.settle(false)
		case err != nil:
			return "", err
		default:
			waited = true
		}
	}
}

var lf, crlf2 = []byte("\n"), []byte("\r\n\r\n")

// read takes what the client sent; the wait for it holds no buffer.
func (c *conn) read() error {
	for {
		c.waits = false
		err := c.raw.Read(c.tryRead)
		if errors.Is(err, os.ErrDeadlineExceeded) && !c.waits && !c.last.Load() {
			c.readBy = time.Time{} // the deadline of an earlier wait, which passed during an answer
			c.setReadDeadline()
			continue
		}
		if err != nil {
			return err
		}
		return c.readErr
	}
}

func (c *conn) readOnce(socket uintptr) bool {
	if c.in == nil {
		c.in = heads.Get().(*[maxHead]byte)
	}
	for {
		n, err := receive(socket, c.in[c.have:])
		switch {
		case err == unix.EINTR: //nolint:errorlint // a bare errno, on the hot path
			continue
		case err == unix.EAGAIN: //nolint:errorlint // likewise
			if c.have == 0 {
				c.release()
			}
			c.limitRead()
			return false
		case err == nil && n == 0:
			err = io.EOF
		}
		c.have += max(0, n)
		c.readErr = err
		return true
	}
}

// limitRead gives the wait for the client an end. Deadlines cost more than a look at the clock: one that is nearly right stays.
func (c *conn) limitRead() {
	c.waits = true
	now := time.Now()
	left := c.readBy.Sub(now)
	switch {
	case c.last.Load(): // the server's own stands
		return
	case !c.headBy.IsZero():
		if c.readBy.Equal(c.headBy) {
			return
		}
		c.readBy = c.headBy
	case c.owed != nil:
		if left > settleWithin/2 && left <= settleWithin {
			return
		}
		c.readBy = now.Add(settleWithin)
	case left > idleWithin/2:
		return
	default:
		c.readBy = now.Add(idleWithin)
	}
	c.setReadDeadline()
}

func (c *conn) setReadDeadline() {
	_ = c.tcp.SetReadDeadline(c.readBy)
	if c.last.Load() { // the server ended meanwhile
		_ = c.tcp.SetReadDeadline(time.Unix(1, 0))
	}
}

func (c *conn) release() {
	if c.in != nil {
		heads.Put(c.in)
		c.in, c.have = nil, 0
	}
}

// end closes the connection. After a whole answer the client may take a moment to read it: then it is known how much it got,
// and to close on what it sent too much would take the answer's end from it.
func (c *conn) end(whole bool) {
	if whole && c.tcp.CloseWrite() == nil {
		_ = c.tcp.SetReadDeadline(time.Now().Add(settleWithin))
		var b [512]byte
		for n := 0; n < 64; n++ { // what it still sends is not ours to answer
			if _, err := c.tcp.Read(b[:]); err != nil {
				break
			}
		}
	}
	c.settle(false)
	c.release()
	_ = c.tcp.Close()
}

// handOver gives the connection to net/http with what was read of its request.
func (c *conn) handOver(head string) {
	read := append([]byte(head), c.pending()...)
	c.release()
	_ = c.tcp.SetDeadline(time.Time{})
	c.limitUnsent(0)
	c.server.hand(c.tcp, read)
}

func (c *conn) pending() []byte {
	if c.in == nil {
		return nil
	}
	return c.in[:c.have]
}

// respond has the request answered. goesOn: the connection may; whole: the answer was written as it was meant.
func (c *conn) respond() (goesOn, whole bool) {
	a := &c.x.reply
	a.begin(c)
	defer func() {
		switch fault := recover(); fault {
		case nil:
		case http.ErrAbortHandler: //nolint:errorlint // net/http compares so too
			goesOn, whole = false, false
		default:
			c.server.Log.Error("handler panicked", "panic", fault, "stack", string(debug.Stack()))
			goesOn, whole = false, false
		}
		a.end()
		c.rest()
	}()
	c.server.Files.ServeHTTP(a, &c.x.Request)
	goesOn = a.finish() && !c.x.close
	return goesOn, a.err == nil
}
