package vod

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"liveclip/internal/blob"
)

func TestAFileThatShrinksOrIsReplacedIsNeverMixed(t *testing.T) {
	content := noise(1 << 20)
	o := newOrigin(t, content).direct(t)
	path := storedAt(t, o)
	part := func() answered { return o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=600000-900000") }
	if got := part(); got.status != 206 || got.body != content[600000:900001] {
		t.Fatalf("before: %d, %d bytes", got.status, len(got.body))
	}
	if err := os.Truncate(path, 700_000); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, "http://"+o.address+o.path("720p.mp4"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Range", "bytes=600000-900000")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err == nil || string(body) != content[600000:700000] {
		t.Errorf("cut under its reader: %d bytes, %v", len(body), err)
	}
	o.clock.advance(fileSeen) // now it is seen that it is another
	if got := part(); got.status != 500 {
		t.Errorf("when it was looked at: %d", got.status)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	o.clock.advance(fileSeen)
	if got := part(); got.status != 500 || strings.Contains(got.body, "clip1") {
		t.Errorf("when it was gone: %d %s", got.status, got.body)
	}
	o.put(t, filmKey, content)
	if got := part(); got.body != content[600000:900001] {
		t.Errorf("when it was back: %d, %d bytes", got.status, len(got.body))
	}
}

// brittle is an object store whose reads break off, and that counts them.
type brittle struct {
	blob.Store
	gets  atomic.Int64
	after atomic.Int64 // bytes a read gives before it breaks; 0: it does not
	tag   atomic.Pointer[string]
	gate  chan struct{} // reads wait for it; nil: they do not
}

var errBroke = errors.New("the object store broke off")

func (b *brittle) Get(ctx context.Context, key string, offset, size int64) (io.ReadCloser, blob.Info, error) {
	b.gets.Add(1)
	if b.gate != nil {
		<-b.gate
	}
	body, info, err := b.Store.Get(ctx, key, offset, size)
	if tag := b.tag.Load(); tag != nil {
		info.ETag = *tag
	}
	if after := b.after.Load(); err == nil && after > 0 {
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(body, after), broken{}), body}, info, nil
	}
	return body, info, err
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroke }

func TestAnObjectStoreThatBreaksOffIsReadOnOrTheAnswerIsCut(t *testing.T) {
	content := noise(2*blockSize + 1000)
	over := func() (*origin, *brittle) {
		o := newOrigin(t, content)
		store := &brittle{Store: o.store}
		return o.over(store).direct(t), store
	}
	o, store := over()
	store.after.Store(blockSize/2 + 1) // a second read brings the rest
	if status, body, err := o.fetch(t); status != 200 || body != content || err != nil {
		t.Errorf("read on: %d, %d bytes, %v", status, len(body), err)
	}

	o, store = over()
	store.after.Store(1000) // three reads bring 3000 bytes of the first block
	if status, body, err := o.fetch(t); status != 200 || err == nil || body != content[:len(body)] || len(body) > 3*1000 {
		t.Errorf("broke off: %d, %d bytes, %v", status, len(body), err)
	}
	store.after.Store(0)
	if status, body, err := o.fetch(t); status != 200 || body != content || err != nil {
		t.Errorf("afterwards: %d, %d bytes, %v", status, len(body), err)
	}

	o, store = over()
	other := "another"
	store.tag.Store(&other) // replaced between the look and the read
	if status, body, _ := o.fetch(t); status != 500 || strings.Contains(body, content[:100]) {
		t.Errorf("another object: %d, %d bytes", status, len(body))
	}
}

func TestAFileThatShrinksUnderItsReaderIsCut(t *testing.T) {
	content := noise(64 << 20) // more than any socket buffer takes
	for name, o := range map[string]*origin{"net/http": newOrigin(t, content), "outlet": newOrigin(t, content).direct(t)} {
		path := storedAt(t, o)
		answer, err := http.Get("http://" + o.address + o.path("720p.mp4"))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		head := make([]byte, 1000)
		if _, err := io.ReadFull(answer.Body, head); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(answer.Body)
		if body := string(head) + string(rest); err == nil || len(body) == len(content) || body != content[:len(body)] {
			t.Errorf("%s: %d bytes, %v", name, len(body), err)
		}
	}
}
