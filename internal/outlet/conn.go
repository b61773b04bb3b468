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
	fate   fate
	other  string // the head of the request that is not ours

	in     *[maxHead]byte // nil while nothing is read
	have   int            // bytes of it
	asked  bool           // something was read since the last head
	readBy time.Time      // the read deadline as it stands
	headBy time.Time      // by then the head under way must be whole; zero: none is
	turn   func(socket uintptr) (over bool)
	waits  bool // the wait under way has its deadline set

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

// fate is what becomes of a connection.
type fate int

const (
	lives    fate = iota
	answered      // it ends, after a whole answer
	broken        // it ends
	foreign       // it is net/http's
)

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
	c.turn, c.tryWrite = c.takeTurn, c.writeOnce
	return c, nil
}

// serve answers requests until the connection ends or turns out to be net/http's.
func (c *conn) serve() {
	defer c.server.forget(c)
	for c.fate == lives {
		c.waits = false
		err := c.raw.Read(c.turn)
		late := errors.Is(err, os.ErrDeadlineExceeded) && !c.last.Load()
		switch {
		case err == nil:
		case late && !c.waits: // the deadline of an earlier wait, which passed during an answer
			c.readBy = time.Time{}
			c.setReadDeadline()
		case late && c.owed != nil && c.have == 0:
			c.settle(false)
		default:
			c.fate = broken
		}
	}
	if c.fate == foreign {
		c.settle(true)
		c.handOver(c.other)
		return
	}
	c.end(c.fate == answered)
}

// takeTurn reads what the client sent and has it answered; false: what comes next is waited for. All of it lies within one
// call of raw.Read: who calls that anew must try to read before it waits, and one of two reads would find nothing.
func (c *conn) takeTurn(socket uintptr) (over bool) {
	for {
		all, err := c.take(socket)
		if err == unix.EAGAIN { //nolint:errorlint // a bare errno, on the hot path
			c.limitRead()
			return false
		}
		if err != nil {
			c.fate = broken
		}
		for c.fate == lives && c.have > 0 {
			head, whole := c.head()
			if !whole {
				break
			}
			c.answer(head)
		}
		if c.fate != lives {
			return true
		}
		// An end of the client's half that came together with its request wakes nobody again: who is owed an account of the
		// answer has it looked for within a second.
		if all && c.have == 0 && c.owed != nil {
			c.limitRead()
			return false
		}
	}
}

// take reads once; all: that was all there was. A wait holds no buffer.
func (c *conn) take(socket uintptr) (all bool, err error) {
	if c.in == nil {
		c.in = heads.Get().(*[maxHead]byte)
	}
	space := c.in[c.have:]
	n, err := receive(socket, space)
	for err == unix.EINTR { //nolint:errorlint // a bare errno, on the hot path
		n, err = receive(socket, space)
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if c.have += n; c.have == 0 {
		c.release()
	}
	c.asked = c.asked || n > 0
	return n < len(space), err
}

// head takes a request's head out of what was read, if it is whole; "" is one that is not for us: too long, or with lines
// that end in another way.
func (c *conn) head() (head string, whole bool) {
	read := c.in[:c.have]
	end := bytes.Index(read, crlf2)
	switch {
	case end >= 0:
		end += len(crlf2)
		head = string(read[:end])
		if c.have = copy(c.in[:], read[end:]); c.have == 0 {
			c.release()
		}
		c.settle(c.asked && c.have == 0) // whoever asks again has read the last answer, unless it asked ahead
		c.asked = false
	case c.have < maxHead && bytes.Count(read, lf) <= bytes.Count(read, crlf2[:2]):
		if c.headBy.IsZero() {
			c.headBy = time.Now().Add(headWithin)
		}
		return "", false
	}
	c.headBy = time.Time{}
	return head, true
}

var lf, crlf2 = []byte("\n"), []byte("\r\n\r\n")

// answer has the request answered, if it is ours.
func (c *conn) answer(head string) {
	if !c.parse(head) {
		c.fate, c.other = foreign, head
		return
	}
	switch more, whole := c.respond(); {
	case more && !c.last.Load():
	case whole:
		c.fate = answered
	default:
		c.fate = broken
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
