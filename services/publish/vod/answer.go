package vod

import (
	"cmp"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"liveclip/internal/delivery"
	"liveclip/internal/outlet"
)

// Served is what became of a request: what was asked, and what left for it.
type Served struct {
	Status    int
	Asked     string        // the Range as asked, several fields joined, at most 256 bytes
	From      int64         // first byte of the file that was sent
	Sent      int64         // bytes of body written
	Acked     int64         // of them acknowledged by the client's side; -1: not known, over TLS and HTTP/2
	Size      int64         // of the file; 0: none was found
	Ranges    int           // parts answered; 0: the whole
	CacheHit  bool          // the file was open, or its bytes were here, when they were asked for
	FirstByte time.Duration // from the request's start to the answer's head
	Took      time.Duration
}

const (
	step = 512 << 10 // bytes: what a reader must take within its patience
)

// answer counts what is sent, and lets go a reader that stalls. Answers are used again: only what direct copies before
// WriteHeader returns may lie in one.
type answer struct {
	http.ResponseWriter
	direct   outlet.Writer // the ResponseWriter, where it sends files by itself and minds readers that stall; else nil
	now      func() time.Time
	pause    func(*http.Request, time.Duration)
	patience time.Duration
	going    outlet.Going
	guard    guard
	began    time.Time
	served   Served
	cut      bool // the body ended before its length: the connection must not go on

	parts [maxParts]span
	made  []byte // lines of the head made for this answer
}

// visit is a request and its answer, used again when both are over.
type visit struct {
	v *Handler
	request
	answer
	told Delivery
}

var visits = sync.Pool{New: func() any { return &visit{answer: answer{made: make([]byte, 0, 512)}} }}

func (v *Handler) visit(w http.ResponseWriter) *visit {
	x := visits.Get().(*visit)
	x.v, x.request = v, request{started: v.deps.Now()}
	a := &x.answer // parts are written before they are read
	a.ResponseWriter, a.now, a.pause, a.patience = w, v.deps.Now, v.pause, v.patience
	a.began, a.served, a.cut, a.made = time.Time{}, Served{Acked: -1}, false, a.made[:0]
	a.going, a.guard.ended = x, false
	if a.direct, _ = w.(outlet.Writer); a.direct != nil {
		a.direct.While(x)
	}
	return x
}

// Settled has the answer told of, once it is known how much of it arrived.
func (x *visit) Settled(acked int64) {
	x.told.Acked = acked
	x.v.deps.Deliver(&x.told)
	visits.Put(x)
}

func (a *answer) WriteHeader(status int) {
	a.begin(status)
	allowOrigins(a.Header())
	a.ResponseWriter.WriteHeader(status)
}

// writeHead is WriteHeader of a direct answer, with what was made and further lines, allowLines among them.
func (a *answer) writeHead(status int, length int64, lines []byte) {
	a.begin(status)
	a.direct.WriteHead(status, length, lines, a.made)
}

func (a *answer) begin(status int) {
	a.served.Status, a.began = status, a.now()
	_ = a.extend() // what follows fails
}

func (a *answer) Write(p []byte) (int, error) {
	sent := 0
	for {
		if err := a.extend(); err != nil {
			return sent, err
		}
		n, err := a.ResponseWriter.Write(p[sent:min(len(p), sent+step)])
		a.served.Sent += int64(n)
		if sent += n; err != nil || sent == len(p) {
			return sent, err
		}
	}
}

// sendFile sends a part of a file: by sendfile where there is a way, else through a buffer.
func (a *answer) sendFile(f *os.File, part span) error {
	if a.direct != nil {
		n, err := a.direct.SendFile(f, part.first, part.length())
		a.served.Sent += n
		return err
	}
	buffer := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buffer)
	for at := part.first; at <= part.last; {
		n, err := f.ReadAt(buffer[:min(part.last+1-at, int64(len(buffer)))], at)
		if n == 0 {
			return cmp.Or(err, io.ErrUnexpectedEOF)
		}
		if _, err := a.Write(buffer[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// account is what became of the whole answer.
func (a *answer) account(r *http.Request, started time.Time) Served {
	s, now := a.served, a.now()
	s.Asked = delivery.Cut(strings.Join(r.Header["Range"], ", "), 256)
	s.FirstByte = max(0, cmp.Or(a.began, now).Sub(started))
	s.Took = max(0, now.Sub(started))
	return s
}
