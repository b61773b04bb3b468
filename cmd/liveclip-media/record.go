package main

import (
	"context"

	"liveclip/internal/child/wire"
	"liveclip/internal/media"
	mediav1 "liveclip/proto/media/v1"
)

// recordMode records until the source ends, or until standard input ends: then it stops after the part it has begun.
func recordMode(ctx context.Context, order *mediav1.ToChild, in *messages, out *wire.Writer) (string, error) {
	if order.GetRecord() == nil {
		return "", errOrder
	}
	media.BeThrifty()
	send := func(m *mediav1.FromChild) error { return out.Write(m) }
	return media.Record(ctx, order.GetRecord(), in.Next, send)
}
