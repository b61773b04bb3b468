package workfolder_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"liveclip/internal/workfolder"
)

// makerVar makes the test binary a process that holds a work folder and waits to be killed.
const makerVar = "LIVECLIP_TEST_WORKFOLDER"

func TestMain(m *testing.M) {
	root := os.Getenv(makerVar)
	if root == "" {
		os.Exit(m.Run())
	}
	f, err := workfolder.Make(root, "clip-")
	if err != nil {
		panic(err)
	}
	fmt.Println(f.Path)
	select {}
}

func TestWhatAKilledProcessLeftIsSweptAndNothingElse(t *testing.T) {
	root := t.TempDir()
	mine, err := workfolder.Make(root, "clip-")
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(root, "other")
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), makerVar+"="+root)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var theirs string
	if _, err := fmt.Fscan(out, &theirs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(theirs, "720p.mp4"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	sweep(t, root, map[string]bool{mine.Path: true, other: true, theirs: true})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	sweep(t, root, map[string]bool{mine.Path: true, other: true, theirs: false})
	if err := mine.Remove(); err != nil {
		t.Fatal(err)
	}
	sweep(t, root, map[string]bool{mine.Path: false, other: true})
}

func sweep(t *testing.T, root string, there map[string]bool) {
	t.Helper()
	if err := workfolder.Sweep(root, "clip-"); err != nil {
		t.Fatal(err)
	}
	for path, want := range there {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: there %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
}
