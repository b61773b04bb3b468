// Package app runs services: it opens what they stand on, serves their HTTP faces and the admin port, and ends everything
// in order. A service does not know how it is run.
//
// Shutdown: not ready → stop taking → drain within a deadline → flush producers → close stores. A second signal ends at
// once.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"

	"liveclip/internal/outlet"
)

// Service is one of the services, or anything else that runs until its context ends.
type Service interface {
	// Run blocks until ctx ends, drains, and returns nil; an error ends the whole process.
	Run(ctx context.Context) error
	// Ready gives the reason why the service cannot do its work now, or nil.
	Ready(ctx context.Context) error
}

// Closer is a service that still hears from its face after Run: Close is called once no face answers any more.
type Closer interface{ Close() }

// Part is a service with its name.
type Part struct {
	Name    string
	Service Service
}

// Server is an HTTP face and where it listens.
type Server struct {
	Name    string
	Address string
	outlet.Config
}

// Run runs the parts and servers until ctx ends or one of them fails, and returns after all have ended.
// started, if not nil, is called once every server listens, with the addresses they got, by name.
func Run(ctx context.Context, log *slog.Logger, parts []Part, servers []Server, started func(addresses map[string]string)) error {
	listeners, addresses, err := listen(ctx, servers)
	if err != nil {
		return err
	}
	if started != nil {
		started(addresses)
	}
	working, stopWork := context.WithCancel(ctx)
	defer stopWork()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()

	faces := new(errgroup.Group)
	for i, server := range servers {
		faces.Go(func() error {
			defer stopWork()
			server.Log = log.With("server", server.Name)
			if err := outlet.Serve(serving, listeners[i], server.Config); err != nil {
				return fmt.Errorf("serve %s: %w", server.Name, err)
			}
			return nil
		})
	}
	work := new(errgroup.Group)
	for _, part := range parts {
		work.Go(func() error {
			err := part.Service.Run(working)
			if err != nil && working.Err() == nil {
				log.Error("service ended", "service", part.Name, "error", err)
				err = fmt.Errorf("%s: %w", part.Name, err)
			} else {
				err = nil
			}
			stopWork()
			return err
		})
	}
	workErr := work.Wait()
	stopServing()
	facesErr := faces.Wait()
	for _, part := range parts {
		if c, ok := part.Service.(Closer); ok {
			c.Close()
		}
	}
	return errors.Join(workErr, facesErr)
}

func listen(ctx context.Context, servers []Server) ([]net.Listener, map[string]string, error) {
	listeners := make([]net.Listener, 0, len(servers))
	addresses := make(map[string]string, len(servers))
	for _, server := range servers {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", server.Address)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return nil, nil, fmt.Errorf("listen for %s: %w", server.Name, err)
		}
		listeners = append(listeners, listener)
		addresses[server.Name] = listener.Addr().String()
	}
	return listeners, addresses, nil
}

// Signals gives a context that ends at the first interrupt or termination signal; a second one ends the process at once.
func Signals(ctx context.Context, log *slog.Logger) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			log.Info("shutting down; a second signal ends at once", "signal", s.String())
			cancel()
		}
		<-signals
		os.Exit(130)
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}
