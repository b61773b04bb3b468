package publish

import (
	"errors"
	"net/netip"
	"syscall"

	"liveclip/internal/address"
)

// errPrivate refuses a webhook that leads into our own network.
var errPrivate = errors.New("the address is private; publish.allow_private would allow it")

// publicOnly is a net.Dialer's Control: it sees the address that is really dialled, after every look-up.
func publicOnly(_, dialled string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(dialled)
	if err != nil || !address.Public(at.Addr()) {
		return errPrivate
	}
	return nil
}
