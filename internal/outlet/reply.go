package outlet

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxOut = 20 << 10 // bytes of an answer that are put together before they are written
	small  = 16 << 10 // bytes: a part of a file up to that is read and written with the head, more is sent by sendfile
)

// Writer is the ResponseWriter of simple requests.
type Writer interface {
	http.ResponseWriter
	// WriteHead is WriteHeader for a body of length bytes, with lines of the head, each ended by CRLF, that were made and
	// checked beforehand. They go out beside what Header has, which must not have a length.
	WriteHead(status int, length int64, lines, more []byte)
	// SendFile writes n bytes of f from offset; it doesn't move f's own offset. io.ErrUnexpectedEOF: the file ends before.
	SendFile(f *os.File, offset, n int64) (sent int64, err error)
	// LimitUnsent bounds what the kernel takes of this answer beyond what is under way to the client.
	LimitUnsent(bytes int)
	// Gone reports whether the client has left. It is a system call.
	Gone() bool
	// While has the answer ended with ErrEnded once g says that it may not go on. g is asked while the client is waited for.
	While(g Going)
	// Settle has s told, after the answer, how many bytes of its body were acknowledged: when the next request comes, the
	// connection ends, or a second is over.
	Settle(s Settled)
}

// Going says whether an answer under way may go on. It is asked by the connection's goroutine.
type Going interface{ GoesOn() bool }

// ErrEnded is why an answer was not written to its end: it might not go on.
var ErrEnded = errors.New("the answer was ended")

// Settled is told what became of an answer, once, by the connection's goroutine.
type Settled interface{ Settled(acked int64) }

// reply is an answer on its way.
type reply struct {
	c      *conn
	header http.Header
	out    *[maxOut]byte // nil: nothing waits to be written
	have   int           // bytes of it

	status  int
	length  int64 // as the header says; -1: it does not
	body    int64 // bytes given to us
	from    int64 // where the body begins in c.written
	bare    bool  // has no body, whatever is written
	ends    bool  // the connection ends with it
	cut     bool  // a file ended before its part
	limited bool
	err     error
	owed    Settled
}

var outs = sync.Pool{New: func() any { return new([maxOut]byte) }}

func (a *reply) begin(c *conn) {
	clear(a.header)
	*a = reply{c: c, header: a.header}
}

func (a *reply) Header() http.Header { return a.header }

// WriteHeader puts the head together; it is written with what follows.
func (a *reply) WriteHeader(status int) {
	if a.status != 0 || status < 200 {
		return
	}
	length := int64(-1)
	if v := a.header["Content-Length"]; len(v) == 1 {
		if n, err := strconv.ParseInt(v[0], 10, 64); err == nil && n >= 0 {
			length = n
		}
	}
	a.start(status, length)
	a.endHead(a.head(a.out[:0]))
}

func (a *reply) WriteHead(status int, length int64, lines, more []byte) {
	if a.status != 0 || status < 200 {
		return
	}
	a.start(status, length)
	head := append(append(a.head(a.out[:0]), lines...), more...)
	head = append(head, "Content-Length: "...)
	a.endHead(append(strconv.AppendInt(head, length, 10), "\r\n"...))
}

func (a *reply) start(status int, length int64) {
	a.status, a.length = status, length
	a.bare = a.c.x.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
	a.ends = a.length < 0 && !a.bare || a.c.x.close || a.c.last.Load()
	a.out = outs.Get().(*[maxOut]byte)
}

func (a *reply) endHead(head []byte) {
	head = append(head, "\r\n"...)
	if len(head) > maxOut {
		a.err = fmt.Errorf("the answer's head has %d bytes, at most %d are sent", len(head), maxOut)
		return
	}
	a.have = len(head)
	a.from = a.c.written + int64(a.have)
}

// head appends the head without the empty line at its end.
func (a *reply) head(b []byte) []byte {
	if a.status == http.StatusPartialContent {
		b = append(b, "HTTP/1.1 206 Partial Content\r\nDate: "...)
	} else {
		b = append(b, "HTTP/1.1 "...)
		b = strconv.AppendInt(b, int64(a.status), 10)
		b = append(b, ' ')
		b = append(b, http.StatusText(a.status)...)
		b = append(b, "\r\nDate: "...)
	}
	b = append(b, a.c.server.date.now()...)
	b = append(b, "\r\n"...)
	if a.ends {
		b = append(b, "Connection: close\r\n"...)
	}
	for name, values := range a.header {
		for _, v := range values {
			if !token(name) || !text(v) || name == "Date" || name == "Connection" {
				continue
			}
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, v...)
			b = append(b, "\r\n"...)
		}
	}
	return b
}

