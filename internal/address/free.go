package address

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
)

// Free gives n places on the loopback interface where nobody listens, host:port, for programs that must be told before
// they start. Their ports lie below those that systems give of themselves (32768 up; IANA: 49152), so that no
// connection of anybody's is given one meanwhile.
func Free(ctx context.Context, n int) ([]string, error) {
	const from, below = 10000, 32768
	var free []string
	for len(free) < n {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", from+rand.IntN(below-from)))
		switch {
		case err == nil:
			defer listener.Close() // once all are found: they differ
			free = append(free, listener.Addr().String())
		case !errors.Is(err, syscall.EADDRINUSE):
			return nil, fmt.Errorf("find a free port: %w", err)
		}
	}
	return free, nil
}
