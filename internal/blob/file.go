package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"syscall"
	"time"

	"liveclip/internal/domain"
)

const (
	tempFolder = ".tmp"      // beside the tenants, so that a rename or link stays in one file system
	lockFolder = ".lock"     // striped locks of conditional replaces
	lockCount  = 64          // two keys that share a stripe wait for each other for a rename, no longer
	orphanAge  = time.Minute // a temporary file is locked by its writer well before it has this age
)

// Files is a Store in a folder. An object is written to a temporary file, synced, and linked or renamed into place.
//
// Its ETag is modification time (nanoseconds, set by the writer, rising within a process), size and inode: a write always
// makes a new inode at a later time, so that no two writes of a key share a tag, nothing is read to know it, and it
// survives a restart. A copy of the folder has other tags than the original.
//
// Nothing outside the folder is ever reached, also not through a symbolic link in it (os.Root).
type Files struct {
	root  *os.Root
	clock atomic.Int64 // Unix nanoseconds of the newest write
}

// OpenFiles opens the folder, makes it if need be, and removes what writers that are gone left half-written.
func OpenFiles(folder string) (*Files, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	f := &Files{root: root}
	for _, hidden := range []string{tempFolder, lockFolder} {
		if err := root.MkdirAll(hidden, 0o755); err != nil {
			return nil, fmt.Errorf("open store %s: %w", folder, err)
		}
	}
	if err := f.sweep(time.Now()); err != nil {
		return nil, fmt.Errorf("open store %s: %w", folder, err)
	}
	return f, nil
}

// Put writes or replaces an object.
func (f *Files) Put(ctx context.Context, key string, r io.Reader) (Info, error) {
	return f.put(ctx, "put", key, r, func(temp string) error {
		unlock, err := f.lock(key)
		if err != nil {
			return err
		}
		defer unlock()
		return f.place(key, func() error { return f.root.Rename(temp, key) })
	})
}

// PutNew writes an object that must not exist.
func (f *Files) PutNew(ctx context.Context, key string, r io.Reader) (Info, error) {
	if err := checkKey(key); err == nil {
		if _, err := f.root.Lstat(key); err == nil { // spares the write; the link decides
			return Info{}, fmt.Errorf("put new %s: %w", key, ErrExists)
		}
	}
	return f.put(ctx, "put new", key, r, func(temp string) error {
		err := f.place(key, func() error { return f.root.Link(temp, key) })
		if errors.Is(err, fs.ErrExist) {
			return ErrExists
		}
		return err
	})
}

// PutIf replaces an object whose ETag is still the one given.
func (f *Files) PutIf(ctx context.Context, key string, r io.Reader, etag string) (Info, error) {
	return f.put(ctx, "put if", key, r, func(temp string) error {
		unlock, err := f.lock(key)
		if err != nil {
			return err
		}
		defer unlock()
		if now, err := f.stat(key); errors.Is(err, ErrNotFound) || err == nil && now.ETag != etag {
			return ErrChanged
		} else if err != nil {
			return err
		}
		return f.place(key, func() error { return f.root.Rename(temp, key) })
	})
}

// put fills a temporary file and has it placed under its key.
func (f *Files) put(ctx context.Context, action, key string, r io.Reader, place func(temp string) error) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	temp, file, err := f.temporary()
	if err != nil {
		return Info{}, fmt.Errorf("%s %s: %w", action, key, err)
	}
	defer func() { _ = f.root.Remove(temp) }() // after a rename there is nothing to remove
	defer file.Close()
	if _, err := io.Copy(file, UntilDone(ctx, r)); err != nil {
		return Info{}, fmt.Errorf("%s %s: %w", action, key, err)
	}
	if err := f.stamp(temp); err != nil {
		return Info{}, fmt.Errorf("%s %s: %w", action, key, err)
	}
	if err := file.Sync(); err != nil {
		return Info{}, fmt.Errorf("%s %s: %w", action, key, err)
	}
	stat, err := file.Stat()
	if err != nil {
		return Info{}, fmt.Errorf("%s %s: %w", action, key, err)
	}
	if err := place(temp); err != nil {
		return Info{}, fmt.Errorf("%s %s: %w", action, key, err)
	}
	return infoOf(key, stat), nil
}

