package vod

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"liveclip/internal/blob"
)

func TestAViewerWhoLeavesCostsNothingFurther(t *testing.T) {
	o := newOrigin(t, strings.Repeat(digits, 64<<10)) // 64 MB: more than any socket buffer takes
	open := openFiles(t)
	conn, err := net.Dial("tcp", o.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nRange: bytes=0-\r\n\r\n", o.path("720p.mp4"))
	if _, err := io.CopyN(io.Discard, conn, 100<<10); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	select {
	case <-o.told:
	case <-time.After(2 * time.Minute):
		t.Fatal("the answer goes on without a reader")
	}
	if d := o.deliveries[0]; d.Status != 206 || d.Sent < 100<<10 || d.Sent >= int64(len(o.content)) {
		t.Errorf("told as %+v", d.Delivery)
	}
	o.server.CloseClientConnections()
	for deadline := time.Now().Add(2 * time.Minute); openFiles(t) > open+1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d files were open before, %d now", open, openFiles(t))
		}
	}
	if got := o.ask(t, "GET", o.path("720p.mp4"), "Range: bytes=0-3"); got.body != "0123" {
		t.Errorf("the next viewer gets %q", got.body)
	}
}

func TestAViewerWhoLeavesARestIsNotWaitedFor(t *testing.T) {
	o := newOrigin(t, noise(1<<20))
	o.writeLength(t, time.Hour)
	o.pacing = Defaults().Pace
	o.direct(t)
	r, err := http.NewRequest(http.MethodGet, "http://"+o.address+o.path("720p.mp4"), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, answer.Body, 1000); err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	select {
	case <-o.told:
	case <-time.After(2 * time.Minute):
		t.Fatal("the answer goes on")
	}
	if d := o.deliveries[0]; d.Sent > 2*leastHead || d.Acked < 0 || d.Acked > d.Sent {
		t.Errorf("told as %+v", d.Delivery)
	}
}

func TestAViewerWhoStallsIsLetGo(t *testing.T) {
	for name, over := range map[string]func(blob.Store) blob.Store{
		"files":   func(s blob.Store) blob.Store { return s },
		"outlet":  func(s blob.Store) blob.Store { return s },
		"objects": func(s blob.Store) blob.Store { return objects{s} },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, strings.Repeat(digits, 64<<10)) // 64 MB: more than any socket buffer takes
			o.patience = 100 * time.Millisecond
			o.over(over(o.store))
			if name == "outlet" {
				o.direct(t)
			}
			conn, err := net.Dial("tcp", o.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", o.path("720p.mp4"))
			select {
			case <-o.told:
			case <-time.After(2 * time.Minute):
				t.Fatal("the answer waits for a reader that takes nothing")
			}
			if d := o.deliveries[0]; d.Status != 200 || d.Sent >= int64(len(o.content)) {
				t.Errorf("told as %+v", d.Delivery)
			}
		})
	}
}

func TestAReaderThatStallsOverHTTP2IsLetGo(t *testing.T) {
	o := newOrigin(t, strings.Repeat(digits, 16<<10))
	o.patience = 200 * time.Millisecond
	o.direct(t)
	h2c := &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	defer h2c.CloseIdleConnections()
	r, _ := http.NewRequest(http.MethodGet, "http://"+o.address+o.path("720p.mp4"), nil)
	answer, err := h2c.RoundTrip(r) // whose flow control stops it, as nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	select {
	case <-o.told:
	case <-time.After(2 * time.Minute):
		t.Fatal("the answer waits for a reader that takes nothing")
	}
	if d := o.deliveries[0]; d.Status != 200 || d.Sent >= int64(len(o.content)) || d.Acked != -1 {
		t.Errorf("told as %+v", d.Delivery)
	}
	if n, err := io.Copy(io.Discard, answer.Body); err == nil {
		t.Errorf("%d bytes look like a whole answer", n)
	}
}

func TestADeadlineEndsWithItsAnswer(t *testing.T) {
	o := newOrigin(t, digits)
	o.patience = time.Second
	passed := make(chan struct{})
	o.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/other" {
			o.ServeHTTP(w, r)
			return
		}
		<-passed
		io.WriteString(w, "another's answer")
	})
	conn, err := net.Dial("tcp", o.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, c := range []struct{ path, body string }{{o.path("720p.mp4"), digits}, {"/other", "another's answer"}} {
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", c.path)
		if c.path == "/other" {
			time.AfterFunc(2*o.patience, func() { close(passed) })
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != c.body {
			t.Errorf("%s: %d bytes, %v", c.path, len(body), err)
		}
	}
}
