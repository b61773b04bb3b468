package address_test

import (
	"net"
	"testing"

	"liveclip/internal/address"
)

func TestAFreeAddressCanBeListenedOnAndIsNoneThatSystemsGive(t *testing.T) {
	free, err := address.Free(t.Context(), 100)
	if err != nil || len(free) != 100 {
		t.Fatal(free, err)
	}
	for _, place := range free {
		listener, err := net.Listen("tcp", place)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		if at := listener.Addr().(*net.TCPAddr); at.Port >= 32768 || !at.IP.IsLoopback() {
			t.Errorf("at %s", at)
		}
	}
}
