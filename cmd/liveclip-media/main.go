// Command liveclip-media does everything that needs native code: recording, recognising, finishing, rendering, probing. It
// runs only as a child of liveclip, one mode per process, and talks over its standard input and output (proto/media/v1).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"liveclip/internal/child/wire"
	"liveclip/internal/domain"
	"liveclip/internal/media"
	"liveclip/internal/media/limit"
	mediav1 "liveclip/proto/media/v1"
)

// mode does a child's work. It answers on out as it goes; its error becomes Failed, and nil becomes Done with the reason.
type mode func(ctx context.Context, order *mediav1.ToChild, in *messages, out *wire.Writer) (reason string, err error)

// messages are what follows the order, to the end of standard input.
type messages struct{ in *wire.Reader }

// Next gives the next message; io.EOF when nothing more will come.
func (m *messages) Next() (*mediav1.ToChild, error) {
	next := &mediav1.ToChild{}
	if err := m.in.Read(next); err != nil {
		return nil, err
	}
	return next, nil
}

func modes() map[string]mode {
	return map[string]mode{
		"record":    recordMode,
		"probe":     probeMode,
		"recognise": recogniseMode,
		"finish":    finishMode,
		"copy":      copyMode,
		"render":    renderMode,
		"look":      lookMode,
	}
}

func main() {
	run, ok := mode(nil), false
	if len(os.Args) > 1 {
		run, ok = modes()[os.Args[1]]
	}
	if !ok {
		fmt.Fprintln(os.Stderr, "liveclip-media is started by liveclip; it is of no use by itself")
		os.Exit(2)
	}
	if err := holdLifeline(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := serve(ctx, run, os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve takes the order, does it, and says how it ended. Its error is one that could not be said.
func serve(ctx context.Context, run mode, stdin io.Reader, stdout io.Writer) error {
	in, out := &messages{in: wire.NewReader(stdin)}, wire.NewWriter(stdout)
	order, err := in.Next()
	if err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	if l := order.GetLimits(); l != nil {
		ctx = limit.With(ctx, limit.Limits{Name: l.Name, Pixels: l.Pixels, Streams: l.Streams, Input: l.Input})
	}
	reason, err := run(ctx, order, in, out)
	if err != nil {
		return out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Failed{
			Failed: &mediav1.Failed{Error: media.Plain(err).Error(), Permanent: domain.IsPermanent(err)}}})
	}
	return out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Done{Done: &mediav1.Done{Reason: reason}}})
}

// errOrder is an order that does not fit the mode: the two binaries are not of one version.
var errOrder = domain.Permanent(errors.New("order does not fit the mode: liveclip and liveclip-media differ in version"))

// holdLifeline ends this process when its parent is gone: the parent alone holds the other end of the pipe.
func holdLifeline(args []string) error {
	for _, arg := range args {
		number, ok := strings.CutPrefix(arg, "--lifeline=")
		if !ok {
			return fmt.Errorf("unknown argument %q", arg)
		}
		fd, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return fmt.Errorf("argument %q: %w", arg, err)
		}
		go func() {
			_, _ = io.Copy(io.Discard, os.NewFile(uintptr(fd), "lifeline"))
			os.Exit(1)
		}()
	}
	return nil
}
