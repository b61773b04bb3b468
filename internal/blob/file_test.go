package blob_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"liveclip/internal/blob"
	"liveclip/internal/blob/blobtest"
	"liveclip/internal/domain"
)

func openFiles(t *testing.T, folder string) *blob.Files {
	t.Helper()
	s, err := blob.OpenFiles(folder)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFilesKeepTheStoresPromises(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return openFiles(t, t.TempDir()) })
}

func TestTheTagSurvivesARestart(t *testing.T) {
	folder := t.TempDir()
	before, err := openFiles(t, folder).Put(t.Context(), "t/a", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	after, err := openFiles(t, folder).Stat(t.Context(), "t/a")
	if err != nil || after != before {
		t.Errorf("before %+v, after %+v, %v", before, after, err)
	}
}

func TestALinkOutOfTheFolderLeadsNowhere(t *testing.T) {
	outside, folder := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openFiles(t, folder)
	if err := os.Symlink(outside, filepath.Join(folder, "t")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(t.Context(), "t/secret", 0, -1); err == nil {
		t.Error("read through a link")
	}
	if _, err := s.Put(t.Context(), "t/new", strings.NewReader("x")); err == nil {
		t.Error("wrote through a link")
	}
	for info := range s.List(t.Context(), "", "") {
		t.Errorf("listed %q", info.Key)
	}
	if err := os.Symlink(filepath.Join(outside, "secret"), filepath.Join(folder, "u")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(t.Context(), "u", 0, -1); err == nil {
		t.Error("read a link")
	}
}

func TestWhatACrashLeftHalfWrittenIsSwept(t *testing.T) {
	folder := t.TempDir()
	openFiles(t, folder)
	temp := func(name string) string { return filepath.Join(folder, ".tmp", name) }
	for _, name := range []string{"orphan", "held", "young"} {
		if err := os.WriteFile(temp(name), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	hourAgo := time.Now().Add(-time.Hour)
	for _, name := range []string{"orphan", "held"} {
		if err := os.Chtimes(temp(name), hourAgo, hourAgo); err != nil {
			t.Fatal(err)
		}
	}
	writer, err := os.Open(temp("held"))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := syscall.Flock(int(writer.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	openFiles(t, folder)
	for name, want := range map[string]bool{"orphan": false, "held": true, "young": true} {
		if _, err := os.Stat(temp(name)); (err == nil) != want {
			t.Errorf("%s: there is %v, want %v", name, err == nil, want)
		}
	}
}

func TestAnObjectCannotBeAFolderToo(t *testing.T) {
	s := openFiles(t, t.TempDir())
	if _, err := s.Put(t.Context(), "t/a", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "t/a/b", strings.NewReader("x")); !domain.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestAWrongAddressIsRefused(t *testing.T) {
	for _, url := range []string{"", "/tmp/x", "file://host/x", "file:x", "ftp://x/y", "s3://", "%"} {
		if _, err := blob.Open(t.Context(), blob.Config{URL: url}); !domain.IsPermanent(err) {
			t.Errorf("%q: %v", url, err)
		}
	}
	s, err := blob.Open(t.Context(), blob.Config{URL: "file://" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "t/a"); !errors.Is(err, blob.ErrNotFound) {
		t.Error(err)
	}
	if _, ok := s.(blob.Filer); !ok {
		t.Error("local files cannot be sent as files")
	}
}
