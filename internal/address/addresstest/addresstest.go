// Package addresstest gives tests addresses of this machine that no other test is given.
package addresstest

import (
	"fmt"
	"syscall"
	"testing"

	"liveclip/internal/address"
)

// Free is one of address.Free.
func Free(t testing.TB) string {
	t.Helper()
	free, err := address.Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return free[0]
}

// Dead is where nobody listens, host:port, nor can until the test ends: it is bound.
func Dead(t testing.TB) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
}
