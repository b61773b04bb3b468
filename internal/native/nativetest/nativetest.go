// Package nativetest finds the shared libraries for tests.
package nativetest

import (
	"os"
	"path/filepath"
	"testing"

	"liveclip/internal/native"
)

// Libraries is the folder, absolute, of the shared libraries that LIVECLIP_TEST_LIBRARIES names, which must have this one; else
// of those that `make build` left in the repository, and the test is skipped where it did not.
func Libraries(t testing.TB, name string) string {
	t.Helper()
	folder, named := os.LookupEnv("LIVECLIP_TEST_LIBRARIES")
	if named = named && folder != ""; !named {
		folder = filepath.Join(repository(t), "bin")
	}
	if _, err := native.Library(name, folder); err != nil {
		if named {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// repository is the folder with go.mod above a test.
func repository(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for at := folder; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			t.Fatalf("no go.mod above %s", folder)
		}
	}
}