// stamp gives the file a modification time later than that of every earlier write of this process.
func (f *Files) stamp(temp string) error {
	for {
		last, now := f.clock.Load(), time.Now().UnixNano()
		next := max(now, last+1)
		if f.clock.CompareAndSwap(last, next) {
			return f.root.Chtimes(temp, time.Unix(0, next), time.Unix(0, next))
		}
	}
}

// place makes the key's folder, calls move, and syncs the folder. A Delete may take the empty folder away in between.
func (f *Files) place(key string, move func() error) error {
	folder := path.Dir(key)
	for range 16 {
		_, err := f.root.Stat(folder)
		made := errors.Is(err, fs.ErrNotExist)
		if made {
			if err := f.root.MkdirAll(folder, 0o755); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return notFolder(err)
			}
		}
		err = move()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return notFolder(err)
		}
		if err := f.syncFolder(folder); err != nil || !made {
			return err
		}
		for folder != "." {
			folder = path.Dir(folder)
			if err := f.syncFolder(folder); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("folder %s vanishes again and again", folder)
}

// notFolder marks the conflict between an object and a folder of one name, which no retry can mend.
func notFolder(err error) error {
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) {
		return domain.Permanent(err)
	}
	return err
}

func (f *Files) syncFolder(folder string) error {
	d, err := f.root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the object was deleted again, and the folder with it
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Get reads a part of an object.
func (f *Files) Get(ctx context.Context, key string, offset, size int64) (io.ReadCloser, Info, error) {
	if offset < 0 {
		return nil, Info{}, domain.Permanent(fmt.Errorf("get %s: offset %d is negative", key, offset))
	}
	file, info, err := f.Open(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	if size < 0 {
		size = max(0, info.Size-offset)
	}
	return section{io.NewSectionReader(file, offset, size), file}, info, nil
}

// section reads a part of a file of its own.
type section struct {
	io.Reader
	io.Closer
}

// Open gives the object as an open file of the caller's own.
func (f *Files) Open(ctx context.Context, key string) (*os.File, Info, error) {
	if err := checkKey(key); err != nil {
		return nil, Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return nil, Info{}, err
	}
	file, err := f.root.Open(key)
	if err != nil {
		return nil, Info{}, fmt.Errorf("open %s: %w", key, notFound(err))
	}
	stat, err := file.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = ErrNotFound
	}
	if err != nil {
		file.Close()
		return nil, Info{}, fmt.Errorf("open %s: %w", key, err)
	}
	return file, infoOf(key, stat), nil
}

// Stat describes an object.
func (f *Files) Stat(ctx context.Context, key string) (Info, error) {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return Info{}, err
	}
	info, err := f.stat(key)
	if err != nil {
		return Info{}, fmt.Errorf("stat %s: %w", key, err)
	}
	return info, nil
}

func (f *Files) stat(key string) (Info, error) {
	stat, err := f.root.Lstat(key)
	if err != nil {
		return Info{}, notFound(err)
	}
	if !stat.Mode().IsRegular() {
		return Info{}, ErrNotFound
	}
	return infoOf(key, stat), nil
}

// Delete removes an object, and the folders it leaves empty.
func (f *Files) Delete(ctx context.Context, key string) error {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return err
	}
	unlock, err := f.lock(key)
	if err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	defer unlock()
	if _, err := f.stat(key); errors.Is(err, ErrNotFound) {
		return nil
	}
	if err := f.root.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	for folder := path.Dir(key); folder != "."; folder = path.Dir(folder) {
		if f.root.Remove(folder) != nil { // not empty: another's objects lie there
			break
		}
	}
	return nil
}

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return ErrNotFound
	}
	return err
}

func infoOf(key string, stat fs.FileInfo) Info {
	var inode uint64
	if s, ok := stat.Sys().(*syscall.Stat_t); ok {
		inode = s.Ino
	}
	modified := stat.ModTime()
	return Info{
		Key:      key,
		Size:     stat.Size(),
		ETag:     fmt.Sprintf("%x-%x-%x", modified.UnixNano(), stat.Size(), inode),
		Modified: modified.UTC(),
	}
}

// UntilDone is a reader that ends with its context.
func UntilDone(ctx context.Context, r io.Reader) io.Reader { return untilDone{ctx, r} }

type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}
