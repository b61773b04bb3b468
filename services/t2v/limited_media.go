package t2v

import (
	"context"

	mediav1 "liveclip/proto/media/v1"
)

// limitedMedia bounds how many media children run at once: of the plans taken up many only wait for an engine.
type limitedMedia struct {
	mediaChild
	free chan struct{}
}

func newLimitedMedia(of mediaChild, n int) limitedMedia {
	return limitedMedia{of, make(chan struct{}, n)}
}

func (p limitedMedia) Render(ctx context.Context, order *mediav1.RenderOrder) (*mediav1.Rendered, error) {
	return withSlot(ctx, p, func() (*mediav1.Rendered, error) { return p.mediaChild.Render(ctx, order) })
}

func (p limitedMedia) Probe(ctx context.Context, file string) (*mediav1.Probed, error) {
	return withSlot(ctx, p, func() (*mediav1.Probed, error) { return p.mediaChild.Probe(ctx, file) })
}

func (p limitedMedia) Look(ctx context.Context, file string) (*mediav1.Looked, error) {
	return withSlot(ctx, p, func() (*mediav1.Looked, error) { return p.mediaChild.Look(ctx, file) })
}

// withSlot does work while it holds a slot.
func withSlot[T any](ctx context.Context, p limitedMedia, work func() (T, error)) (T, error) {
	select {
	case p.free <- struct{}{}:
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
	defer func() { <-p.free }()
	return work()
}
