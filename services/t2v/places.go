package t2v

import (
	"context"

	mediav1 "liveclip/proto/media/v1"
)

// places lets so many use the media child at once: many plans are taken up that only wait for an engine.
type places struct {
	camera
	free chan struct{}
}

func newPlaces(of camera, n int) places { return places{of, make(chan struct{}, n)} }

func (p places) Render(ctx context.Context, order *mediav1.RenderOrder) (*mediav1.Rendered, error) {
	return in(ctx, p, func() (*mediav1.Rendered, error) { return p.camera.Render(ctx, order) })
}

func (p places) Probe(ctx context.Context, file string) (*mediav1.Probed, error) {
	return in(ctx, p, func() (*mediav1.Probed, error) { return p.camera.Probe(ctx, file) })
}

func (p places) Look(ctx context.Context, file string) (*mediav1.Looked, error) {
	return in(ctx, p, func() (*mediav1.Looked, error) { return p.camera.Look(ctx, file) })
}

// in does work in a place.
func in[T any](ctx context.Context, p places, work func() (T, error)) (T, error) {
	select {
	case p.free <- struct{}{}:
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
	defer func() { <-p.free }()
	return work()
}
