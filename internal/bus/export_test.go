package bus

import (
	"context"
	"net"
)

// Through leads what b exchanges with the brokers, but for the group's own calls, through wrap.
func (b *Bus) Through(wrap func(net.Conn) net.Conn) {
	dial := b.transport.Dial
	b.transport.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(c), nil
	}
}