// room takes n further bytes of body, if the answer has room for them.
func (a *reply) room(n int64) error {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.err != nil || a.cut {
		return cmp.Or(a.err, io.ErrUnexpectedEOF)
	}
	if a.length >= 0 && a.body+n > a.length {
		return http.ErrContentLength
	}
	return nil
}

func (a *reply) Write(p []byte) (int, error) {
	if err := a.room(int64(len(p))); err != nil {
		return 0, err
	}
	if a.bare {
		return len(p), nil
	}
	if a.have+len(p) <= maxOut && a.out != nil {
		a.have += copy(a.out[a.have:], p)
		a.body += int64(len(p))
		return len(p), nil
	}
	if a.flush(len(p) <= onePacket); a.err != nil {
		return 0, a.err
	}
	more := a.length >= 0 && a.body+int64(len(p)) < a.length
	sent, err := a.c.write(job{bytes: p, more: more && len(p) <= onePacket})
	a.body += sent
	a.err = err
	return int(sent), err
}

// WriteString spares io.WriteString a copy.
func (a *reply) WriteString(s string) (int, error) {
	if err := a.room(int64(len(s))); err != nil || a.bare || a.out == nil || a.have+len(s) > maxOut {
		return a.Write([]byte(s))
	}
	a.have += copy(a.out[a.have:], s)
	a.body += int64(len(s))
	return len(s), nil
}

func (a *reply) SendFile(f *os.File, offset, n int64) (int64, error) {
	if err := a.room(n); err != nil || a.bare || n <= 0 {
		return 0, err
	}
	j := job{file: int(f.Fd()), at: offset, n: n}
	lead, err := a.lead(f, &j)
	if err != nil || j.n == 0 {
		a.body += lead
		return lead, err
	}
	if a.out != nil {
		j.bytes = a.out[:a.have]
	}
	before := int64(len(j.bytes)) - lead
	sent, err := a.c.write(j)
	a.drop()
	a.err = err
	sent = max(0, sent-before)
	a.body += sent
	return sent, err
}

// lead moves the first bytes of the job's file to the head that waits: all that are to be sent, if they are few.
func (a *reply) lead(f *os.File, j *job) (int64, error) {
	n := int64(0)
	switch {
	case a.out == nil || j.n >= manyPackets:
		return 0, nil
	case j.n <= small && a.have+int(j.n) <= maxOut:
		n = j.n
	case a.have < firstPacket:
		n = min(j.n, int64(firstPacket-a.have))
	}
	b := a.out[a.have : a.have+int(n)]
	if j.warm = readWarm(j.file, b, j.at); !j.warm {
		read, err := f.ReadAt(b, j.at)
		if n = int64(read); read < len(b) {
			a.cut = true
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			a.have += read
			return n, err
		}
	}
	a.have += int(n)
	j.at += n
	j.n -= n
	return n, nil
}

// flush writes what waits; more follows at once.
func (a *reply) flush(more bool) {
	if a.out == nil {
		return
	}
	if a.err == nil {
		_, a.err = a.c.write(job{bytes: a.out[:a.have], more: more})
	}
	a.drop()
}

func (a *reply) drop() {
	if a.out != nil {
		outs.Put(a.out)
		a.out, a.have = nil, 0
	}
}

// Flush writes what waits, for handlers that stream.
func (a *reply) Flush() {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	a.flush(false)
}

func (a *reply) LimitUnsent(bytes int) {
	a.limited = true
	a.c.limitUnsent(bytes)
}

func (a *reply) Gone() bool       { return a.c.gone() }
func (a *reply) While(g Going)    { a.c.while = g }
func (a *reply) Settle(s Settled) { a.owed = s }

// finish writes what is left; false: the connection ends, which tells the client of a body that was cut.
func (a *reply) finish() bool {
	if a.status == 0 {
		a.header["Content-Length"] = []string{"0"}
		a.WriteHeader(http.StatusOK)
	}
	a.flush(false)
	whole := a.bare || a.length < 0 || a.body == a.length
	return a.err == nil && whole && !a.ends && !a.cut
}

// end leaves the connection as the answer found it.
func (a *reply) end() {
	a.drop()
	if a.limited {
		a.c.limitUnsent(0)
	}
	if a.owed != nil {
		a.c.owed, a.c.from, a.c.body = a.owed, a.from, a.body
	}
	a.c.while = nil
	a.c, a.owed = nil, nil
}

// dates writes the Date field once a second.
type dates struct{ last atomic.Pointer[stamp] }

type stamp struct {
	second int64
	text   string
}

func (d *dates) now() string {
	now := time.Now()
	if last := d.last.Load(); last != nil && last.second == now.Unix() {
		return last.text
	}
	next := &stamp{now.Unix(), now.UTC().Format(http.TimeFormat)}
	d.last.Store(next)
	return next.text
}
