package models

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"liveclip/internal/models"
)

func TestAModelIsUnpackedOnceWholeAndVerified(t *testing.T) {
	root := filepath.Join(t.TempDir(), "models")
	folder, err := Unpack(root, Mandarin)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(folder, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Unpack(root, Mandarin); err != nil || again != folder {
		t.Fatalf("unpacked again to %s (%v), first to %s", again, err, folder)
	}
	after, err := os.Stat(filepath.Join(folder, "model.onnx"))
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the second time wrote the model again: %v", err)
	}
	m, err := models.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != Mandarin || m.Kind != models.NemoCTC || m.Language != "zh" {
		t.Errorf("unpacked %+v", m)
	}
	if before.Size() > 8<<20 {
		t.Errorf("the model has %d bytes, more than 8 MB", before.Size())
	}
	if left, _ := filepath.Glob(filepath.Join(root, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestADamagedModelIsReplaced(t *testing.T) {
	root := t.TempDir()
	folder, err := Unpack(root, Mandarin)
	if err != nil {
		t.Fatal(err)
	}
	own, err := files.ReadFile(Mandarin + "/model.yaml")
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]func() error{
		"cut short": func() error { return os.Truncate(filepath.Join(folder, "model.onnx"), 1000) },
		"another's, with a manifest that agrees": func() error {
			return os.WriteFile(filepath.Join(folder, "model.yaml"), append(bytes.Clone(own), "\n# mine\n"...), 0o600)
		},
	}
	for name, do := range damage {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if again, err := Unpack(root, Mandarin); err != nil || again != folder {
			t.Fatalf("%s: unpacked to %s: %v", name, again, err)
		}
		if err := whole(folder, own); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(root); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestManyMayUnpackOneModelAtOnce(t *testing.T) {
	root := t.TempDir()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := Unpack(root, Mandarin); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestAModelThatDoesNotComeWithLiveclipIsRefused(t *testing.T) {
	if folder, err := Unpack(t.TempDir(), "klingon"); err == nil {
		t.Errorf("unpacked to %s", folder)
	}
}
