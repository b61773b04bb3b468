// Package workfolder makes folders for files in the making. A folder is its process's for as long as that lives: what a
// killed process left is swept away by the next one that starts.
package workfolder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Folder is a folder of this process's own.
type Folder struct {
	Path string
	held *os.File
}

// Make makes a folder inside root, the temporary folder if empty, whose name begins with prefix.
func Make(root, prefix string) (*Folder, error) {
	for {
		path, err := os.MkdirTemp(root, prefix)
		if err != nil {
			return nil, fmt.Errorf("make a work folder: %w", err)
		}
		f, err := hold(path)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.EWOULDBLOCK) { // swept away as it was made: once more
			return nil, fmt.Errorf("hold work folder: %w", err)
		}
	}
}

// hold locks a folder; the lock goes with the process, and no child inherits it.
func hold(path string) (*Folder, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return &Folder{Path: path, held: dir}, nil
}

// Remove removes the folder with everything in it.
func (f *Folder) Remove() error { return errors.Join(os.RemoveAll(f.Path), f.held.Close()) }

// Sweep removes the folders of a prefix that no process holds.
func Sweep(root, prefix string) error {
	if root == "" {
		root = os.TempDir()
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return fmt.Errorf("sweep work folders: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		f, err := hold(filepath.Join(root, e.Name()))
		if err != nil {
			continue // another's, or already gone
		}
		errs = append(errs, f.Remove())
	}
	return errors.Join(errs...)
}
