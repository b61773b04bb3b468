package finish

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/asticode/go-astiav"
)

// FileFormats are those a local file may have: plain containers, none that refers to other files.
const FileFormats = fileFormats

// Seal writes a fragmented file's length into its header.
func Seal(path string, length time.Duration) error { return writeLengths(path, length) }

// SetMetadata sets a metadata key of a file to be written.
func SetMetadata(out *astiav.FormatContext, key, value string) { setMetadata(out, key, value) }

// WriteCover writes a decoded picture of a stream as a JPEG, as large as it is.
func WriteCover(path string, f *astiav.Frame, stream *astiav.Stream) error {
	like := f.Clone() // whose time is changed
	defer like.Free()
	like.SetPts(0)
	from := picture{width: f.Width(), height: f.Height(), pixel: f.PixelFormat(), timeBase: astiav.NewRational(1, 25)}
	return writePicture(path, like, from, f.Width(), f.Height(), []string{jpegColours(shape{matrix: colourMatrix(stream)})})
}

// Runs reads a source of a feed as a row of runs.
type Runs struct{ runs }

// Runs begins to read a source.
func (f *Feed) Runs(ctx context.Context, source int64) *Runs {
	return &Runs{runs{next: func() ([]byte, string, error) { return f.next(ctx, source) }}}
}

// Next goes on to the next run, which Read then gives; false when the source has no more. It waits for it.
func (r *Runs) Next() (bool, error) {
	if r.nextRun() {
		return true, nil
	}
	if !errors.Is(r.ended, io.EOF) {
		return false, r.ended
	}
	return false, nil
}

// Lost is why the source broke off; nil where it came to its end.
func (r *Runs) Lost() error {
	if errors.Is(r.ended, io.EOF) {
		return nil
	}
	return r.ended
}

// Reason is why the source ended before the window did.
func (r *Runs) Reason() string { return r.reason }

// Drop forgets a source that is needed no more.
func (f *Feed) Drop(source int64) { f.drop(source) }
