// Package childtest gives tests the real liveclip-media.
package childtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"liveclip/internal/child"
)

var build = sync.OnceValues(buildBinary)

// Binary is the path of a liveclip-media built from the working tree. It is built once per test process, and not at all
// when the last one built is still right.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatalf("build liveclip-media: %v", err)
	}
	return path
}

// Starter starts children of Binary under the shipped limits.
func Starter(t testing.TB) *child.Starter {
	t.Helper()
	cfg := child.Defaults()
	cfg.Binary = Binary(t)
	s, err := child.NewStarter(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// buildBinary builds at one place per module folder, so that go build can see that nothing changed; the lock is against
// other test processes.
func buildBinary() (string, error) {
	out, err := exec.CommandContext(context.Background(), "go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("liveclip-test-%x", sha256.Sum256([]byte(root)))[:32])
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(folder, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(folder, "liveclip-media")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", path, "./cmd/liveclip-media")
	cmd.Dir = root
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return path, nil
}
