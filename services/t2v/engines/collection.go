package engines

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"time"

	"liveclip/internal/await"
	"liveclip/internal/fetch"
)

const (
	collectTries  = 4               // one after another without a new byte
	collectLonger = 8 * time.Second // is not waited between two
)

// collection is a video on its way from an address that holds for a while. It was paid for: where a download breaks off it is gone
// on with. What was written out can't be taken back, so what comes then has to be of the same file.
type collection struct {
	client  *http.Client
	address string
	out     io.Writer
	stalled time.Duration // without a byte

	have    int64     // bytes written out
	sum     hash.Hash // of them
	tag     string    // the file's
	total   int64     // bytes of the file; at most 0: not known
	refused error     // of out
}

// collect writes the whole video out. alive is told of every new try: each is bounded in itself.
func (c *collection) collect(ctx context.Context, wait time.Duration, alive func()) error {
	for failed, pause := 0, wait; ; pause = min(2*pause, collectLonger) {
		before := c.have
		again, err := c.once(ctx)
		if c.have > before {
			failed, pause = 0, wait
		}
		if failed++; err == nil || !again || failed == collectTries || ctx.Err() != nil {
			return err
		}
		alive()
		if err := await.For(ctx, pause); err != nil {
			return err
		}
	}
}

// once asks for what is missing, and tells whether asking again may help.
func (c *collection) once(ctx context.Context) (again bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := time.AfterFunc(c.stalled, cancel)
	defer watch.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address, nil)
	if err != nil {
		return false, fault(Wrong, "the engine gave no address of its video")
	}
	request.Header.Set("Accept-Encoding", "identity") // ranges are of the file's own bytes
	fetch.Rest(request, c.have, c.tag)
	response, err := c.client.Do(request)
	if err != nil {
		err = unreachable(err)
		return KindOf(err) == Away, err
	}
	defer func() { _ = response.Body.Close() }()
	body := reporting{response.Body, func() { watch.Reset(c.stalled) }}
	switch code := response.StatusCode; code {
	case http.StatusOK:
		if again, err := c.begin(response, body); err != nil {
			return again, err
		}
	case http.StatusPartialContent:
		if from, of, ok := fetch.ContentRange(response.Header.Get("Content-Range")); !ok || from != c.have || c.total > 0 && of != c.total {
			return false, errAnother()
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if response.Header.Get("Content-Range") != "bytes */"+strconv.FormatInt(c.have, 10) {
			return false, errAnother()
		}
		return false, nil // all of it is here
	default:
		said, _ := io.ReadAll(io.LimitReader(body, maxAnswer))
		again := code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
		return again, refusal(response, said, func(int, []byte) *Fault { return nil })
	}
	_, err = io.Copy(c, body)
	return c.refused == nil, c.ended(err)
}

// begin takes an answer that has the file from its first byte on. What was written out before is read again, and compared.
func (c *collection) begin(response *http.Response, body io.Reader) (again bool, err error) {
	if c.have > 0 {
		if c.total > 0 && response.ContentLength > 0 && response.ContentLength != c.total {
			return false, errAnother()
		}
		sum := sha256.New()
		if _, err := io.CopyN(sum, body, c.have); err != nil {
			return true, c.ended(err)
		}
		if !bytes.Equal(sum.Sum(nil), c.sum.Sum(nil)) {
			return false, errAnother()
		}
	}
	c.tag, c.total = fetch.Tag(response.Header), response.ContentLength
	return true, nil
}

func errAnother() error {
	return fault(Wrong, "the engine's video became another while it was fetched")
}

// ended sorts the end of an answer.
func (c *collection) ended(err error) error {
	var f *Fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case c.refused != nil:
		return fault(Away, "keep the video: %w", c.refused)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault(Wrong, "the video breaks off after %d bytes of %d", c.have, c.total)
	}
	return fault(Away, "the video breaks off after %d bytes: %w", c.have, err)
}

// Write writes out what is new.
func (c *collection) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	_, _ = c.sum.Write(p[:n])
	c.have, c.refused = c.have+int64(n), err
	return n, err
}

// reporting tells of every byte that is read.
type reporting struct {
	io.Reader
	tell func()
}

func (r reporting) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.tell()
	}
	return n, err
}
