package delivery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a log of bounded size: when it would pass Max bytes it becomes Path.1, what was Path.1 becomes Path.2, and so on up
// to Keep; the oldest is removed. It is for one goroutine of one process.
type File struct {
	Path string
	Max  int64
	Keep int

	open *os.File
	size int64
}

// Append adds whole lines, at least one write for all of them. After an error the file is opened anew with the next ones.
func (f *File) Append(lines []byte) error {
	err := f.append(lines)
	if err != nil {
		err = errors.Join(fmt.Errorf("log of deliveries: %w", err), f.Close())
	}
	return err
}

func (f *File) append(lines []byte) error {
	if f.open == nil {
		if err := f.reopen(); err != nil {
			return err
		}
	}
	if f.size > 0 && f.size+int64(len(lines)) > f.Max {
		if err := errors.Join(f.Close(), f.moveAside(), f.reopen()); err != nil {
			return err
		}
	}
	n, err := f.open.Write(lines)
	f.size += int64(n)
	return err
}

// reopen goes on where the file ends; a line that a crash cut off is ended first.
func (f *File) reopen() error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o750); err != nil {
		return err
	}
	open, err := os.OpenFile(f.Path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	f.open = open
	info, err := open.Stat()
	if err != nil {
		return err
	}
	if f.size = info.Size(); f.size == 0 {
		return nil
	}
	var last [1]byte
	if _, err := open.ReadAt(last[:], f.size-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = open.Write([]byte{'\n'})
	f.size++
	return err
}

func (f *File) moveAside() error {
	name := func(i int) string { return fmt.Sprintf("%s.%d", f.Path, i) }
	if f.Keep < 1 {
		return os.Remove(f.Path)
	}
	for i := f.Keep - 1; i >= 1; i-- {
		if err := os.Rename(name(i), name(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(f.Path, name(1))
}

// Close may be called again.
func (f *File) Close() error {
	if f.open == nil {
		return nil
	}
	err := f.open.Close()
	f.open = nil
	return err
}
