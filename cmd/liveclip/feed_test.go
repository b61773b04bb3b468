package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"liveclip/internal/address/addresstest"
)

// platform is a web feed that sends its frames and hands on what it hears back.
func platform(t *testing.T, frames []string, heard chan<- string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "ttwid=1" {
			http.Error(w, "who are you", http.StatusForbidden)
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for _, f := range frames {
			if c.Write(r.Context(), websocket.MessageBinary, []byte(f)) != nil {
				return
			}
			_, answer, err := c.Read(r.Context())
			if err != nil {
				return
			}
			heard <- string(answer)
		}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func TestFeedCarriesFramesToTheServerAndItsAnswersBack(t *testing.T) {
	ops := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		frame, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s took %s", r.URL.Path, r.Header.Get("Authorization"), frame)
	}))
	defer ops.Close()
	heard := make(chan string)
	url := platform(t, []string{"one", "two"}, heard)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- feedCommand{
			serverFlags: serverFlags{Server: ops.URL, Token: "tok"}, StreamID: "room1", Form: "douyin-web", URL: url, Header: []string{"Cookie: ttwid=1"},
		}.Run(ctx, stdio{io.Discard, io.Discard})
	}()
	for _, frame := range []string{"one", "two"} {
		if got, want := <-heard, "/v1/streams/room1/audience/douyin-web Bearer tok took "+frame; got != want {
			t.Errorf("the platform heard %q, want %q", got, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFeedEndsWhenTheServerKnowsNoSuchRoom(t *testing.T) {
	ops := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"title":"Not Found","status":404,"detail":"stream room1 is not known"}`)
	}))
	defer ops.Close()
	var out bytes.Buffer
	err := feedCommand{
		serverFlags: serverFlags{Server: ops.URL, Token: "tok"}, StreamID: "room1", Form: "douyin-web",
		URL: platform(t, []string{"one"}, make(chan string, 1)), Header: []string{"Cookie: ttwid=1"},
	}.Run(t.Context(), stdio{&out, &out})
	if err == nil || !strings.Contains(err.Error(), "stream room1 is not known") {
		t.Errorf("%v", err)
	}
}

func TestAFeedThatCannotBeReachedSaysWhichHostAndWhyInShort(t *testing.T) {
	host := addresstest.Dead(t)
	_, err := feedCommand{URL: "ws://" + host + "/x?signature=1"}.carry(t.Context(), nil, stdio{io.Discard, io.Discard})
	if want := "open the feed: " + host + ": connect: connection refused"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	unknown := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "room.example", Server: "192.0.2.1:53"}}
	for why, want := range map[error]string{unknown: "room.example: no such host", context.DeadlineExceeded: "room.example: no answer in time"} {
		if got := unreached(fmt.Errorf("dial: %w", &url.Error{Op: "Get", URL: "http://room.example/x?signature=1", Err: why})); got.Error() != want {
			t.Errorf("error %v, want %s", got, want)
		}
	}
}
