package main

import (
	"context"

	"liveclip/internal/child/wire"
	"liveclip/internal/media"
	mediav1 "liveclip/proto/media/v1"
)

// probeMode tells what a file or URL is.
func probeMode(ctx context.Context, order *mediav1.ToChild, _ *messages, out *wire.Writer) (string, error) {
	if order.GetProbe() == nil {
		return "", errOrder
	}
	probed, err := media.Probe(ctx, order.GetProbe())
	if err != nil {
		return "", err
	}
	return "", out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Probed{Probed: probed}})
}
