package publish

import (
	"errors"
	"syscall"

	"liveclip/internal/address"
)

// errPrivate refuses a webhook that leads into our own network.
var errPrivate = errors.New("the address is private; publish.allow_private would allow it")

// publicOnly is a net.Dialer's Control.
func publicOnly(network, dialled string, c syscall.RawConn) error {
	if address.Control(network, dialled, c) != nil {
		return errPrivate
	}
	return nil
}
