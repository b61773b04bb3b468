package main

import (
	"context"

	"liveclip/internal/child/wire"
	"liveclip/internal/media/finish"
	mediav1 "liveclip/proto/media/v1"
)

// renderMode draws a template shot. Done says that it lies where the order wanted it.
func renderMode(ctx context.Context, order *mediav1.ToChild, _ *messages, out *wire.Writer) (string, error) {
	if order.GetRender() == nil {
		return "", errOrder
	}
	rendered, err := finish.Shot(ctx, order.GetRender())
	if err != nil {
		return "", err
	}
	return "", out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Rendered{Rendered: rendered}})
}

// lookMode measures the pictures of a file.
func lookMode(ctx context.Context, order *mediav1.ToChild, _ *messages, out *wire.Writer) (string, error) {
	if order.GetLook() == nil {
		return "", errOrder
	}
	looked, err := finish.Look(ctx, order.GetLook())
	if err != nil {
		return "", err
	}
	return "", out.Write(&mediav1.FromChild{Message: &mediav1.FromChild_Looked{Looked: looked}})
}
