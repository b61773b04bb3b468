package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"liveclip/internal/demo"
	"liveclip/internal/font"
	"liveclip/internal/native"
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
		for _, build := range [][]string{{"CGO_ENABLED=0", "liveclip", "liveclip/cmd/liveclip"}, {"CGO_ENABLED=1", "liveclip-media", "liveclip/cmd/liveclip-media"}} {
			command := exec.Command("go", "build", "-o", filepath.Join(folder, build[1]), build[2])
			command.Env = append(os.Environ(), build[0])
			if problems, err := command.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "build %s: %v\n%s", build[1], err, problems)
				return 1
			}
		}
		linkLibraries(folder)
		return m.Run()
	}())
}

// linkLibraries puts the shared libraries that `make build` left beside the programs under test.
func linkLibraries(folder string) {
	from := os.Getenv("LIVECLIP_TEST_LIBRARIES")
	if from == "" {
		from = filepath.Join("..", "bin")
	}
	for _, name := range []string{native.Sherpa, native.ONNXRuntime} {
		if path, err := native.Library(name, from); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				_ = os.Symlink(path, filepath.Join(folder, name))
			}
		}
	}
}

// knowsMandarin tells whether this machine can speak and hear it.
func knowsMandarin(t *testing.T) bool {
	t.Helper()
	_, speaks := exec.LookPath("espeak-ng")
	_, hears := native.Library(native.Sherpa, binaries)
	if speaks != nil || hears != nil {
		t.Logf("no Mandarin room: %v", errors.Join(speaks, hears))
	}
	return speaks == nil && hears == nil
}

// makeRoom draws and synthesises an English room.
func makeRoom(t *testing.T, seed uint64) (demo.Room, string) {
	t.Helper()
	return synthesise(t, demo.NewRoom(seed), seed)
}

func synthesise(t *testing.T, room demo.Room, seed uint64) (demo.Room, string) {
	t.Helper()
	path, err := font.Find()
	if err != nil {
		t.Fatal(err)
	}
	movie, err := room.Synthesise(context.Background(), seed, t.TempDir(), path)
	if err != nil {
		t.Fatal(err)
	}
	return room, movie
}
