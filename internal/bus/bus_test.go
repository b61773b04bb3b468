package bus_test

import (
	"testing"

	"liveclip/internal/bus/bustest"
)

func TestBusKeepsItsPromises(t *testing.T) {
	bustest.Run(t, bustest.Config)
}
