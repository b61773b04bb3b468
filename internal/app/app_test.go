package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"testing"

	"liveclip/internal/outlet"
)

// steps is a service that notes what becomes of it.
type steps struct{ at chan string }

func (s steps) Run(ctx context.Context) error {
	<-ctx.Done()
	s.at <- "ran"
	return nil
}

func (s steps) Ready(context.Context) error { return nil }
func (s steps) Close()                      { s.at <- "closed" }

func TestAServiceIsClosedOnceItsFaceHasAnswered(t *testing.T) {
	s := steps{make(chan string, 3)}
	asked, answer := make(chan struct{}), make(chan struct{})
	face := Server{Name: "http", Address: "127.0.0.1:0", Config: outlet.Config{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-answer
		s.at <- "answered"
	})}}
	ctx, cancel := context.WithCancel(t.Context())
	address := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, slog.New(slog.DiscardHandler), []Part{{"steps", s}}, []Server{face}, func(at map[string]string) { address <- at["http"] })
	}()
	go func() {
		if r, err := http.Get("http://" + <-address); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
	}()
	<-asked
	cancel()
	got := []string{<-s.at}
	close(answer)
	got = append(got, <-s.at, <-s.at)
	if err := <-ended; err != nil || !reflect.DeepEqual(got, []string{"ran", "answered", "closed"}) {
		t.Errorf("%v, %v", got, err)
	}
}
