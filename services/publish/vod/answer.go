package vod

import (
	"cmp"
	"io"
	"net/http"
	"strings"
	"time"

	"liveclip/internal/delivery"
)

// Served is what became of a request: what was asked, and what left for it.
type Served struct {
	Status    int
	Asked     string        // the Range as asked, several fields joined, at most 256 bytes
	From      int64         // first byte of the file that was sent
	Sent      int64         // bytes of body written
	Acked     int64         // of them acknowledged by the client's side; -1: not known
	Size      int64         // of the file; 0: none was found
	Ranges    int           // parts answered; 0: the whole
	CacheHit  bool          // no byte had to be fetched from the store
	FirstByte time.Duration // from the request's start to the answer's head
	Took      time.Duration
}

const step = 512 << 10 // bytes: what a reader must take within its patience

// answer counts what is sent, and lets go a reader that stalls. Bodies go around it, to the ResponseWriter itself, so that a
// file can be sent by sendfile.
type answer struct {
	http.ResponseWriter
	now      func() time.Time
	patience time.Duration
	began    time.Time
	served   Served
}

func (a *answer) WriteHeader(status int) {
	a.served.Status, a.began = status, a.now()
	a.extend()
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.extend()
	n, err := a.ResponseWriter.Write(p)
	a.served.Sent += int64(n)
	return n, err
}

// take sends n bytes of r, each step with a deadline of its own.
func (a *answer) take(r io.Reader, n int64) error {
	for n > 0 {
		a.extend()
		sent, err := io.CopyN(a.ResponseWriter, r, min(step, n))
		a.served.Sent += sent
		n -= sent
		if err != nil {
			return err
		}
	}
	return nil
}

// extend moves the deadline of what is written next. The server takes it from the connection at the answer's end, after the
// last bytes left its buffers. Connections know the system's clock only; where there is no connection, nothing stalls.
func (a *answer) extend() {
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(a.patience))
}

// end tells of the whole answer.
func (a *answer) end(r *http.Request, started time.Time) Served {
	s, now := a.served, a.now()
	s.Asked = delivery.Cut(strings.Join(r.Header.Values("Range"), ", "), 256)
	s.FirstByte = max(0, cmp.Or(a.began, now).Sub(started))
	s.Took = max(0, now.Sub(started))
	return s
}
