package vod

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"liveclip/internal/blob"
	"liveclip/internal/blob/blobtest"
)

// inS3 has the clip's film lie in S3, at the address, over connections of its own.
func (o *origin) inS3(t *testing.T, address string) blob.Store {
	t.Helper()
	store, err := blob.Open(t.Context(), blob.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), filmKey, strings.NewReader(o.content)); err != nil {
		t.Fatal(err)
	}
	o.over(store)
	return store
}

// cutter is a way to S3 whose connections end after some bytes.
type cutter struct {
	net.Listener
	to    string
	after atomic.Int64 // 0: they do not end
}

func newCutter(t *testing.T, address string) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	c := &cutter{Listener: listener, to: strings.TrimPrefix(query.Get("endpoint"), "http://")}
	query.Set("endpoint", "http://"+listener.Addr().String())
	u.RawQuery = query.Encode()
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go c.carry(from)
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return c, u.String()
}

func (c *cutter) carry(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer to.Close()
	go func() { io.Copy(to, from); to.Close() }()
	if after := c.after.Load(); after > 0 {
		io.CopyN(from, to, after)
		return
	}
	io.Copy(from, to)
}

func TestAConnectionToS3ThatEndsInTheMiddleIsMadeAgainOrTheAnswerIsCut(t *testing.T) {
	for name, c := range map[string]struct {
		after int64
		whole bool
	}{
		"in the middle of a block": {blockSize/2 + 10_000, true}, // a second connection brings the rest
		"at once, over and over":   {2000, false},
	} {
		t.Run(name, func(t *testing.T) {
			way, address := newCutter(t, blobtest.S3URL(t))
			o := newOrigin(t, noise(2*blockSize+1000))
			o.inS3(t, address)
			way.after.Store(c.after)
			store, err := blob.Open(t.Context(), blob.Config{URL: address}) // whose connections are new
			if err != nil {
				t.Fatal(err)
			}
			o.over(store).direct(t)
			status, body, err := o.fetch(t)
			if c.whole && (status != 200 || body != o.content || err != nil) {
				t.Errorf("%d, %d bytes, %v", status, len(body), err)
			}
			if !c.whole && (status == 200 && err == nil || status == 200 && !strings.HasPrefix(o.content, body)) {
				t.Errorf("%d, %d bytes, %v", status, len(body), err)
			}
			way.after.Store(0)
			if status, body, err := o.fetch(t); status != 200 || body != o.content || err != nil {
				t.Errorf("afterwards: %d, %d bytes, %v", status, len(body), err)
			}
		})
	}
}

// turning is a store in which something happens before what follows the first block is read.
type turning struct {
	blob.Store
	once   sync.Once
	change func()
}

func (s *turning) Get(ctx context.Context, key string, offset, size int64) (io.ReadCloser, blob.Info, error) {
	if offset >= blockSize {
		s.once.Do(s.change)
	}
	return s.Store.Get(ctx, key, offset, size)
}

func TestAnObjectThatBecomesAnotherUnderItsReaderIsCutAndNeverMixed(t *testing.T) {
	content := noise(2*blockSize + 1000)
	put := func(s blob.Store, content string) error {
		_, err := s.Put(context.Background(), filmKey, strings.NewReader(content))
		return err
	}
	for name, change := range map[string]func(blob.Store) error{
		"it vanishes":    func(s blob.Store) error { return s.Delete(context.Background(), filmKey) },
		"it shrinks":     func(s blob.Store) error { return put(s, content[:blockSize+10]) },
		"it grows":       func(s blob.Store) error { return put(s, content+"more") },
		"it is replaced": func(s blob.Store) error { return put(s, strings.Repeat("x", len(content))) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, content)
			store := o.inS3(t, blobtest.S3URL(t))
			var fault error
			o.over(&turning{Store: store, change: func() { fault = change(store) }})
			o.direct(t)
			status, body, err := o.fetch(t)
			if status != 200 || err == nil || len(body) > blockSize || body != content[:len(body)] || fault != nil {
				t.Errorf("%d, %d bytes, %v; %v", status, len(body), err, fault)
			}
			if name == "it is replaced" {
				return // by what the manifest cannot tell from it
			}
			o.clock.advance(objectSeen)
			if status, body, err := o.fetch(t); status != 500 || err != nil || strings.Contains(body, string(testClip)) {
				t.Errorf("the next: %d, %.100q, %v", status, body, err)
			}
		})
	}
}
