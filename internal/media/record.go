package media

import (
	"context"

	mediav1 "liveclip/proto/media/v1"
)

// Record does a RecordOrder.
func Record(ctx context.Context, order *mediav1.RecordOrder, next func() (*mediav1.ToChild, error), send func(*mediav1.FromChild) error) (reason string, err error) {
	panic("unwritten")
}

// Probe does a ProbeOrder.
func Probe(ctx context.Context, order *mediav1.ProbeOrder) (*mediav1.Probed, error) {
	panic("unwritten")
}
