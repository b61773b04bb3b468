package test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"liveclip/internal/demo"
	"liveclip/internal/font"
)

// binaries is the folder of the programs under test.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "liveclip-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		binaries = folder
		for _, build := range [][]string{{"CGO_ENABLED=0", "liveclip", "liveclip"}, {"CGO_ENABLED=1", "liveclip-media", "liveclip/cmd/liveclip-media"}} {
			command := exec.Command("go", "build", "-o", filepath.Join(folder, build[1]), build[2])
			command.Env = append(os.Environ(), build[0])
			if problems, err := command.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "build %s: %v\n%s", build[1], err, problems)
				return 1
			}
		}
		return m.Run()
	}())
}

// makeRoom draws and synthesises a room.
func makeRoom(t *testing.T, seed uint64) (demo.Room, string) {
	t.Helper()
	path, err := font.Find()
	if err != nil {
		t.Fatal(err)
	}
	room := demo.NewRoom(seed)
	movie, err := room.Synthesise(context.Background(), seed, t.TempDir(), path)
	if err != nil {
		t.Fatal(err)
	}
	return room, movie
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
