package vod

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"liveclip/internal/blob"
)

func TestReadersOfOneBlockShareOneRead(t *testing.T) {
	content := noise(blockSize)
	o := newOrigin(t, content)
	store := &brittle{Store: o.store, gate: make(chan struct{})}
	o.over(store).direct(t)
	const readers = 10
	bodies := make(chan string, readers)
	for range readers {
		go func() { bodies <- o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=1000-1999").body }()
	}
	close(store.gate)
	for range readers {
		if body := <-bodies; body != content[1000:2000] {
			t.Errorf("%d bytes", len(body))
		}
	}
	for range 3 {
		o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=5-9")
	}
	if n := store.gets.Load(); n != 1 {
		t.Errorf("%d reads for %d readers of one block", n, readers+3)
	}
	if n := len(o.shelf.held); n != 1 {
		t.Errorf("%d objects are held", n)
	}
}

// busy are blocks of the origin's film that cannot be fetched before another fetch ends.
func (o *origin) busy(t *testing.T) (*blocks, blob.Info) {
	t.Helper()
	info, err := o.store.Stat(t.Context(), filmKey)
	if err != nil {
		t.Fatal(err)
	}
	b := newBlocks(o.store, blockSize)
	for range fetchesAtMax {
		b.fetches <- struct{}{}
	}
	return b, info
}

func TestABlockTakesNoMemoryUntilItIsFetched(t *testing.T) {
	o := newOrigin(t, noise(100))
	b, film := o.busy(t)
	k, _ := b.get(film, 0)
	if k.data != nil {
		t.Errorf("%d bytes while it waits", len(k.data))
	}
	<-b.fetches
	if got, err := k.wait(t.Context(), 0); err != nil || string(got) != o.content[:len(got)] {
		t.Errorf("%q, %v", got, err)
	}
}

func TestABlockThatNobodyWaitsForIsFetchedNoFurther(t *testing.T) {
	o := newOrigin(t, noise(3*blockSize))
	store := &endless{Store: o.store, asked: make(chan context.Context, 10)}
	o.over(store).direct(t)
	var conns []net.Conn
	for range 2 {
		conn, err := net.Dial("tcp", o.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nRange: bytes=0-9\r\n\r\n", o.path("720p.mp4"))
		conns = append(conns, conn)
	}
	fetch := <-store.asked
	wanted := func() (users int) {
		b := o.shelf.blocks
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, k := range b.known {
			users += k.users
		}
		return users
	}
	for deadline := time.Now().Add(2 * time.Minute); wanted() < len(conns); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the second never asked")
		}
	}
	conns[0].Close()
	conns[1].Close()
	select {
	case <-fetch.Done():
	case <-time.After(2 * time.Minute):
		t.Fatal("the object is read for nobody")
	}
	if len(store.asked) > 0 {
		t.Error("two who ask for one block have it read twice")
	}
}

// endless is an object store whose reads never give a byte.
type endless struct {
	blob.Store
	asked chan context.Context
}

func (e *endless) Get(ctx context.Context, _ string, _, _ int64) (io.ReadCloser, blob.Info, error) {
	e.asked <- ctx
	<-ctx.Done()
	return nil, blob.Info{}, ctx.Err()
}

func TestABlockStillComesWhenWhoAskedHasEnough(t *testing.T) {
	b, film := newOrigin(t, noise(blockSize)).busy(t)
	k, _ := b.get(film, 0)
	b.give(k, false)
	again, hit := b.get(film, 0)
	if again != k || !hit {
		t.Error("a block that is on its way was forgotten")
	}
	b.give(k, true)
	if _, hit := b.get(film, 0); hit {
		t.Error("a block that nobody wants is still on its way")
	}
}
