package main

import (
	"context"

	"liveclip/internal/child/wire"
	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// renderMode draws a template shot. Done says that it lies where the order wanted it.
func renderMode(ctx context.Context, order *mediav1.ToChild, _ *messages, _ *wire.Writer) (string, error) {
	if order.GetRender() == nil {
		return "", errOrder
	}
	return "", finish.Shot(ctx, order.GetRender())
}
