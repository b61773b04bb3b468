// Package limit bounds what an input may be. It is looked at before anything of the input is decoded; memory, time and
// files are bounded from outside (internal/child).
package limit

import (
	"context"
	"fmt"
	"os"

	"github.com/asticode/go-astiav"

	"liveclip/internal/domain"
)

// Limits bound one input. Zero: no bound.
type Limits struct {
	Name    string // what the settings' names begin with, for errors: "media.limits.record"
	Pixels  int64  // of one picture
	Streams int64  // in one container
	Input   int64  // bytes of a file
}

type key struct{}

// With gives the limits to everything that is opened under ctx.
func With(ctx context.Context, l Limits) context.Context { return context.WithValue(ctx, key{}, l) }

// Of gives the limits of ctx; without any, those that are shipped.
func Of(ctx context.Context) Limits {
	if l, ok := ctx.Value(key{}).(Limits); ok {
		return l
	}
	return Limits{Name: "the shipped limits", Pixels: 4096 * 4096, Streams: 64, Input: 256 << 30}
}

func (l Limits) exceeded(what string, is, limit int64) error {
	if limit == 0 || is <= limit {
		return nil
	}
	return domain.Permanent(fmt.Errorf("%s.%s: the input has %d, the limit is %d", l.Name, what, is, limit))
}

// File looks at a file's size. One that can't be looked at is left to whoever opens it.
func (l Limits) File(path string) error {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return l.exceeded("input", info.Size(), l.Input)
	}
	return nil
}

// Count looks at how many streams an open input has.
func (l Limits) Count(fc *astiav.FormatContext) error {
	return l.exceeded("streams", int64(len(fc.Streams())), l.Streams)
}

// Container looks at what the header of an open input tells of its streams.
func (l Limits) Container(fc *astiav.FormatContext) error {
	if err := l.Count(fc); err != nil {
		return err
	}
	for _, s := range fc.Streams() {
		if err := l.Picture(s.CodecParameters().Width(), s.CodecParameters().Height()); err != nil {
			return err
		}
	}
	return nil
}

// Picture looks at a picture's size.
func (l Limits) Picture(width, height int) error {
	return l.exceeded("pixels", int64(width)*int64(height), l.Pixels)
}
