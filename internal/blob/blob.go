// Package blob is the object store: bytes, and the few records that must be written once. Files and S3 behave alike; one
// suite (blobtest) holds them to it.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"path"
	"time"

	"liveclip/internal/domain"
)

var (
	ErrNotFound = errors.New("object not found")
	ErrExists   = errors.New("object exists already")
	ErrChanged  = errors.New("object was changed by another")
)

// Info describes an object.
type Info struct {
	Key      string
	Size     int64
	ETag     string // strong, without quotes: changes with the content
	Modified time.Time
}

// Store holds objects by key. Keys are slash-separated, begin with the tenant, have at most 700 bytes, and never hold "..",
// empty parts, parts that begin with a dot, or bytes outside [A-Za-z0-9._/=-]; a key that does is a permanent error. No key
// may be the folder of another ("a/b" beside "a/b/c"). Safe for concurrent use, also by several processes. A Put is seen
// whole or not at all, and lies on the disk when it returns.
type Store interface {
	// Put writes or replaces an object.
	Put(ctx context.Context, key string, r io.Reader) (Info, error)
	// PutNew writes an object that must not exist: ErrExists if it does, even when two race.
	PutNew(ctx context.Context, key string, r io.Reader) (Info, error)
	// PutIf replaces an object whose ETag is still the one given: ErrChanged if not, or if the object is gone.
	PutIf(ctx context.Context, key string, r io.Reader, etag string) (Info, error)
	// Get reads size bytes from offset, fewer where the object ends before; size < 0: to the end. ErrNotFound.
	Get(ctx context.Context, key string, offset, size int64) (io.ReadCloser, Info, error)
	Stat(ctx context.Context, key string) (Info, error)
	// Delete of an object that is not there is no error.
	Delete(ctx context.Context, key string) error
	// List gives the objects whose keys begin with prefix and come after `after`, in key order.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
}

// Filer is a Store whose objects are local files, which can be sent by sendfile.
type Filer interface {
	// Open gives an open file of its own for each call; the caller closes it.
	Open(ctx context.Context, key string) (*os.File, Info, error)
}

// Config is the part "store" of the configuration.
type Config struct {
	URL string `koanf:"url"` // file:///dir or s3://bucket/prefix?endpoint=…&region=…
}

// Open opens the store the URL names. An object store is asked for its bucket, so that a wrong address shows at once.
func Open(ctx context.Context, cfg Config) (Store, error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil:
		return nil, domain.Permanent(fmt.Errorf("open store: %w", err))
	case u.Scheme == "file" && u.Host == "" && path.IsAbs(u.Path):
		return OpenFiles(u.Path)
	case u.Scheme == "s3" && u.Host != "":
		return openS3(ctx, u)
	}
	return nil, domain.Permanent(fmt.Errorf("open store %q: must be file:///folder or s3://bucket/prefix", u.Redacted()))
}
