package blob

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// temporary makes a file that its writer holds locked: a file that nobody holds was left behind.
func (f *Files) temporary() (name string, file *os.File, err error) {
	name = tempFolder + "/" + rand.Text()
	file, err = f.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", nil, err
	}
	if err := flock(file, syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		file.Close()
		_ = f.root.Remove(name)
		return "", nil, fmt.Errorf("lock temporary file: %w", err)
	}
	return name, file, nil
}

// sweep removes the temporary files whose writers are gone.
func (f *Files) sweep(now time.Time) error {
	entries, err := fs.ReadDir(f.root.FS(), tempFolder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		stat, err := entry.Info()
		if err != nil || now.Sub(stat.ModTime()) < orphanAge {
			continue
		}
		name := tempFolder + "/" + entry.Name()
		file, err := f.root.Open(name)
		if err != nil {
			continue
		}
		if flock(file, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			err = f.root.Remove(name)
		}
		file.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// lock holds what replaces or removes the key apart, over all processes on this folder.
func (f *Files) lock(key string) (unlock func(), err error) {
	h := fnv.New32a()
	h.Write([]byte(key))
	file, err := f.root.OpenFile(fmt.Sprintf("%s/%02d", lockFolder, h.Sum32()%lockCount), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := flock(file, syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", key, err)
	}
	return func() { file.Close() }, nil
}

func flock(file *os.File, how int) error {
	for {
		if err := syscall.Flock(int(file.Fd()), how); err != syscall.EINTR {
			return err
		}
	}
}
