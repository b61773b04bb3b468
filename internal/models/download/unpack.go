package download

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const mostFiles = 1000 // of an archive

// unpack puts an archive's files into a folder, without the one folder that they usually lie in. Recordings to try a model with
// are left out; links, and paths that lead outside, are refused.
func unpack(archive, name, into string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	packed := bufio.NewReader(file)
	if !strings.HasSuffix(name, ".gz") {
		return untar(bzip2.NewReader(packed), into)
	}
	plain, err := gzip.NewReader(packed)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	return untar(plain, into)
}

func untar(plain io.Reader, into string) error {
	archive := tar.NewReader(io.LimitReader(plain, mostBytes))
	files := 0
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		if files++; files > mostFiles {
			return fmt.Errorf("unpack: more than %d files", mostFiles)
		}
		name := path.Clean(header.Name)
		if !filepath.IsLocal(name) || strings.Contains(name, `\`) {
			return fmt.Errorf("unpack: %q leads outside", header.Name)
		}
		switch header.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg:
		default:
			return fmt.Errorf("unpack: %q is a link or a device", header.Name)
		}
		if _, below, ok := strings.Cut(name, "/"); ok {
			name = below
		}
		if strings.HasPrefix(name, "test_wavs/") {
			continue
		}
		if err := write(filepath.Join(into, filepath.FromSlash(name)), archive); err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
	}
}

func write(path string, from io.Reader) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, from)
	return err
}
